/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's modes and its place: every way between the modes, what goes along; in x2APIC mode
 * every MSR and every bit of it, interrupts between APICs in both modes, in several clusters.
 */
#include "dev_fixture.h"

#include <string.h>

#include "dev/apic_bus.h"
#include "lib/err.h"

enum {
	ID = 0x02,
	VERSION = 0x03,
	TPR = 0x08,
	PPR = 0x0a,
	EOI = 0x0b,
	LDR = 0x0d,
	SVR = 0x0f,
	ISR = 0x10,
	IRR = 0x20,
	ESR = 0x28,
	ICR = 0x30,
	TIMER = 0x32,
	THERMAL = 0x33,
	PERF = 0x34,
	LINT0 = 0x35,
	LINT1 = 0x36,
	ERROR = 0x37,
	INITIAL = 0x38,
	CURRENT = 0x39,
	DIVIDE = 0x3e,
	SELF = 0x3f,
};

#define CPUS 40u /* three clusters of 16 */
#define VECTOR 0x61u
#define X2 (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)
#define FORBIDDEN 0x300000ull
#define WIDTH 40

static struct timer_queue queue;
static struct lapic apics[CPUS];
static struct apic_bus bus = { .lapics = apics, .count = CPUS };
static u64 signalled, moved_to;

static void on_signal(void *ctx, enum lapic_delivery delivery, u8 vector)
{
	const struct lapic *apic = ctx;

	(void)vector;
	assert_int_not_equal(delivery, DELIVER_FIXED);
	signalled |= BIT(apic->id);
}

static int on_move(void *ctx, u64 gpa)
{
	(void)ctx;
	if (gpa >> WIDTH)
		return E_INVAL;
	if (gpa == FORBIDDEN)
		return E_UNSUPPORTED;
	moved_to = gpa;
	return 0;
}

static u64 get(unsigned int cpu, u32 index)
{
	u64 value = 0;

	assert_true(lapic_read_msr(&apics[cpu], index, &value));
	return value;
}

static void put(unsigned int cpu, u32 index, u64 value)
{
	assert_true(lapic_write_msr(&apics[cpu], index, value));
}

static void enter(unsigned int cpu)
{
	assert_int_equal(lapic_write_base(&apics[cpu], LAPIC_BASE | X2), 0);
}

static int setup(void **state)
{
	(void)state;
	host_clock_ns = 5;
	timer_queue_init(&queue);
	bus.turn = 0;
	signalled = moved_to = 0;
	for (unsigned int i = 0; i < CPUS; i++) {
		const struct lapic_host host = { .signal = on_signal,
						 .move = on_move,
						 .ctx = &apics[i] };

		memset(&apics[i], 0xa5, sizeof(apics[i]));
		lapic_init(&apics[i], i, &bus, &host, &queue);
		lapic_io.write(&apics[i], SVR * 16, 4, 0x1ff);
	}
	return 0;
}

/* The manual's state diagram, by the two mode bits. */
static void test_ways(void **state)
{
	static const u64 modes[] = { 0, LAPIC_BASE_ENABLE, X2, LAPIC_BASE_X2APIC };
	static const bool allowed[3][4] = {
		{ true, true, false, false }, /* from off */
		{ true, true, true, false }, /* from xAPIC */
		{ true, false, true, false }, /* from x2APIC */
	};
	struct lapic *apic = &apics[1];

	(void)state;
	for (unsigned int from = 0; from < 3; from++) {
		for (unsigned int to = 0; to < 4; to++) {
			u64 before = LAPIC_BASE | modes[from], after = LAPIC_BASE | modes[to];
			int err;

			lapic_reset(apic);
			if (modes[from] != LAPIC_BASE_ENABLE)
				assert_int_equal(lapic_write_base(apic, before), 0);
			err = lapic_write_base(apic, after);
			assert_int_equal(err, allowed[from][to] ? 0 : E_INVAL);
			assert_int_equal(lapic_read_base(apic), err ? before : after);
		}
	}
	lapic_reset(apic);
	assert_int_equal(lapic_read_base(apic), LAPIC_BASE | LAPIC_BASE_ENABLE);
	for (unsigned int bit = 0; bit < 10; bit++) {
		if (bit != 8)
			assert_int_equal(lapic_write_base(apic, 0xfee00800 | BIT(bit)), E_INVAL);
	}
}

static void test_place(void **state)
{
	struct lapic *apic = &apics[0];

	(void)state;
	assert_int_equal(lapic_write_base(apic, 0xd0000800), 0);
	assert_int_equal(moved_to, 0xd0000000);
	assert_int_equal(lapic_read_base(apic), 0xd0000900);
	assert_int_equal(lapic_write_base(apic, FORBIDDEN | 0x800), E_UNSUPPORTED);
	assert_int_equal(lapic_write_base(apic, BIT(WIDTH) | 0x800), E_INVAL);
	/* A refused mode does not move it, nor a refused place change the mode. */
	assert_int_equal(lapic_write_base(apic, 0xe0000400), E_INVAL);
	assert_int_equal(lapic_write_base(apic, FORBIDDEN | X2), E_UNSUPPORTED);
	assert_int_equal(lapic_read_base(apic), 0xd0000900);
	assert_int_equal(moved_to, 0xd0000000);
	assert_int_equal(lapic_write_base(apic, 0xd0001000 | X2), 0);
	assert_int_equal(lapic_read_base(apic), 0xd0001d00);
	/* An INIT leaves place and mode, a reset does not. */
	lapic_reset_registers(apic);
	assert_int_equal(lapic_read_base(apic), 0xd0001d00);
	assert_int_equal(get(0, LDR), 1);
	lapic_reset(apic);
	assert_int_equal(lapic_read_base(apic), 0xfee00900);
}

/* Which bits of an MSR can be written; -1: it cannot. */
static s64 writable(u32 index)
{
	switch (index) {
	case TPR:
	case SELF:
		return 0xff;
	case EOI:
	case ESR:
		return 0;
	case SVR:
		return 0x13ff;
	case TIMER:
		return 0x710ff;
	case THERMAL:
	case PERF:
		return 0x117ff;
	case LINT0:
	case LINT1:
		return 0x1f7ff;
	case ERROR:
		return 0x110ff;
	case INITIAL:
		return 0xffffffff;
	case DIVIDE:
		return 0xb;
	default:
		return -1;
	}
}

static bool readable(u32 index)
{
	return (index != EOI && index != SELF && writable(index) >= 0) || index == ID ||
	       index == VERSION || index == PPR || index == LDR || index == CURRENT ||
	       index == ICR || (index >= ISR && index < ESR);
}

static void test_registers(void **state)
{
	struct lapic *apic = &apics[3];
	u64 value = 0x1234;

	(void)state;
	for (u32 index = 0; index < LAPIC_MSR_COUNT; index++) {
		assert_false(lapic_read_msr(apic, index, &value));
		assert_false(lapic_write_msr(apic, index, 0));
	}
	enter(3);
	for (u32 index = 0; index < LAPIC_MSR_COUNT; index++) {
		assert_int_equal(lapic_read_msr(apic, index, &value), readable(index));
		for (unsigned int bit = 0; bit < 64 && index != ICR; bit++) {
			bool good = writable(index) >= 0 && (u64)writable(index) & BIT(bit);

			assert_int_equal(lapic_write_msr(apic, index, BIT(bit)), good);
		}
		if (index != ICR)
			assert_int_equal(lapic_write_msr(apic, index, 0), writable(index) >= 0);
	}
	for (unsigned int bit = 0; bit < 64; bit++)
		assert_int_equal(lapic_write_msr(apic, ICR, 0xfff0ull << 40 | BIT(bit)),
				 bit >= 32 || 0xccfff >> bit & 1);
	assert_false(lapic_write_msr(apic, TIMER, 0x60040));
	/* Nothing of this is an error that ESR knows, but vectors below 16 are. */
	put(3, ESR, 0);
	assert_int_equal(get(3, ESR) & 0x80, 0);
	assert_int_equal(dev_read(&lapic_io, apic, VERSION * 16, 4), 0xffffffff);
}

static void test_kept(void **state)
{
	struct lapic *apic = &apics[37];

	(void)state;
	lapic_io.write(apic, TPR * 16, 4, 0x20);
	lapic_io.write(apic, ERROR * 16, 4, 0x77);
	lapic_io.write(apic, LDR * 16, 4, 0x0f000000);
	lapic_io.write(apic, ICR * 16 + 16, 4, 0x09000000);
	lapic_request(apic, VECTOR, false);
	enter(37);
	assert_int_equal(get(37, ID), 37);
	assert_int_equal(get(37, LDR), 0x20020);
	assert_int_equal(get(37, TPR), 0x20);
	assert_int_equal(get(37, SVR), 0x1ff);
	assert_int_equal(get(37, ERROR), 0x77);
	assert_int_equal(get(37, ICR) >> 32, 0);
	assert_int_equal(lapic_pending(apic), VECTOR);
	lapic_ack(apic, VECTOR);
	assert_int_equal(get(37, PPR), 0x60);
	put(37, EOI, 0);
	assert_int_equal(get(37, PPR), 0x20);
	lapic_request(apic, VECTOR, false);
	assert_int_equal(lapic_write_base(apic, LAPIC_BASE), 0);
	assert_int_equal(lapic_pending(apic), -1);
	assert_int_equal(lapic_write_base(apic, LAPIC_BASE | LAPIC_BASE_ENABLE), 0);
	assert_int_equal(dev_read(&lapic_io, apic, ID * 16, 4), 37u << 24);
	assert_int_equal(dev_read(&lapic_io, apic, SVR * 16, 4), 0xff);
	assert_int_equal(dev_read(&lapic_io, apic, LDR * 16, 4), 0);
}

/* Who has VECTOR pending; it is served. */
static u64 interrupted(void)
{
	u64 mask = 0;

	for (unsigned int i = 0; i < CPUS; i++) {
		if (!(apics[i].irr.bits[VECTOR / 64] & BIT(VECTOR % 64)))
			continue;
		mask |= BIT(i);
		lapic_ack(&apics[i], VECTOR);
		if (apics[i].x2apic)
			put(i, EOI, 0);
		else
			lapic_io.write(&apics[i], EOI * 16, 4, 0);
	}
	return mask;
}

static u64 send(unsigned int from, u32 dest, u32 command)
{
	put(from, ICR, (u64)dest << 32 | command | VECTOR);
	assert_int_equal(get(from, ICR), (u64)dest << 32 | command | VECTOR);
	return interrupted();
}

static void test_destinations(void **state)
{
	const u64 all = BIT(CPUS) - 1;

	(void)state;
	for (unsigned int i = 0; i < CPUS; i++)
		enter(i);
	for (u32 dest = 0; dest < 0x200; dest++)
		assert_int_equal(send(1, dest, 0), dest < CPUS ? BIT(dest) : 0);
	assert_int_equal(send(1, 0xffffffff, 0), all);
	assert_int_equal(send(1, 0xffffffff, 0x800), all);
	for (u32 set = 0; set < 0x10000; set += 0x1357) {
		assert_int_equal(send(2, set, 0x800), set);
		assert_int_equal(send(2, 0x10000 | set, 0x800), (u64)set << 16);
		assert_int_equal(send(2, 0x20000 | set, 0x800), (u64)set << 32 & all);
		assert_int_equal(send(2, 0x30000 | set, 0x800), 0);
		assert_int_equal(__builtin_popcountll(send(2, set, 0x900)), set != 0);
	}
	assert_int_equal(send(39, 5, 0x40000), BIT(39));
	assert_int_equal(send(39, 5, 0x80000), all);
	assert_int_equal(send(39, 5, 0xc0000), all & ~BIT(39));
	put(39, SELF, VECTOR);
	assert_int_equal(interrupted(), BIT(39));
	for (u32 delivery = DELIVER_NMI; delivery <= DELIVER_STARTUP; delivery++) {
		signalled = 0;
		send(4, 33, 0x4000 | delivery << 8);
		assert_int_equal(signalled, BIT(33));
		send(4, 0, 0xc4000 | delivery << 8);
		assert_int_equal(signalled, all & ~BIT(4));
	}
	put(0, SELF, 3);
	put(0, ESR, 0);
	assert_int_equal(get(0, ESR), 0x20);
	assert_false(lapic_write_msr(&apics[0], ESR, 1));
}

/* FF is all for whom it has 8 bits; logical ids are those of the receiver's mode. */
static void test_mixed(void **state)
{
	const u64 all = BIT(CPUS) - 1;

	(void)state;
	for (unsigned int i = 0; i < CPUS; i += 2)
		enter(i);
	assert_int_equal(send(0, 0xff, 0), 0);
	assert_int_equal(send(0, 0xffffffff, 0), all);
	assert_int_equal(send(0, 7, 0), BIT(7));
	lapic_io.write(&apics[1], LDR * 16, 4, 0x40000000);
	assert_int_equal(send(0, 0x40, 0x800), BIT(1) | BIT(6));
	assert_int_equal(send(0, 0x10040, 0x800), BIT(22));
	lapic_io.write(&apics[1], ICR * 16 + 16, 4, 0xff000000);
	lapic_io.write(&apics[1], ICR * 16, 4, VECTOR);
	assert_int_equal(interrupted(), all);
	lapic_io.write(&apics[1], ICR * 16 + 16, 4, 0x24000000);
	lapic_io.write(&apics[1], ICR * 16, 4, VECTOR);
	assert_int_equal(interrupted(), BIT(36));
	/* One that is stopped takes what is written, to no effect. */
	lapic_stop(&apics[2]);
	put(2, ICR, VECTOR);
	put(2, SELF, VECTOR);
	put(2, TPR, 0x50);
	assert_int_equal(interrupted(), 0);
	assert_int_equal(get(2, TPR), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ways, setup),
		cmocka_unit_test_setup(test_place, setup),
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_kept, setup),
		cmocka_unit_test_setup(test_destinations, setup),
		cmocka_unit_test_setup(test_mixed, setup),
	};

	return cmocka_run_group_tests_name("lapic_x2apic", tests, NULL, NULL);
}
