/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A local APIC that is given to the CPU and taken back: what the CPU is told, and, with a CPU that does
 * in the page what the manual says, that nothing is lost, invented or told twice, against an
 * APIC that is never given.
 */
#include "dev_fixture.h"

#include <string.h>

#include "dev/apic_bus.h"

enum { TPR = 0x80, PPR = 0xa0, EOI = 0xb0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200 };
enum { ICR = 0x300, SELF_IPI = 0x3f0, ESR = 0x280 };

#define BOTH (1u << APIC_TPR_SHADOW | 1u << APIC_X2APIC)
#define MSR(offset) ((offset) / 16u)

static struct timer_queue queue;
/* The first may be given, the second is not. */
static struct lapic apics[2];
static struct apic_bus buses[2] = { { .lapics = &apics[0], .count = 1 },
				    { .lapics = &apics[1], .count = 1 } };
static struct lapic *const given = &apics[0], *const plain = &apics[1];
static unsigned int updates, ends[2];
static u8 last_end[2];
static u32 page[1024];
static struct apic_help help;

static void updated(void *ctx)
{
	updates += ctx == given;
}

static void ended(void *ctx, u8 vector)
{
	unsigned int i = ctx == plain;

	ends[i]++;
	last_end[i] = vector;
}

static int setup(void **state)
{
	(void)state;
	timer_queue_init(&queue);
	for (unsigned int i = 0; i < 2; i++) {
		const struct lapic_host host = { .update = updated,
						 .eoi = ended,
						 .ctx = &apics[i] };

		lapic_init(&apics[i], 0, &buses[i], &host, &queue);
		lapic_io.write(&apics[i], SVR, 4, 0x1ff);
		assert_int_equal(lapic_write_base(&apics[i], LAPIC_BASE | 0xd00), 0);
		ends[i] = 0;
	}
	memset(page, 0, sizeof(page));
	memset(&help, 0xff, sizeof(help));
	return 0;
}

static void use_xapic(struct lapic *apic)
{
	lapic_reset(apic);
	lapic_io.write(apic, SVR, 4, 0x1ff);
}

static u32 *at(unsigned int offset)
{
	return &page[offset / 4];
}

static enum apic_helper give(void)
{
	lapic_give(given, page, BOTH, &help);
	return help.helper;
}

static void test_who_helps(void **state)
{
	(void)state;
	assert_int_equal(give(), APIC_X2APIC);
	lapic_take(given);
	lapic_give(given, page, 1u << APIC_TPR_SHADOW, &help);
	assert_int_equal(help.helper, APIC_SOFTWARE);
	lapic_write_cr8(given, 3);
	assert_int_equal(give(), APIC_X2APIC);
	lapic_take(given);
	lapic_give(given, page, 1u << APIC_TPR_SHADOW, &help);
	assert_int_equal(help.helper, APIC_TPR_SHADOW);
	lapic_take(given);
	assert_true(lapic_write_msr(given, MSR(SVR), 0xff)); /* software-disabled */
	assert_int_equal(give(), APIC_SOFTWARE);
	use_xapic(given);
	assert_int_equal(give(), APIC_SOFTWARE);
	lapic_write_cr8(given, 0);
	assert_int_equal(give(), APIC_TPR_SHADOW);
	lapic_take(given);
	lapic_stop(given);
	assert_int_equal(give(), APIC_SOFTWARE);
}

static void test_what_the_cpu_is_told(void **state)
{
	(void)state;
	lapic_request(given, 0x91, true);
	lapic_ack(given, 0x91);
	lapic_request(given, 0x42, false);
	lapic_request(given, 0xa5, false);
	lapic_write_cr8(given, 0xc);
	*at(SVR) = *at(0x20) = 7; /* left over */
	assert_int_equal(give(), APIC_X2APIC);
	assert_int_equal(help.requested, 0xa5);
	assert_int_equal(help.in_service, 0x91);
	assert_int_equal(help.eoi_exits[2], BIT(0x91 - 128));
	assert_int_equal(help.eoi_exits[0] | help.eoi_exits[1] | help.eoi_exits[3], 0);
	assert_int_equal(*at(TPR), 0xc0);
	assert_int_equal(*at(PPR), 0xc0);
	assert_int_equal(*at(IRR + 0x20), 1u << 2);
	assert_int_equal(*at(IRR + 0x50), 1u << 5);
	assert_int_equal(*at(ISR + 0x40), 1u << 0x11);
	assert_int_equal(*at(TMR + 0x40), 1u << 0x11);
	assert_int_equal(*at(SVR), 0x1ff);
	assert_int_equal(*at(0x20), 0);
	assert_int_equal(lapic_pending(given), -1);
	assert_int_equal(lapic_priority(given), 0xc0);
	assert_true(lapic_is_requested(given, 0x42));
	assert_false(lapic_is_requested(given, 0x43));
}

/* Each ends the guest: even one that TPR and ISR hold back may not be so any more. */
static void test_requests_of_others(void **state)
{
	(void)state;
	lapic_request(given, 0x91, false);
	lapic_ack(given, 0x91);
	give();
	updates = 0;
	assert_true(lapic_request(given, 0x31, false));
	assert_int_equal(updates, 1);
	assert_true(lapic_is_requested(given, 0x31));
	lapic_take(given);
	assert_int_equal(lapic_pending(given), -1);
	give();
	assert_int_equal(help.requested, 0x31);
	assert_int_equal(help.in_service, 0x91);
	updates = 0;
	assert_true(lapic_request(given, 0x31, false));
	assert_int_equal(updates, 1);
}

static void check_threshold(u8 cr8, u8 threshold)
{
	lapic_write_cr8(given, cr8);
	assert_int_equal(give(), APIC_TPR_SHADOW);
	assert_int_equal(help.threshold, threshold);
	assert_int_equal(*at(TPR), cr8 << 4);
	lapic_take(given);
}

static void test_tpr_threshold(void **state)
{
	(void)state;
	use_xapic(given);
	check_threshold(0, 0);
	check_threshold(9, 0);
	lapic_request(given, 0x63, false);
	check_threshold(9, 6);
	check_threshold(6, 6);
	check_threshold(5, 0); /* not held back */
	lapic_ack(given, 0x63);
	lapic_request(given, 0x61, false);
	check_threshold(9, 0); /* held back by another one in service as well */
	lapic_request(given, 0x75, false);
	check_threshold(9, 7);
	lapic_write_cr8(given, 9);
	give();
	*at(TPR) = 0x20; /* MOV CR8, and an exit */
	assert_int_equal(lapic_priority(given), 0x60);
	lapic_take(given);
	assert_int_equal(lapic_read_cr8(given), 2);
	assert_int_equal(lapic_pending(given), 0x75);
}

static void test_shadow_wakes(void **state)
{
	(void)state;
	use_xapic(given);
	lapic_write_cr8(given, 9);
	give();
	updates = 0;
	lapic_request(given, 0x52, false);
	assert_int_equal(updates, 1);
}

static void test_bad_self_ipi(void **state)
{
	u64 esr;

	(void)state;
	give();
	*at(SELF_IPI) = 5;
	lapic_take(given);
	lapic_page_written(given, page, SELF_IPI);
	assert_true(lapic_write_msr(given, MSR(ESR), 0));
	assert_true(lapic_read_msr(given, MSR(ESR), &esr));
	assert_int_equal(esr, 0x20);
}

static void test_reset_while_given(void **state)
{
	(void)state;
	lapic_request(given, 0x91, false);
	give();
	lapic_reset(given);
	lapic_take(given);
	assert_false(lapic_is_requested(given, 0x91));
	assert_int_equal(lapic_priority(given), 0);
}

/* ---- a CPU, as the manual has it ---- */

static u8 rvi, svi;

static u8 highest(unsigned int set)
{
	for (unsigned int v = 255; v > 0; v--) {
		if (*at(set + v / 32 * 16) & 1u << v % 32)
			return (u8)v;
	}
	return 0;
}

static void cpu_ppr(void)
{
	*at(PPR) = *at(TPR) >> 4 >= svi >> 4 ? *at(TPR) : svi & 0xf0u;
}

static void cpu_enter(void)
{
	assert_int_equal(give(), APIC_X2APIC);
	rvi = help.requested;
	svi = help.in_service;
	cpu_ppr();
}

static void cpu_deliver(void)
{
	u8 vector = rvi;

	if (rvi >> 4 <= *at(PPR) >> 4)
		return;
	*at(ISR + vector / 32 * 16) |= 1u << vector % 32;
	*at(IRR + vector / 32 * 16) &= ~(1u << vector % 32);
	svi = vector;
	rvi = highest(IRR);
	cpu_ppr();
}

static void cpu_eoi(void)
{
	u8 vector = svi;

	*at(ISR + vector / 32 * 16) &= ~(1u << vector % 32);
	svi = highest(ISR);
	cpu_ppr();
	if (vector && help.eoi_exits[vector / 64] & BIT(vector % 64)) {
		lapic_take(given);
		lapic_ended(given, vector);
		cpu_enter();
	}
}

static void cpu_self_ipi(u8 vector)
{
	*at(IRR + vector / 32 * 16) |= 1u << vector % 32;
	rvi = MAX(rvi, vector);
}

static void deliver(void)
{
	int vector = lapic_pending(plain);

	if (vector >= 0)
		lapic_ack(plain, (u8)vector);
	cpu_deliver();
}

/* Even vectors are level-triggered, and never self-IPIs. */
static void step(u32 random)
{
	u8 vector = (u8)(16 + (random >> 8) % 240);
	bool level = !(vector & 1);

	switch (random % 6) {
	case 0:
		lapic_request(plain, vector, level);
		lapic_request(given, vector, level);
		lapic_take(given);
		cpu_enter();
		break;
	case 1:
		assert_true(lapic_write_msr(plain, MSR(SELF_IPI), vector | 1));
		cpu_self_ipi(vector | 1);
		break;
	case 2:
		assert_true(lapic_write_msr(plain, MSR(TPR), vector & 0x7f));
		*at(TPR) = vector & 0x7f;
		cpu_ppr();
		break;
	case 3:
		assert_true(lapic_write_msr(plain, MSR(EOI), 0));
		cpu_eoi();
		break;
	default:
		deliver();
		break;
	}
}

static void test_like_one_that_is_not_given(void **state)
{
	static u32 random = 12345;

	(void)state;
	cpu_enter();
	for (unsigned int i = 0; i < 200000; i++) {
		random = random * 1664525u + 1013904223u;
		step(random >> 4);
		assert_int_equal(lapic_priority(given), lapic_priority(plain));
		assert_int_equal(ends[0], ends[1]);
		assert_int_equal(last_end[0], last_end[1]);
		lapic_take(given);
		assert_memory_equal(&given->irr, &plain->irr, sizeof(plain->irr));
		assert_memory_equal(&given->isr, &plain->isr, sizeof(plain->isr));
		assert_memory_equal(&given->tmr, &plain->tmr, sizeof(plain->tmr));
		assert_int_equal(given->tpr, plain->tpr);
		assert_int_equal(lapic_pending(given), lapic_pending(plain));
		cpu_enter();
	}
	assert_true(ends[0] > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_who_helps, setup),
		cmocka_unit_test_setup(test_what_the_cpu_is_told, setup),
		cmocka_unit_test_setup(test_requests_of_others, setup),
		cmocka_unit_test_setup(test_tpr_threshold, setup),
		cmocka_unit_test_setup(test_shadow_wakes, setup),
		cmocka_unit_test_setup(test_bad_self_ipi, setup),
		cmocka_unit_test_setup(test_reset_while_given, setup),
		cmocka_unit_test_setup(test_like_one_that_is_not_given, setup),
	};

	return cmocka_run_group_tests_name("lapic_virtual", tests, NULL, NULL);
}
