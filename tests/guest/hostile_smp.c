/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several CPUs that mean no good. how=ipis: all write anything to their ICRs, for a while; exit,
 * triple, fetch, reset, init, poweroff: one ends or resets the VM while the others spin, exit,
 * or halt; deaf: all halt with interrupts off; race: all of it at once.
 */
#include "tests/guest/lib/smp64.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define RESET_HARD 0x06
#define IPIS_US 1500000u
#define NOWHERE 0x80000000ul
#define SLP_OFF (5u << 10 | 1u << 13)

static u32 cpus;
static volatile bool go, with_nmis;
static volatile u32 rounds;

static u64 next(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void on_any(struct trap_frame *frame)
{
	(void)frame;
	lapic_eoi();
}

static void on_nmi(struct trap_frame *frame)
{
	(void)frame;
}

/*
 * To nobody, to all, start-up IPIs to CPUs that run, and INITs, but not to CPU 0, or NMIs: not both,
 * for a CPU that has just been started has no handler yet.
 */
static void one_ipi(u64 *random)
{
	u64 r = next(random);
	u32 command = (u32)r & 0xcdfff, delivery = command & 0x700;
	u32 dest = (u32)(r >> 32) & ((r >> 48) & 1 ? 0xff : 0x3);

	if (delivery == (with_nmis ? ICR_INIT : ICR_NMI))
		return;
	if (delivery == ICR_INIT) {
		command &= ~(u32)(ICR_LOGICAL | 0xc0000);
		if (dest == 0xff || dest == 0)
			dest = 1;
	}
	/* Those below 16 are errors; those of exceptions have other frames than interrupts. */
	if (delivery == ICR_STARTUP)
		command = (command & ~0xffu) | SMP_START_PAGE;
	else if ((command & 0xff) >= 16)
		command |= 0x40;
	lapic_write(LAPIC_ICR_HIGH, dest << 24);
	lapic_write(LAPIC_ICR_LOW, command);
	if ((r >> 50) % 64 == 0)
		lapic_write(LAPIC_LDR, (u32)(r >> 8));
	if ((r >> 56) % 64 == 0)
		lapic_write(LAPIC_DFR, (u32)(r >> 4));
	rounds++;
}

static void many_ipis(u32 id)
{
	u64 random = rdtsc() | 1 | (u64)id << 40;

	for (;;) {
		while (!go)
			asm volatile("pause");
		irq_enable();
		one_ipi(&random);
	}
}

static void ipis(bool nmis)
{
	u64 random = 0x1234567;
	u32 start, last;

	for (u32 vector = 0x40; vector < 256; vector++)
		trap_set_handler(vector, on_any);
	trap_set_handler(VEC_NMI, on_nmi);
	with_nmis = nmis;
	go = false;
	smp_start_all(many_ipis);
	go = true;
	start = pm_timer();
	irq_enable();
	do {
		one_ipi(&random);
	} while (pm_timer_since(start) < pm_timer_ticks(IPIS_US));
	/* With INITs the others go on: INIT ends it. NMIs must end before the first INIT. */
	go = !nmis;
	clock_wait_us(50000);
	irq_disable();
	for (u32 id = 1; id < cpus; id++)
		smp_init(id);
	go = false;
	clock_wait_us(50000);
	last = rounds;
	clock_wait_us(1000);
	tap_ok(rounds == last, "%u of them have ended", rounds);
}

/* The others: some spin, some exit all the time, some halt, some touch memory. */
static void keep_busy(u32 id)
{
	while (!go)
		asm volatile("pause");
	switch (id % 4) {
	case 0:
		for (;;)
			asm volatile("pause");
	case 1:
		for (;;)
			cpuid(0, 0);
	case 2:
		for (;;)
			lapic_write(LAPIC_TIMER_INIT, 1000);
	default:
		for (;;)
			asm volatile("cli; hlt");
	}
}

static void misbehave(const char *how)
{
	static const struct table_ptr empty = { .limit = 0 }, none = { .limit = 0xfff };

	if (how[0] == 'e')
		outb(PORT_EXIT, 5);
	else if (how[0] == 't')
		lidt(&none);
	else if (how[0] == 'f')
		((void (*)(void))NOWHERE)();
	else if (how[0] == 'r')
		outb(PORT_RESET, RESET_HARD);
	else if (how[0] == 'i')
		smp_init(0);
	else if (how[0] == 'p')
		outw(PORT_PM1A_CNT, SLP_OFF);
	else if (how[0] == 's')
		lidt(&empty);
	if (how[0] == 't' || how[0] == 's')
		asm volatile("ud2");
}

static const char *how;

static void last_one(u32 id)
{
	if (id != cpus - 1) {
		keep_busy(id);
		return;
	}
	go = true;
	clock_wait_us(2000);
	misbehave(how);
	for (;;)
		asm volatile("pause");
}

/* Each ends or resets it in another way, all at once. */
static void race(u32 id)
{
	static const char *const ways[] = { "exit", "triple", "fetch", "exit" };

	while (!go)
		asm volatile("pause");
	misbehave(ways[id % ARRAY_SIZE(ways)]);
	for (;;)
		asm volatile("pause");
}

static void deaf(u32 id)
{
	(void)id;
}

void guest_main(void)
{
	pic_init();
	lapic_enable();
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	smp_use_cr8();
	cpus = smp_count();
	how = boot_option("how");
	if (!how || cpus < 2)
		tap_bail_out("no how=, or no other CPU");
	print("# reset guest started\n");
	if (boot_option_is("ask", "1")) {
		print("# r or q?\n");
		while (!serial_readable())
			asm volatile("pause");
		if (serial_getc() == 'q')
			guest_exit(0);
	}
	serial_drain();
	if (boot_option_is("how", "ipis")) {
		ipis(true);
		ipis(false);
		return;
	}
	if (boot_option_is("how", "deaf")) {
		smp_start_all(deaf);
		deaf(0);
		for (;;)
			asm volatile("cli; hlt");
	}
	smp_start_all(boot_option_is("how", "race") ? race : last_one);
	go = true;
	keep_busy(1);
}
