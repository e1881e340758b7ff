/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small ports: ACPI's PM blocks and timer, the ways to reset, the exit port.
 */
#include "dev_fixture.h"

#include "arch/clock.h"
#include "dev/acpi_tables.h"
#include "dev/debug_exit.h"
#include "dev/pm.h"
#include "dev/reset.h"
#include "dev/ticks.h"

static struct pm pm;
static struct timer_queue queue;
static struct line_probe sci;
static struct reset reset;
static struct debug_exit debug_exit;
static unsigned int offs, resets, exits;
static u8 last_code;

static void power_off(void *ctx)
{
	assert_ptr_equal(ctx, &pm);
	offs++;
}

static void do_reset(void *ctx)
{
	assert_ptr_equal(ctx, &reset);
	resets++;
}

static void do_exit(void *ctx, u8 code)
{
	assert_ptr_equal(ctx, &debug_exit);
	exits++;
	last_code = code;
}

static int setup(void **state)
{
	(void)state;
	host_clock_ns = 0;
	offs = resets = exits = 0;
	timer_queue_init(&queue);
	pm_init(&pm, line_probe_init(&sci, ACPI_SCI_IRQ), &queue, power_off, &pm);
	reset_init(&reset, do_reset, &reset);
	debug_exit_init(&debug_exit, do_exit, &debug_exit);
	return 0;
}

static u64 pm_in(u64 offset, unsigned int size)
{
	return dev_read(&pm_io, &pm, offset, size);
}

static void test_pm_timer(void **state)
{
	u64 last = 0;

	(void)state;
	host_clock_ns = NS_PER_SEC;
	assert_int_equal(pm_in(8, 4), 3579545);
	assert_int_equal(pm_in(8, 2), 3579545 & 0xffff);
	assert_int_equal(pm_in(10, 1), 3579545 >> 16);
	host_clock_ns = 3600 * NS_PER_SEC;
	assert_int_equal(pm_in(8, 4), (u32)(3600ull * 3579545));
	for (int i = 0; i < 100000; i++) {
		u64 now = pm_in(8, 4);

		assert_true((u32)(now - last) <= 1 || i == 0);
		last = now;
		host_clock_ns += 250;
	}
	pm_io.write(&pm, 8, 4, 0);
	assert_int_equal(pm_in(8, 4), last + 1);
}

static void test_pm_registers(void **state)
{
	(void)state;
	assert_int_equal(pm_in(4, 2), 1);
	pm_io.write(&pm, 4, 2, 0); /* there is no leaving ACPI mode */
	assert_int_equal(pm_in(4, 2), 1);
	assert_int_equal(pm_in(6, 2), 0xffff);
	pm_io.write(&pm, 2, 2, 0xffff);
	assert_int_equal(pm_in(0, 4), 0x07210000);
	pm_io.write(&pm, 3, 1, 0x01);
	assert_int_equal(pm_in(2, 2), 0x0121);
	/* The timer's status: set when its top bit changes, cleared by writing a one. */
	host_clock_ns = 599 * NS_PER_SEC;
	assert_int_equal(pm_in(0, 2), 0);
	host_clock_ns = 601 * NS_PER_SEC;
	assert_int_equal(pm_in(0, 2), 1);
	pm_io.write(&pm, 0, 2, 0xfffe);
	assert_int_equal(pm_in(0, 1), 1);
	pm_io.write(&pm, 0, 4, 0x01210001);
	assert_int_equal(pm_in(0, 4), 0x01210000);
	host_clock_ns = 1201 * NS_PER_SEC;
	assert_int_equal(pm_in(0, 2), 1);
	pm_reset(&pm);
	assert_int_equal(pm_in(0, 4), 0);
}

#define HALF_S 600u /* and a little less: until the timer's top bit changes */

/* The SCI: raised when the status bit is set while it is enabled, looked at or not; until cleared. */
static void test_sci(void **state)
{
	(void)state;
	run_until(&queue, HALF_S * NS_PER_SEC);
	assert_int_equal(pm_in(0, 2), 1);
	assert_false(sci.level);
	pm_io.write(&pm, 2, 2, 1);
	assert_true(sci.level);
	pm_io.write(&pm, 0, 2, 1);
	assert_false(sci.level);
	assert_int_equal(timer_queue_next(&queue), ticks_to_ns(2ull << 31, PM_TIMER_HZ));
	run_until(&queue, 2 * HALF_S * NS_PER_SEC);
	assert_true(sci.level);
	assert_int_equal(pm_in(8, 4) >> 30, 0);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	pm_io.write(&pm, 2, 2, 0x0720);
	assert_false(sci.level);
	pm_io.write(&pm, 0, 2, 1);
	pm_io.write(&pm, 2, 2, 1);
	run_until(&queue, 3 * HALF_S * NS_PER_SEC);
	assert_true(sci.level);
	pm_reset(&pm);
	assert_false(sci.level);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

static void test_power_off(void **state)
{
	(void)state;
	pm_io.write(&pm, 4, 2, 5 << 10);
	assert_int_equal(offs, 0);
	assert_int_equal(pm_in(4, 2), 0x1401);
	pm_io.write(&pm, 4, 2, 0x2000 | 1 << 10); /* no such sleep state */
	assert_int_equal(offs, 0);
	assert_int_equal(pm_in(4, 2), 0x0401);
	pm_io.write(&pm, 4, 2, 0x2000 | 5 << 10);
	assert_int_equal(offs, 1);
	assert_int_equal(pm_in(4, 2), 0x1401);
	pm_io.write(&pm, 5, 1, 0x34); /* by bytes, and by a wide write */
	assert_int_equal(offs, 2);
	pm_io.write(&pm, 2, 4, 0x34000000);
	assert_int_equal(offs, 3);
}

static void test_reset(void **state)
{
	(void)state;
	/* As Linux does: first the kind, then the reset; and as the FADT says, at once. */
	out8(&reset_control_io, &reset, 0, 0x02);
	assert_int_equal(resets, 0);
	assert_int_equal(in8(&reset_control_io, &reset, 0), 0x02);
	out8(&reset_control_io, &reset, 0, 0x06);
	assert_int_equal(resets, 1);
	out8(&reset_control_io, &reset, 0, RESET_CONTROL_VALUE);
	assert_int_equal(resets, 2);
	/* The keyboard controller is absent, but for its reset line. */
	assert_int_equal(in8(&reset_kbd_command_io, &reset, 0), 0xff);
	assert_int_equal(in8(&reset_kbd_data_io, &reset, 0), 0xff);
	out8(&reset_kbd_command_io, &reset, 0, 0xff);
	out8(&reset_kbd_command_io, &reset, 0, 0xaa);
	out8(&reset_kbd_data_io, &reset, 0, 0x00);
	assert_int_equal(resets, 2);
	out8(&reset_kbd_command_io, &reset, 0, 0xfe);
	assert_int_equal(resets, 3);
	out8(&reset_kbd_command_io, &reset, 0, 0xd1);
	out8(&reset_kbd_data_io, &reset, 0, 0xdf);
	assert_int_equal(resets, 3);
	out8(&reset_kbd_command_io, &reset, 0, 0xd1);
	out8(&reset_kbd_data_io, &reset, 0, 0xde);
	assert_int_equal(resets, 4);
	/* Port 92h resets when the bit rises. */
	assert_int_equal(in8(&reset_port92_io, &reset, 0), 0x02);
	out8(&reset_port92_io, &reset, 0, 0x02);
	out8(&reset_port92_io, &reset, 0, 0xfe);
	assert_int_equal(in8(&reset_port92_io, &reset, 0), 0x02);
	assert_int_equal(resets, 4);
	out8(&reset_port92_io, &reset, 0, 0x03);
	assert_int_equal(resets, 5);
	out8(&reset_port92_io, &reset, 0, 0x03);
	assert_int_equal(resets, 5);
	reset_reset(&reset);
	assert_int_equal(in8(&reset_port92_io, &reset, 0), 0x02);
}

static void test_debug_exit(void **state)
{
	(void)state;
	out8(&debug_exit_io, &debug_exit, 0, 0x2a);
	assert_int_equal(exits, 1);
	assert_int_equal(last_code, 0x2a);
	debug_exit_io.write(&debug_exit, 0, 4, 0x12345600);
	assert_int_equal(exits, 2);
	assert_int_equal(last_code, 0);
	/* As in QEMU: any of the ports, aligned, and its low byte. */
	out8(&debug_exit_io, &debug_exit, 3, 7);
	assert_int_equal(exits, 3);
	assert_int_equal(last_code, 7);
	debug_exit_io.write(&debug_exit, 2, 2, 0x1208);
	assert_int_equal(exits, 4);
	assert_int_equal(last_code, 8);
	debug_exit_io.write(&debug_exit, 1, 2, 0x1209);
	debug_exit_io.write(&debug_exit, 2, 4, 0x1209);
	assert_int_equal(exits, 4);
	assert_int_equal(dev_read(&debug_exit_io, &debug_exit, 0, 4), 0);
}

static void test_hostile(void **state)
{
	u64 random = 604;

	(void)state;
	hammer(&pm_io, &pm, PM_PORTS, NULL, &random, 100000);
	hammer(&reset_control_io, &reset, 1, NULL, &random, 10000);
	hammer(&reset_kbd_data_io, &reset, 1, NULL, &random, 10000);
	hammer(&reset_kbd_command_io, &reset, 1, NULL, &random, 10000);
	hammer(&reset_port92_io, &reset, 1, NULL, &random, 10000);
	hammer(&debug_exit_io, &debug_exit, DEBUG_EXIT_PORTS, NULL, &random, 10000);
	assert_true(pm_in(4, 2) & 1);
	assert_true(offs && resets && exits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_pm_timer, setup),
		cmocka_unit_test_setup(test_pm_registers, setup),
		cmocka_unit_test_setup(test_sci, setup),
		cmocka_unit_test_setup(test_power_off, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_debug_exit, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests_name("pm", tests, NULL, NULL);
}
