/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All devices together, wired as in a PC, under a guest that does anything: first every register
 * with every width and every bit, then random accesses, MSRs, interrupt lines and acknowledgements
 * while time passes and timers run. After each step what must always hold is looked at. The seed is
 * printed; SILL_FUZZ_SEED=N and SILL_FUZZ_STEPS=N run another one, or for longer.
 */
#include "dev_holds_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS 6000000u
#define FIRST_VECTOR 16

static u64 timers_run;

static void read_at(const struct window *w, u64 offset, unsigned int size)
{
	dev_read(w->ops, w->dev, offset, size);
	accesses++;
}

static void write_at(const struct window *w, u64 offset, unsigned int size, u64 value)
{
	w->ops->write(w->dev, offset, size, size < 8 ? value & (BIT(8 * size) - 1) : value);
	accesses++;
}

/* Each bit alone, none and all, in each width; everything is read before and after. */
static void test_every_bit(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(windows); i++) {
		const struct window *w = &windows[i];
		u64 end = MIN(w->len, (u64)0x400), step = w->stride > 4 ? 4 : 1;

		for (u64 offset = 0; offset < end; offset += step) {
			for (unsigned int size = 1; size <= 8; size *= 2) {
				read_at(w, offset, size);
				for (unsigned int bit = 0; bit < 8 * size; bit++)
					write_at(w, offset, size, BIT(bit));
				write_at(w, offset, size, 0);
				write_at(w, offset, size, ~0ull);
				read_at(w, offset, size);
				check();
			}
		}
		read_at(w, ~0ull, 8);
		write_at(w, w->len, 4, ~0ull);
	}
}

/* What lies behind an index: the I/O APIC's registers, and the CMOS. */
static void test_every_index(void **state)
{
	(void)state;
	for (u32 index = 0; index < 256; index++) {
		for (unsigned int bit = 0; bit < 34; bit++) {
			u64 value = bit < 32 ? BIT(bit) : bit == 32 ? 0 : ~0ull;

			ioapic_io.write(&ioapic, 0, 1, index);
			ioapic_io.write(&ioapic, 0x10, 4, value & 0xffffffff);
			dev_read(&ioapic_io, &ioapic, 0x10, 4);
			out8(&rtc_io, &rtc, 0, index);
			out8(&rtc_io, &rtc, 1, (unsigned int)value);
			in8(&rtc_io, &rtc, 1);
			check();
			accesses += 6;
		}
	}
}

/* x2APIC mode's MSRs, and IA32_APIC_BASE: each bit alone. */
static void test_every_msr(void **state)
{
	u64 value;

	(void)state;
	for (unsigned int mode = 0; mode < 2; mode++) {
		for (u32 index = 0; index < 0x100; index++) {
			for (unsigned int bit = 0; bit < 66; bit++) {
				value = bit < 64 ? BIT(bit) : bit == 64 ? 0 : ~0ull;
				(void)!lapic_write_msr(&apics[0], index, value);
				(void)!lapic_read_msr(&apics[0], index, &value);
				check();
				accesses += 2;
			}
		}
		for (unsigned int bit = 0; bit < 64; bit++) {
			(void)!lapic_write_base(&apics[1], lapic_read_base(&apics[1]) ^ BIT(bit));
			check();
		}
		lapic_reset(&apics[0]);
		(void)!lapic_write_base(&apics[0], LAPIC_BASE | 0xc00);
	}
}

/* Few bits, many bits, small numbers, anything. */
static u64 random_value(u64 *random)
{
	u64 r = test_random(random);

	switch (r & 3) {
	case 0:
		return BIT(r >> 2 & 63);
	case 1:
		return r >> 2 & 0xfff;
	case 2:
		return test_random(random) >> (r >> 2 & 63);
	default:
		return test_random(random);
	}
}

static void step_access(u64 *random)
{
	u64 r = test_random(random), offset;
	const struct window *w = &windows[(r >> 8) % ARRAY_SIZE(windows)];
	unsigned int size = 1u << (r & 3);

	/* Mostly whole registers, with a value that was seen there, but for some bits. */
	offset = (r >> 20) % w->len;
	if ((r >> 2 & 3) && w->stride > 1) {
		offset = (r >> 20) % MIN(0x40, w->len / w->stride) * w->stride;
		size = 4;
	}
	if (r >> 4 & 1)
		read_at(w, offset, size);
	else
		write_at(w, offset, size, random_value(random));
}

static void step_msr(u64 *random)
{
	u64 r = test_random(random), value = random_value(random);
	struct lapic *apic = &apics[r % CPUS];

	accesses++;
	switch (r >> 8 & 7) {
	case 0:
		value = LAPIC_BASE ^ (value & 0xfffff00);
		(void)!lapic_write_base(apic, value);
		break;
	case 1:
		lapic_write_tsc_deadline(
			apic, r & 0x10000 ? value : tsc_offset + host_clock_ns + (value & 0xffff));
		break;
	case 2:
		lapic_read_tsc_deadline(apic);
		break;
	case 3:
		tsc_offset = value;
		for (unsigned int i = 0; i < CPUS; i++)
			lapic_tsc_changed(&apics[i]);
		break;
	case 4:
		(void)!lapic_read_msr(apic, (u32)(r >> 16) & 0xff, &value);
		break;
	case 5:
		lapic_write_cr8(apic, value);
		break;
	default:
		(void)!lapic_write_msr(apic, (u32)(r >> 16) & 0x3f, value);
		break;
	}
}

/* The CPU takes what is pending; an INIT that has come resets its APIC. */
static void step_cpu(u64 *random)
{
	u64 r = test_random(random);
	struct lapic *apic = &apics[r % CPUS];

	if (apic->stopped && (r & 0x100)) {
		lapic_reset_registers(apic);
		if (!apic->x2apic)
			lapic_io.write(apic, 0xf0, 4, 0x1ff);
	} else if (pic_pending(&pic) && (r & 0x200)) {
		HOLDS(pic_ack(&pic) >= 0);
	} else if (lapic_pending(apic) >= 0) {
		HOLDS(lapic_pending(apic) >= FIRST_VECTOR);
		lapic_ack(apic, (u8)lapic_pending(apic));
	}
}

static void step_line(u64 *random)
{
	u64 r = test_random(random);
	bool level = r & 1;

	switch (r >> 8 & 3) {
	case 0:
		on_isa_irq(NULL, (unsigned int)(r >> 16) % PIC_IRQS, level);
		break;
	case 1:
		ioapic_set_irq(&ioapic, (unsigned int)(r >> 16) % 32, level);
		break;
	case 2:
		lapic_set_lint(&apics[(r >> 24) % CPUS], r & 2 ? LVT_LINT0 : LVT_LINT1, level);
		break;
	default:
		uart_input(&uart, (u8)(r >> 16));
		break;
	}
}

static void step_time(u64 *random)
{
	u64 r = test_random(random);

	/* Now and then backwards, as between two CPUs. */
	if (r % 16 == 0)
		host_clock_ns -= MIN(host_clock_ns / 2, r >> 8 & 0x3ff);
	else
		host_clock_ns += test_random(random) % (1ull << (r >> 8) % 34);
	timer_queue_run(&queue, host_clock_ns);
	timers_run++;
}

static void step_reset(u64 *random)
{
	switch (test_random(random) >> 8 & 7) {
	case 0:
		pic_reset(&pic);
		break;
	case 1:
		ioapic_reset(&ioapic);
		break;
	case 2:
		pit_reset(&pit);
		break;
	case 3:
		rtc_reset(&rtc);
		break;
	case 4:
		uart_reset(&uart);
		break;
	case 5:
		fw_reset(random);
		break;
	default:
		lapic_reset(&apics[0]);
		lapic_init_virtual_wire(&apics[0]);
		break;
	}
}

static void test_random_steps(void **state)
{
	const char *steps = getenv("SILL_FUZZ_STEPS"), *number = getenv("SILL_FUZZ_SEED");
	u64 count = steps ? strtoull(steps, NULL, 0) : STEPS, random;

	(void)state;
	seed = number ? strtoull(number, NULL, 0) : 0x511;
	random = seed * 2 + 1;
	print_message("seed %llu, %llu steps\n", (unsigned long long)seed,
		      (unsigned long long)count);
	for (u64 i = 0; i < count; i++) {
		u64 r = test_random(&random);

		if (r % 4096 == 0)
			step_reset(&random);
		else if (r % 16 < 9)
			step_access(&random);
		else if (r % 16 < 12)
			step_msr(&random);
		else if (r % 16 < 13)
			step_cpu(&random);
		else if (r % 16 < 14)
			step_line(&random);
		else
			step_time(&random);
		check();
	}
	print_message("%llu accesses, timers run %llu times, %llu transfers in steps\n",
		      (unsigned long long)accesses, (unsigned long long)timers_run,
		      (unsigned long long)fw_in_steps);
	HOLDS(fw_wrote_no_rom());
	HOLDS(steps || (accesses > 1000000 && fw_in_steps > 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_index, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_msr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_steps, setup, teardown),
	};

	return cmocka_run_group_tests_name("dev_fuzz", tests, NULL, NULL);
}
