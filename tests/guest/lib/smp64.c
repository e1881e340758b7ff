/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding and starting the other CPUs.
 */
#include "tests/guest/lib/smp64.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/string.h"

#define BIOS_AREA 0xe0000u
#define BIOS_AREA_END 0x100000u
#define MADT_ENTRIES 44u
#define MADT_LAPIC 0u

extern const u8 smp_code[], smp_code_end[];
void smp_entry(u32 id, u32 eflags) __noreturn;

_Static_assert(sizeof(struct smp_start_state) == 36, "smp64_code.S");
volatile struct smp_start_state smp_states[SMP_MAX];

static void (*volatile entries[SMP_MAX])(u32 id);
static volatile bool up[SMP_MAX];

static u32 u32_at(ulong at)
{
	u32 value;

	memcpy(&value, (const void *)at, sizeof(value));
	return value;
}

static u32 madt_cpus(ulong madt)
{
	u32 count = 0, end = u32_at(madt + 4);

	for (u32 at = MADT_ENTRIES; at + 8 <= end; at += ((const u8 *)madt)[at + 1]) {
		const u8 *entry = (const u8 *)madt + at;

		if (entry[1] < 2)
			return 0;
		/* Enabled, and numbered in order. */
		if (entry[0] == MADT_LAPIC && (entry[4] & 1)) {
			if (entry[3] != count)
				return 0;
			count++;
		}
	}
	return MIN(count, SMP_MAX);
}

u32 smp_count(void)
{
	ulong rsdp = BIOS_AREA, rsdt;

	while (memcmp((const void *)rsdp, "RSD PTR ", 8) != 0) {
		rsdp += 16;
		if (rsdp >= BIOS_AREA_END)
			return 0;
	}
	rsdt = u32_at(rsdp + 16);
	for (u32 at = 36; at + 4 <= u32_at(rsdt + 4); at += 4) {
		ulong table = u32_at(rsdt + at);

		if (memcmp((const void *)table, "APIC", 4) == 0)
			return madt_cpus(table);
	}
	return 0;
}

void smp_ipi(u32 dest, u32 command)
{
	lapic_write(LAPIC_ICR_HIGH, dest << 24);
	lapic_write(LAPIC_ICR_LOW, command);
	while (lapic_read(LAPIC_ICR_LOW) & ICR_PENDING)
		;
}

void smp_use_cr8(void)
{
	if (boot_option_is("apic", "cr8"))
		write_cr8(0);
}

void smp_init(u32 id)
{
	smp_ipi(id, ICR_INIT | ICR_LEVEL | ICR_ASSERT);
	smp_ipi(id, ICR_INIT | ICR_LEVEL);
}

void smp_start(u32 id, void (*fn)(u32 id))
{
	memcpy((void *)(ulong)(SMP_START_PAGE << 12), smp_code, (size_t)(smp_code_end - smp_code));
	entries[id] = fn;
	smp_ipi(id, ICR_STARTUP | ICR_ASSERT | SMP_START_PAGE);
}

void smp_entry(u32 id, u32 eflags)
{
	/* Whoever sees that it has come may set another one. */
	void (*fn)(u32 id) = entries[id];

	smp_states[id].eflags = eflags;
	smp_states[id].starts++;
	idt_load(idt);
	lapic_enable();
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	smp_use_cr8();
	up[id] = true;
	fn(id);
	for (;;)
		asm volatile("cli; hlt");
}

u32 smp_start_all(void (*fn)(u32 id))
{
	u32 count = smp_count(), came = 0;

	for (u32 id = 1; id < count; id++) {
		up[id] = false;
		smp_init(id);
		smp_start(id, fn);
		came += WAIT_FOR(up[id]);
	}
	return came;
}
