/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APIC access. See apic.h.
 */
#include "arch/apic.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/percpu.h"
#include "arch/traps.h"

#define APIC_ID 0x20u
#define APIC_TPR 0x80u
#define APIC_EOI 0xb0u
#define APIC_SVR 0xf0u
#define APIC_ICR_LOW 0x300u
#define APIC_ICR_HIGH 0x310u
#define APIC_LVT_TIMER 0x320u
#define APIC_LVT_LINT0 0x350u
#define APIC_LVT_LINT1 0x360u
#define APIC_LVT_ERROR 0x370u
#define APIC_TIMER_INITIAL 0x380u
#define APIC_TIMER_CURRENT 0x390u
#define APIC_TIMER_DIVIDE 0x3e0u

#define MIN_PERIOD_NS 10000ull /* or the timer would keep the CPU busy by itself */
#define LVT_PERIODIC BIT(17)
#define LVT_MASKED 0x10000u
#define LVT_NMI 0x400u
#define SVR_ENABLE 0x100u
#define DIVIDE_BY_1 0xbu
#define ICR_PENDING 0x1000u
#define ICR_ASSERT 0x4000u
#define ICR_DELIVERY_NMI 0x400u
#define ICR_DELIVERY_INIT 0x500u
#define ICR_DELIVERY_STARTUP 0x600u
#define ICR_POLLS 100000u

#define X2APIC_MSR_BASE 0x800u

static volatile u32 *apic_mmio __ro_after_init;
static bool x2apic __ro_after_init;
static u64 timer_scale __ro_after_init; /* ticks per ns, 32 fraction bits */

static u32 apic_read(u32 reg)
{
	if (x2apic)
		return (u32)rdmsr(X2APIC_MSR_BASE + (reg >> 4));
	return apic_mmio[reg / 4];
}

static void apic_write(u32 reg, u32 value)
{
	if (x2apic)
		wrmsr(X2APIC_MSR_BASE + (reg >> 4), value);
	else
		apic_mmio[reg / 4] = value;
}

void apic_init(volatile u32 *mmio)
{
	apic_mmio = mmio;
	x2apic = cpu_features.x2apic;
}

bool apic_is_x2apic(void)
{
	return x2apic;
}

void apic_enable(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	/* First: a CPU that comes from INIT ignores what would unmask an entry until it is enabled. */
	apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_LVT_ERROR, LVT_MASKED);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
}

u32 apic_id(void)
{
	return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

static void apic_send(u32 id, u32 low)
{
	if (x2apic) {
		wrmsr(X2APIC_MSR_BASE + (APIC_ICR_LOW >> 4), (u64)id << 32 | low);
		return;
	}
	apic_write(APIC_ICR_HIGH, id << 24);
	apic_write(APIC_ICR_LOW, low);
	for (u32 i = 0; i < ICR_POLLS && (apic_read(APIC_ICR_LOW) & ICR_PENDING); i++)
		cpu_relax();
}

void apic_send_vector(u32 id, u8 vector)
{
	apic_send(id, ICR_ASSERT | vector);
}

void apic_send_nmi(u32 id)
{
	apic_send(id, ICR_ASSERT | ICR_DELIVERY_NMI);
}

void apic_send_init(u32 id)
{
	apic_send(id, ICR_ASSERT | ICR_DELIVERY_INIT);
}

void apic_send_startup(u32 id, u8 page)
{
	apic_send(id, ICR_ASSERT | ICR_DELIVERY_STARTUP | page);
}

void apic_timer_set_frequency(u64 hz)
{
	timer_scale = (hz << 32) / NS_PER_SEC;
}

void apic_timer_arm(u64 ns)
{
	u64 ticks = (u64)(((unsigned __int128)MAX(ns, MIN_PERIOD_NS) * timer_scale) >> 32);

	/*
	 * Periodic, though it is armed anew before its second period: QEMU with a thread for each CPU can lose
	 * an interrupt that comes while the CPU enters or leaves a guest, and a one-shot timer would be lost
	 * for good.
	 */
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
	ticks = MAX(ticks, 1ull);
	apic_write(APIC_TIMER_INITIAL, (u32)MIN(ticks, 0xffffffffull));
}

void apic_timer_stop(void)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_INITIAL, 0);
}

void apic_timer_start_counting(void)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_INITIAL, 0xffffffffu);
}

u32 apic_timer_elapsed(void)
{
	return 0xffffffffu - apic_read(APIC_TIMER_CURRENT);
}
