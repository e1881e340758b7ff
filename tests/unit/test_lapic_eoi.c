/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the local APIC tells the I/O APIC: which interrupts it takes, and the end of those that
 * are level-triggered.
 */
#include "dev_fixture.h"

#include "dev/apic_bus.h"

enum { PPR = 0xa0, EOI = 0xb0, SVR = 0xf0 };

static struct timer_queue queue;
static struct lapic apic;
static struct apic_bus bus = { .lapics = &apic, .count = 1 };
static unsigned int ends;
static u8 last_end;
static bool request_again;

static void ended(void *ctx, u8 vector)
{
	ends++;
	last_end = vector;
	if (request_again)
		lapic_request(ctx, vector, true);
}

static void end_of_interrupt(void)
{
	lapic_io.write(&apic, EOI, 4, 0);
}

static int setup(void **state)
{
	const struct lapic_host host = { .eoi = ended, .ctx = &apic };

	(void)state;
	timer_queue_init(&queue);
	lapic_init(&apic, 0, &bus, &host, &queue);
	lapic_io.write(&apic, SVR, 4, 0x1ff);
	ends = 0;
	request_again = false;
	return 0;
}

/* Only the ends of level-triggered interrupts are for the I/O APIC. */
static void test_level_eoi(void **state)
{
	(void)state;
	assert_true(lapic_request(&apic, 0x31, false));
	assert_true(lapic_request(&apic, 0x52, true));
	assert_false(lapic_request(&apic, 0x0f, true));
	lapic_ack(&apic, 0x52);
	request_again = true;
	end_of_interrupt();
	assert_int_equal(ends, 1);
	assert_int_equal(last_end, 0x52);
	assert_int_equal(lapic_pending(&apic), 0x52); /* requested again from there */
	assert_int_equal((int)dev_read(&lapic_io, &apic, PPR, 4), 0);
	lapic_ack(&apic, 0x52);
	request_again = false;
	end_of_interrupt();
	assert_int_equal(ends, 2);
	assert_int_equal(lapic_pending(&apic), 0x31);
	lapic_ack(&apic, 0x31);
	end_of_interrupt();
	end_of_interrupt();
	assert_int_equal(ends, 2);
	/* The last request counts. */
	lapic_request(&apic, 0x52, true);
	lapic_request(&apic, 0x52, false);
	lapic_ack(&apic, 0x52);
	end_of_interrupt();
	assert_int_equal(ends, 2);
	lapic_io.write(&apic, SVR, 4, 0);
	assert_false(lapic_request(&apic, 0x52, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_level_eoi, setup),
	};

	return cmocka_run_group_tests_name("lapic_eoi", tests, NULL, NULL);
}
