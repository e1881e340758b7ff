/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All devices, wired as in a PC with three CPUs, and where their registers are.
 */
#pragma once

#include "dev_fixture.h"
#include "dev_fw_cfg_fixture.h"

#include <unistd.h>

#include "arch/clock.h"
#include "dev/acpi_tables.h"
#include "dev/apic_bus.h"
#include "dev/debug_exit.h"
#include "dev/ioapic.h"
#include "dev/pic.h"
#include "dev/pit.h"
#include "dev/pm.h"
#include "dev/reset.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "lib/err.h"

#define CPUS 3u
#define TIME_LIMIT_S 120u
#define PAGE_LIMIT 0x1000000000ull

static struct timer_queue queue;
static struct lapic apics[CPUS];
static struct apic_bus bus = { .lapics = apics, .count = CPUS };
static struct ioapic ioapic;
static struct pic pic;
static struct pit pit;
static struct rtc rtc;
static struct uart uart;
static struct pm pm;
static struct reset reset;
static struct debug_exit debug_exit;
static u64 tsc_offset;

static void on_signal(void *ctx, enum lapic_delivery delivery, u8 vector)
{
	(void)vector;
	if (delivery == DELIVER_INIT)
		lapic_stop(ctx);
}

static void on_eoi(void *ctx, u8 vector)
{
	(void)ctx;
	ioapic_eoi(&ioapic, vector);
}

static int on_move(void *ctx, u64 gpa)
{
	(void)ctx;
	return gpa >= PAGE_LIMIT ? E_INVAL : gpa & 0x1000 ? E_UNSUPPORTED : 0;
}

static u64 tsc_time(void *ctx, u64 tsc)
{
	u64 now = host_clock_ns + tsc_offset;

	(void)ctx;
	return tsc <= now ? 0 : host_clock_ns + (tsc - now);
}

static bool on_message(void *ctx, const struct lapic_ipi *message, bool level)
{
	(void)ctx;
	return message->delivery != DELIVER_EXTINT && apic_bus_deliver(&bus, message, level, NULL);
}

static void on_pic(void *ctx, bool level)
{
	(void)ctx;
	lapic_set_lint(&apics[0], LVT_LINT0, level);
	ioapic_set_irq(&ioapic, IOAPIC_PIC_PIN, level);
}

static void on_isa_irq(void *ctx, unsigned int irq, bool level)
{
	(void)ctx;
	pic_set_irq(&pic, irq, level);
	ioapic_set_irq(&ioapic, irq == PIT_IRQ ? IOAPIC_PIT_PIN : irq, level);
}

static bool pit_busy(void *ctx)
{
	(void)ctx;
	return pic_requests(&pic, PIT_IRQ);
}

static void on_byte(void *ctx, u8 byte)
{
	(void)ctx;
	(void)byte;
}

static void ignore(void *ctx)
{
	(void)ctx;
}

static bool rtc_reaches(void *ctx)
{
	(void)ctx;
	return pic_unmasked(&pic, RTC_IRQ);
}

static struct irq_line isa_irq(unsigned int irq)
{
	return (struct irq_line){ .set = on_isa_irq, .pin = irq };
}

static int setup(void **state)
{
	const struct uart_host console = { .output = on_byte, .room = ignore };

	(void)state;
	alarm(TIME_LIMIT_S);
	host_clock_ns = NS_PER_SEC;
	timer_queue_init(&queue);
	ioapic_init(&ioapic, CPUS, on_message, NULL);
	for (unsigned int i = 0; i < CPUS; i++) {
		const struct lapic_host host = {
			.signal = on_signal,
			.eoi = on_eoi,
			.move = on_move,
			.tsc_time = tsc_time,
			.ctx = &apics[i],
		};

		lapic_init(&apics[i], i, &bus, &host, &queue);
	}
	pic_init(&pic, on_pic, NULL);
	pit_init(&pit, isa_irq(PIT_IRQ), pit_busy, &queue);
	rtc_init(&rtc, isa_irq(RTC_IRQ), rtc_reaches, &queue, MIB(64), 0);
	uart_init(&uart, isa_irq(UART_COM1_IRQ), &console);
	pm_init(&pm, isa_irq(ACPI_SCI_IRQ), &queue, ignore, NULL);
	reset_init(&reset, ignore, NULL);
	debug_exit_init(&debug_exit, on_byte, NULL);
	fw_start(&queue);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	alarm(0);
	fixture_teardown();
	return 0;
}

/* Every range of registers there is. */
static const struct window {
	const struct io_ops *ops;
	void *dev;
	u64 len;
	u64 stride; /* of the registers worth most of the accesses */
} windows[] = {
	{ &lapic_io, &apics[0], LAPIC_SIZE, 16 },
	{ &lapic_io, &apics[1], LAPIC_SIZE, 16 },
	{ &lapic_io, &apics[2], LAPIC_SIZE, 16 },
	{ &ioapic_io, &ioapic, IOAPIC_SIZE, 16 },
	{ &pic_master_io, &pic, PIC_PORTS, 1 },
	{ &pic_slave_io, &pic, PIC_PORTS, 1 },
	{ &pic_elcr_io, &pic, PIC_ELCR_PORTS, 1 },
	{ &pit_io, &pit, PIT_PORTS, 1 },
	{ &pit_port61_io, &pit, 1, 1 },
	{ &rtc_io, &rtc, RTC_PORTS, 1 },
	{ &uart_io, &uart, UART_PORTS, 1 },
	{ &pm_io, &pm, PM_PORTS, 1 },
	{ &reset_control_io, &reset, 1, 1 },
	{ &reset_port92_io, &reset, 1, 1 },
	{ &reset_kbd_data_io, &reset, 1, 1 },
	{ &reset_kbd_command_io, &reset, 1, 1 },
	{ &debug_exit_io, &debug_exit, DEBUG_EXIT_PORTS, 1 },
	{ &fw_cfg_io, &fw_cfg, FW_CFG_PORTS, 1 },
	{ &fw_cfg_dma_io, &fw_cfg, FW_CFG_DMA_PORTS, 4 },
};
