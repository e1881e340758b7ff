/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8259 pair: initialisation, priorities and nesting, the cascade, edge and level, every
 * end-of-interrupt command, special mask, poll, spurious interrupts, and a hostile guest.
 */
#include "dev_fixture.h"

#include "dev/pic.h"

enum { MASTER, SLAVE };

static struct pic pic;
static bool output_level;
static unsigned int output_changes;

static void output(void *ctx, bool level)
{
	assert_ptr_equal(ctx, &pic);
	assert_int_not_equal(level, output_level);
	output_level = level;
	output_changes++;
}

static void out(int chip, unsigned int port, unsigned int value)
{
	out8(chip == MASTER ? &pic_master_io : &pic_slave_io, &pic, port, value);
	assert_int_equal(output_level, pic_pending(&pic));
}

static u8 in(int chip, unsigned int port)
{
	return in8(chip == MASTER ? &pic_master_io : &pic_slave_io, &pic, port);
}

static u8 in_isr(int chip)
{
	out(chip, 0, 0x0b);
	return in(chip, 0);
}

static u8 in_irr(int chip)
{
	out(chip, 0, 0x0a);
	return in(chip, 0);
}

/* As Linux does it: vectors 30h and 38h. */
static void initialise(unsigned int icw4)
{
	out(MASTER, 0, 0x11);
	out(MASTER, 1, 0x30);
	out(MASTER, 1, 0x04);
	out(MASTER, 1, icw4);
	out(SLAVE, 0, 0x11);
	out(SLAVE, 1, 0x38);
	out(SLAVE, 1, 0x02);
	out(SLAVE, 1, icw4);
}

static int setup(void **state)
{
	(void)state;
	output_level = false;
	output_changes = 0;
	pic_init(&pic, output, &pic);
	initialise(0x01);
	return 0;
}

static void pulse(unsigned int irq)
{
	pic_set_irq(&pic, irq, true);
	pic_set_irq(&pic, irq, false);
}

static void test_initialise(void **state)
{
	(void)state;
	pic_init(&pic, output, &pic);
	/* Everything is masked, and the masks can be read back (Linux probes by that). */
	pulse(0);
	assert_false(pic_pending(&pic));
	assert_int_equal(in(SLAVE, 1), 0xff);
	out(MASTER, 1, 0xfb);
	assert_int_equal(in(MASTER, 1), 0xfb);
	/* An edge from before is forgotten, a mask too; nothing interrupts in between. */
	out(MASTER, 0, 0x11);
	pulse(1);
	assert_false(pic_pending(&pic));
	initialise(0x01);
	assert_int_equal(in(MASTER, 1), 0);
	assert_int_equal(in_irr(MASTER), 0);
	/* ICW3 and ICW4 are taken only when ICW1 says so. */
	out(MASTER, 0, 0x12);
	out(MASTER, 1, 0x47);
	out(MASTER, 1, 0x01);
	assert_int_equal(in(MASTER, 1), 0x01);
	pulse(0);
	assert_false(pic_pending(&pic));
	out(MASTER, 1, 0x00);
	assert_int_equal(pic_ack(&pic), 0x40);
}

static void test_priorities(void **state)
{
	(void)state;
	pulse(5);
	pulse(3);
	assert_true(output_level);
	assert_int_equal(pic_ack(&pic), 0x33);
	assert_int_equal(in_isr(MASTER), 0x08);
	assert_int_equal(in_irr(MASTER), 0x20);
	assert_false(output_level); /* 5 waits for 3 */
	pulse(0);
	assert_int_equal(pic_ack(&pic), 0x30); /* 0 does not */
	out(MASTER, 0, 0x20);
	assert_int_equal(in_isr(MASTER), 0x08);
	assert_false(output_level);
	out(MASTER, 0, 0x20);
	assert_int_equal(pic_ack(&pic), 0x35);
	out(MASTER, 0, 0x65); /* specific */
	assert_int_equal(in_isr(MASTER), 0);
	/* A mask holds a request back, and does not lose it. */
	out(MASTER, 1, 0x10);
	pulse(4);
	assert_false(output_level);
	out(MASTER, 1, 0);
	assert_int_equal(pic_ack(&pic), 0x34);
}

static void test_cascade(void **state)
{
	(void)state;
	pic_irq_line_set(&pic, 12, true);
	assert_int_equal(in_irr(MASTER), 0x04);
	assert_int_equal(pic_ack(&pic), 0x3c);
	assert_int_equal(in_isr(MASTER), 0x04);
	assert_int_equal(in_isr(SLAVE), 0x10);
	/* Lower on the slave: waits. Higher there: waits too, for the master's input 2. */
	pulse(14);
	pulse(8);
	assert_false(output_level);
	pulse(1);
	assert_int_equal(pic_ack(&pic), 0x31);
	out(MASTER, 0, 0x20);
	/* The ends in either order. */
	out(MASTER, 0, 0x62);
	assert_int_equal(pic_ack(&pic), 0x38);
	out(SLAVE, 0, 0x20);
	out(MASTER, 0, 0x20);
	assert_false(output_level); /* 12 is still in service */
	out(SLAVE, 0, 0x20);
	assert_int_equal(pic_ack(&pic), 0x3e);
	/* Special fully nested: a higher input of the slave gets through. */
	pic_set_irq(&pic, 12, false);
	initialise(0x11);
	pulse(12);
	assert_int_equal(pic_ack(&pic), 0x3c);
	pulse(8);
	assert_int_equal(pic_ack(&pic), 0x38);
	pulse(3);
	assert_false(output_level);
}

static void test_edge_and_level(void **state)
{
	(void)state;
	/* An edge interrupts once, however long the line stays up. */
	pic_set_irq(&pic, 3, true);
	pic_set_irq(&pic, 3, true);
	assert_int_equal(pic_ack(&pic), 0x33);
	out(MASTER, 0, 0x20);
	assert_false(output_level);
	/* A level interrupts for as long as it is there. */
	out8(&pic_elcr_io, &pic, 0, 0xff);
	out8(&pic_elcr_io, &pic, 1, 0xff);
	assert_int_equal(dev_read(&pic_elcr_io, &pic, 0, 2), 0xdef8);
	assert_true(output_level); /* 3 is still up */
	assert_int_equal(pic_ack(&pic), 0x33);
	out(MASTER, 0, 0x20);
	assert_int_equal(pic_ack(&pic), 0x33);
	pic_set_irq(&pic, 3, false);
	out(MASTER, 0, 0x20);
	assert_false(output_level);
	pulse(9);
	assert_false(output_level);
	/* Turned back to edge: a line that is up now has had its edge. */
	pic_set_irq(&pic, 9, true);
	out8(&pic_elcr_io, &pic, 1, 0);
	assert_int_equal(pic_ack(&pic), 0x39);
	out(SLAVE, 0, 0x20);
	out(MASTER, 0, 0x20);
	assert_false(output_level);
	/* The cascade and numbers beyond are no inputs. */
	pic_set_irq(&pic, 2, true);
	pic_set_irq(&pic, 16, true);
	pic_set_irq(&pic, ~0u, true);
	assert_false(output_level);
}

static void test_rotation(void **state)
{
	(void)state;
	pulse(3);
	pic_ack(&pic);
	out(MASTER, 0, 0xa0); /* rotate on non-specific end: 3 is lowest now */
	pulse(3);
	pulse(4);
	pulse(0);
	assert_int_equal(pic_ack(&pic), 0x34);
	out(MASTER, 0, 0x20);
	assert_int_equal(pic_ack(&pic), 0x30);
	out(MASTER, 0, 0xe0); /* rotate on specific end */
	assert_int_equal(pic_ack(&pic), 0x33);
	out(MASTER, 0, 0x20);
	out(MASTER, 0, 0xc5); /* set priority: 6 is highest */
	pulse(5);
	pulse(6);
	assert_int_equal(pic_ack(&pic), 0x36);
	out(MASTER, 0, 0x20);
	assert_int_equal(pic_ack(&pic), 0x35);
	/* Automatic end: nothing stays in service. Automatic rotation along with it. */
	initialise(0x03);
	out(MASTER, 0, 0x80);
	pulse(1);
	pulse(2 + 4);
	assert_int_equal(pic_ack(&pic), 0x31);
	assert_int_equal(in_isr(MASTER), 0);
	pulse(1);
	assert_int_equal(pic_ack(&pic), 0x36);
	out(MASTER, 0, 0x00);
	pulse(6);
	assert_int_equal(pic_ack(&pic), 0x31);
	assert_int_equal(pic_ack(&pic), 0x36);
}

static void test_special_mask(void **state)
{
	(void)state;
	pulse(1);
	assert_int_equal(pic_ack(&pic), 0x31);
	pulse(6);
	assert_false(output_level);
	out(MASTER, 1, 0x02);
	assert_false(output_level);
	out(MASTER, 0, 0x68); /* a masked input in service holds nobody back */
	assert_int_equal(pic_ack(&pic), 0x36);
	out(MASTER, 0, 0x20); /* and is not meant by a non-specific end */
	assert_int_equal(in_isr(MASTER), 0x02);
	out(MASTER, 0, 0x20);
	assert_int_equal(in_isr(MASTER), 0x02);
	out(MASTER, 0, 0x48);
	pulse(6);
	assert_false(output_level);
	out(MASTER, 0, 0x20);
	assert_int_equal(pic_ack(&pic), 0x36);
}

static void test_poll(void **state)
{
	(void)state;
	out(MASTER, 0, 0x0c);
	assert_int_equal(in(MASTER, 0), 0x00);
	pulse(4);
	out(MASTER, 0, 0x0c);
	assert_int_equal(in(MASTER, 1), 0x84); /* at either port */
	assert_false(output_level);
	assert_int_equal(in_isr(MASTER), 0x10);
	assert_int_equal(in(MASTER, 1), 0);
	out(MASTER, 0, 0x20);
	pulse(15);
	out(SLAVE, 0, 0x0c);
	assert_int_equal(in(SLAVE, 0), 0x87);
	assert_int_equal(in_irr(MASTER), 0);
	assert_false(output_level);
}

static void test_spurious(void **state)
{
	(void)state;
	/* The request has been withdrawn by a mask: IRQ 7, and nothing in service. */
	pulse(4);
	assert_true(output_level);
	out(MASTER, 1, 0x10);
	assert_int_equal(pic_ack(&pic), 0x37);
	assert_int_equal(in_isr(MASTER), 0);
	out(MASTER, 1, 0);
	assert_int_equal(pic_ack(&pic), 0x34);
	out(MASTER, 0, 0x20);
	/* On the slave as well: the master has let go of its input before the CPU came. */
	pulse(10);
	out(SLAVE, 1, 0x04);
	assert_false(output_level);
	assert_int_equal(pic_ack(&pic), 0x37);
	/* A level-triggered line that fell. */
	out8(&pic_elcr_io, &pic, 0, 0x20);
	pulse(5);
	assert_int_equal(pic_ack(&pic), 0x37);
	assert_int_equal(in_isr(MASTER), 0);
}

static void test_hostile(void **state)
{
	static const struct io_ops *const spaces[] = { &pic_master_io, &pic_slave_io,
						       &pic_elcr_io };
	u64 random = 8259;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		u64 r = test_random(&random);

		hammer(spaces[r % 3], &pic, 2, NULL, &random, 10);
		pic_set_irq(&pic, (unsigned int)(r >> 8) % 20, r >> 20 & 1);
		if (r >> 21 & 1)
			assert_in_range(pic_ack(&pic), 0, 255);
		assert_int_equal(output_level, pic_pending(&pic));
	}
	assert_true(output_changes > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_initialise, setup),
		cmocka_unit_test_setup(test_priorities, setup),
		cmocka_unit_test_setup(test_cascade, setup),
		cmocka_unit_test_setup(test_edge_and_level, setup),
		cmocka_unit_test_setup(test_rotation, setup),
		cmocka_unit_test_setup(test_special_mask, setup),
		cmocka_unit_test_setup(test_poll, setup),
		cmocka_unit_test_setup(test_spurious, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests_name("pic", tests, NULL, NULL);
}
