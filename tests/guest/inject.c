/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In which order events come that wait together, and between which instructions: interrupts of all
 * sources by their vectors, exceptions and interrupts at one boundary, NMIs before both. What needs
 * only two interrupts is in hlt_priority.c.
 */
#include "tests/guest/inject.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/smp64.h"

#define IOAPIC_BASE 0xfec00000u
#define IOAPIC_PIT_ENTRY (0x10u + 2 * 2)
#define ENTRY_MASKED 0x10000u
#define VEC_SOFT 0x90u

volatile u8 came[32];
volatile u32 came_count;
static volatile ulong irq_ip;
static bool ends_first; /* the handler lets others in before it returns */

void came_clear(void)
{
	came_count = 0;
	irq_ip = 0;
}

bool came_are(const u8 *vectors, u32 count)
{
	bool same = came_count == count;

	for (u32 i = 0; same && i < count; i++)
		same = came[i] == vectors[i];
	for (u32 i = 0; !same && i < came_count; i++)
		tap_diag("%u. vector %x", i, came[i]);
	return same;
}

#define CAME(...) came_are((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

void open_window(void)
{
	irq_enable();
	asm volatile("nop; nop" : : : "memory");
	irq_disable();
}

void note(struct trap_frame *frame)
{
	if (came_count < sizeof(came))
		came[came_count++] = (u8)frame->vector;
	if (frame->vector < 32 || frame->vector == VEC_SOFT)
		return;
	irq_ip = frame->ip;
	lapic_eoi();
	if (ends_first)
		open_window();
}

void ioapic_route_pit(u32 vector)
{
	volatile u32 *ioapic = (volatile u32 *)IOAPIC_BASE;

	ioapic[0] = IOAPIC_PIT_ENTRY + 1;
	ioapic[4] = 0;
	ioapic[0] = IOAPIC_PIT_ENTRY;
	ioapic[4] = vector ? vector : ENTRY_MASKED;
}

void timer_arm(u32 vector, u32 count)
{
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, vector);
	lapic_write(LAPIC_TIMER_INIT, count);
}

/* Sent in another order than they must come in; two of them are of one class. */
static void test_classes(void)
{
	static const u8 sent[] = { 0x52, 0xe1, 0x31, 0x9a, 0xf0, 0x51, 0x3f, 0x81 };
	static const u8 want[] = { 0xf0, 0xe1, 0x9a, 0x81, 0x52, 0x51, 0x3f, 0x31 };

	for (u32 i = 0; i < sizeof(sent); i++)
		trap_set_handler(sent[i], note);
	for (u32 nested = 0; nested < 2; nested++) {
		ends_first = nested;
		came_clear();
		for (u32 i = 0; i < sizeof(sent); i++)
			lapic_self_ipi(sent[i]);
		irq_enable();
		for (u32 i = 0; i < 100; i++)
			asm volatile("nop");
		irq_disable();
		tap_ok(came_are(want, sizeof(want)), "eight that wait come by their vectors%s",
		       nested ? ", one within the other" : "");
	}
	ends_first = false;
}

/* Timer, IPI and I/O APIC, each with each of the three vectors. */
static void test_sources(void)
{
	static const u8 vectors[] = { VEC_TIMER, VEC_IPI, VEC_PIT_LOW };
	static const u8 orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	bool good = true;

	for (u32 i = 0; i < 3; i++)
		trap_set_handler(vectors[i], note);
	for (u32 i = 0; i < ARRAY_SIZE(orders); i++) {
		const u8 *order = orders[i];

		came_clear();
		timer_arm(vectors[order[0]], 1000);
		ioapic_route_pit(vectors[order[1]]);
		pit_start(0, PIT_ONESHOT, 20);
		lapic_self_ipi(vectors[order[2]]);
		for (u32 j = 0; j < 3; j++)
			good &= WAIT_FOR(lapic_bit(LAPIC_IRR, vectors[j]));
		open_window();
		good &= came_are(vectors, 3);
		ioapic_route_pit(0);
	}
	tap_ok(good, "timer, IPI and I/O APIC come by their vectors, whoever has which");
}

static void on_fault(struct trap_frame *frame)
{
	note(frame);
	frame->ip += 2; /* UD2 */
}

static void on_step(struct trap_frame *frame)
{
	note(frame);
	frame->flags &= ~(ulong)FLAGS_TF;
}

/* insn is executed with an interrupt pending, IF set by it or before it; label 1 is where that comes. */
#define WITH_PENDING(insn)                              \
	({                                              \
		u64 _at;                                \
                                                        \
		came_clear();                           \
		lapic_self_ipi(VEC_IPI);                \
		asm volatile(insn "cli\n"               \
				  "lea 1b(%%rip), %0\n" \
			     : "=r"(_at)                \
			     :                          \
			     : "memory", "cc");         \
		_at == irq_ip;                          \
	})

#define POPF_WITH(flags) "pushf\norl $" flags ", (%%rsp)\npopf\n"

static void test_exceptions(void)
{
	trap_set_handler(VEC_IPI, note);
	trap_set_handler(VEC_UD, on_fault);
	trap_set_handler(VEC_DB, on_step);
	trap_set_handler(VEC_SOFT, note);
	tap_ok(WITH_PENDING(POPF_WITH("0x200") "1: ud2\n") && CAME(VEC_IPI, VEC_UD),
	       "POPF, UD2: the interrupt comes first");
	tap_ok(WITH_PENDING("sti\nud2\n1: nop\n") && CAME(VEC_UD, VEC_IPI),
	       "STI, UD2: the interrupt waits for the handler's IRET");
	tap_ok(WITH_PENDING("sti\nint $0x90\n1: nop\n") && CAME(VEC_SOFT, VEC_IPI),
	       "STI, INT 90: likewise");
	tap_ok(WITH_PENDING(POPF_WITH("0x300") "1: nop\n") && CAME(VEC_IPI, VEC_DB),
	       "POPF of IF and TF: the interrupt, and then the step");
	trap_set_handler(VEC_UD, NULL);
	trap_set_handler(VEC_DB, NULL);
}

static u32 to_send;

/* The first of two leaves an NMI and an interrupt behind, both for its IRET. */
static void on_nmi(struct trap_frame *frame)
{
	note(frame);
	if (!to_send)
		return;
	to_send--;
	lapic_write(LAPIC_ICR_LOW, ICR_SELF | VEC_IPI);
	lapic_write(LAPIC_ICR_HIGH, lapic_read(LAPIC_ID));
	lapic_write(LAPIC_ICR_LOW, 0x4400); /* asserted NMI */
}

static void test_nmi_first(void)
{
	trap_set_handler(VEC_NMI, on_nmi);
	came_clear();
	to_send = 2;
	irq_enable();
	lapic_write(LAPIC_ICR_HIGH, lapic_read(LAPIC_ID));
	lapic_write(LAPIC_ICR_LOW, 0x4400);
	WAIT_FOR(came_count >= 4);
	clock_wait_us(100);
	irq_disable();
	tap_eq(came_count, 4, "three NMIs in a row, and one interrupt of two that are one");
	tap_eq(came[0], VEC_NMI, "the NMI is taken at once");
	/* With SVM the hypervisor does not see the IRET end. */
	tap_eq_or_deviant(came[1], VEC_NMI, VEC_IPI, "an NMI that waited may come late",
			  "the one that waited comes before the interrupt that did");
	trap_set_handler(VEC_NMI, NULL);
}

void guest_main(void)
{
	pit_start(0, PIT_ONESHOT, 0);
	pic_init();
	lapic_enable();
	smp_use_cr8();
	test_classes();
	test_sources();
	test_exceptions();
	test_nmi_first();
	test_shadows();
	test_fresh_stacks();
	test_many();
}
