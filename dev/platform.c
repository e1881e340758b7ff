/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wires the device models into a PC for one VM: which ports, which interrupt inputs, and what
 * powers off, resets and interrupts. Everything here runs with the VM's device lock held, but for
 * create, reset and destroy.
 */
#include "dev/platform.h"

#include "dev/platform_fw_cfg.h"
#include "dev/platform_internal.h"
#include "lib/err.h"
#include "mm/heap.h"
#include "vm/guest_e820.h"

/* An ISA interrupt is an input of both: the guest masks it at the one it does not use. */
static void isa_irq_set(void *ctx, unsigned int irq, bool level)
{
	struct pc *pc = ctx;

	pic_set_irq(&pc->pic, irq, level);
	ioapic_set_irq(&pc->ioapic, irq == PIT_IRQ ? IOAPIC_PIT_PIN : irq, level);
}

static struct irq_line isa_irq(struct pc *pc, unsigned int irq)
{
	return (struct irq_line){ .set = isa_irq_set, .ctx = pc, .pin = irq };
}

static void uart_output(void *ctx, u8 byte)
{
	vm_console->output(ctx, byte);
}

static void uart_room(void *ctx)
{
	vm_console->room(ctx);
}

static void power_off(void *ctx)
{
	vm_poweroff(ctx);
}

static void reset(void *ctx)
{
	vm_reset(ctx);
}

static void debug_exit(void *ctx, u8 code)
{
	vm_end(ctx, code);
}

struct wiring {
	u64 base, len;
	const struct io_ops *ops;
	void *dev;
};

static int wire(struct io_space *space, const struct wiring *wiring, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct wiring *w = &wiring[i];
		int err = io_space_add(space, w->base, w->len, w->ops, w->dev);

		if (err)
			return err;
	}
	return 0;
}

static int pc_wire(struct vm *vm, struct pc *pc)
{
	const struct wiring ports[] = {
		{ PIC_MASTER_PORT, PIC_PORTS, &pic_master_io, &pc->pic },
		{ PIC_SLAVE_PORT, PIC_PORTS, &pic_slave_io, &pc->pic },
		{ PIC_ELCR_PORT, PIC_ELCR_PORTS, &pic_elcr_io, &pc->pic },
		{ PIT_PORT, PIT_PORTS, &pit_io, &pc->pit },
		{ PIT_PORT61, 1, &pit_port61_io, &pc->pit },
		{ RESET_KBD_DATA_PORT, 1, &reset_kbd_data_io, &pc->reset },
		{ RESET_KBD_COMMAND_PORT, 1, &reset_kbd_command_io, &pc->reset },
		{ RTC_PORT, RTC_PORTS, &rtc_io, &pc->rtc },
		{ RESET_PORT92, 1, &reset_port92_io, &pc->reset },
		{ DEBUG_EXIT_PORT, DEBUG_EXIT_PORTS, &debug_exit_io, &pc->debug_exit },
		{ UART_COM1_PORT, UART_PORTS, &uart_io, &pc->uart },
		{ FW_CFG_PORT, FW_CFG_PORTS, &fw_cfg_io, &pc->fw_cfg },
		{ FW_CFG_DMA_PORT, FW_CFG_DMA_PORTS, &fw_cfg_dma_io, &pc->fw_cfg },
		{ PM_PORT, PM_PORTS, &pm_io, &pc->pm },
		{ RESET_CONTROL_PORT, 1, &reset_control_io, &pc->reset },
	};
	const struct wiring memory[] = {
		{ IOAPIC_BASE, IOAPIC_SIZE, &ioapic_io, &pc->ioapic },
	};
	int err = wire(&vm->ports, ports, ARRAY_SIZE(ports));

	return err ? err : wire(&vm->mmio, memory, ARRAY_SIZE(memory));
}

static void pc_destroy(struct vm *vm)
{
	struct pc *pc = pc_of(vm);

	platform_lapics_destroy(pc);
	kfree(pc, sizeof(*pc));
	vm->platform = NULL;
}

/* What is no vCPU's own has its timers run by the first one's CPU. */
static int pc_create(struct vm *vm)
{
	const struct uart_host console = { .output = uart_output, .room = uart_room, .ctx = vm };
	struct timer_queue *timers = &vm->vcpus[0].timers;
	u64 below_4g = guest_low_size(vm->config->mem);
	struct pc *pc = kzalloc(sizeof(*pc));
	int err;

	if (!pc)
		return E_NOMEM;
	vm->platform = pc;
	pic_init(&pc->pic, platform_pic_output, vm);
	ioapic_init(&pc->ioapic, platform_ioapic_id(vm), platform_ioapic_deliver, vm);
	pit_init(&pc->pit, isa_irq(pc, PIT_IRQ), platform_pit_busy, timers);
	rtc_init(&pc->rtc, isa_irq(pc, RTC_IRQ), platform_rtc_reaches, timers, below_4g,
		 vm->config->mem - below_4g);
	uart_init(&pc->uart, isa_irq(pc, UART_COM1_IRQ), &console);
	pm_init(&pc->pm, isa_irq(pc, ACPI_SCI_IRQ), timers, power_off, vm);
	reset_init(&pc->reset, reset, vm);
	debug_exit_init(&pc->debug_exit, debug_exit, vm);
	err = platform_lapics_create(vm);
	if (!err)
		err = platform_fw_cfg_init(vm, &pc->fw_cfg, &pc->acpi);
	if (!err)
		err = pc_wire(vm, pc);
	if (err)
		pc_destroy(vm);
	return err;
}

static int pc_reset(struct vm *vm)
{
	struct pc *pc = pc_of(vm);

	spin_lock(&vm->dev_lock);
	pic_reset(&pc->pic);
	ioapic_reset(&pc->ioapic);
	pit_reset(&pc->pit);
	rtc_reset(&pc->rtc);
	uart_reset(&pc->uart);
	platform_lapics_reset(vm);
	pm_reset(&pc->pm);
	reset_reset(&pc->reset);
	fw_cfg_reset(&pc->fw_cfg);
	spin_unlock(&vm->dev_lock);
	return platform_tables_write(vm);
}

static bool pc_console_input(struct vm *vm, u8 byte)
{
	return uart_input(&pc_of(vm)->uart, byte);
}

const struct platform_ops pc_platform = {
	.create = pc_create,
	.reset = pc_reset,
	.destroy = pc_destroy,
	.intr_pending = platform_intr_pending,
	.intr_ack = platform_intr_ack,
	.vcpu_init = platform_vcpu_init,
	.apic_base_read = platform_apic_base_read,
	.apic_base_write = platform_apic_base_write,
	.apic_msr_read = platform_apic_msr_read,
	.apic_msr_write = platform_apic_msr_write,
	.apic_msr_eoi = platform_apic_msr_eoi,
	.tsc_changed = platform_tsc_changed,
	.tpr_read = platform_tpr_read,
	.tpr_write = platform_tpr_write,
	.apic_give = platform_apic_give,
	.apic_take = platform_apic_take,
	.apic_written = platform_apic_written,
	.apic_ended = platform_apic_ended,
	.console_input = pc_console_input,
	.apic_timer_khz = 1000000,
	.rsdp = { PLATFORM_ACPI_GPA },
};
