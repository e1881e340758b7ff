/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wires the device models into a PC for one VM: which ports, which interrupt inputs, and what
 * powers off, resets and interrupts. Everything here runs with the VM's device lock held, but for
 * create, reset and destroy.
 */
#include "dev/platform.h"

#include "dev/acpi_tables.h"
#include "dev/apic_bus.h"
#include "dev/debug_exit.h"
#include "dev/ioapic.h"
#include "dev/pic.h"
#include "dev/pit.h"
#include "dev/platform_fw_cfg.h"
#include "dev/pm.h"
#include "dev/reset.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm/heap.h"
#include "vm/guest_e820.h"

#define ACPI_TABLES_GPA 0xe0000ull
#define ACPI_TABLES_SIZE 0x4000u

struct pc {
	struct uart uart;
	struct pic pic;
	struct pit pit;
	struct rtc rtc;
	struct apic_bus bus;
	struct ioapic ioapic;
	struct pm pm;
	struct reset reset;
	struct debug_exit debug_exit;
	struct fw_cfg fw_cfg;
};

static struct pc *pc_of(const struct vm *vm)
{
	return vm->platform;
}

/* An APIC id is the vCPU's number. How many there are. */
static u32 list_apic_ids(const struct vm *vm, u8 *ids)
{
	for (u32 i = 0; i < vm->vcpu_count; i++)
		ids[i] = (u8)i;
	return vm->vcpu_count;
}

static struct lapic *lapic_of(const struct vcpu *vcpu)
{
	return vcpu->local.dev;
}

static void interrupts_changed(void *ctx)
{
	vcpu_kick(ctx, REQUEST_EVENT);
}

/* The 8259s' interrupts come in by LINT0, which only the first vCPU's is wired to. */
static void pic_output(void *ctx, bool level __unused)
{
	struct vm *vm = ctx;

	vcpu_kick(&vm->vcpus[0], REQUEST_EVENT);
}

static bool takes_pic(const struct vcpu *vcpu)
{
	return vcpu->index == 0 && pic_pending(&pc_of(vcpu->vm)->pic) &&
	       lapic_accepts_pic(lapic_of(vcpu));
}

static void signalled(void *ctx, enum lapic_delivery delivery, u8 vector)
{
	struct vcpu *vcpu = ctx;

	if (delivery == DELIVER_INIT)
		lapic_stop(lapic_of(vcpu));
	vcpu_signal(vcpu,
		    delivery == DELIVER_NMI    ? SIGNAL_NMI
		    : delivery == DELIVER_INIT ? SIGNAL_INIT
					       : SIGNAL_START,
		    vector);
}

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

/* NMIs have no source here, and the 8259s' interrupts (ExtINT) come in by LINT0. */
static bool is_interrupt(const struct lapic_ipi *message)
{
	return message->delivery == DELIVER_FIXED || message->delivery == DELIVER_LOWEST;
}

static bool ioapic_deliver(void *ctx, const struct lapic_ipi *message, bool level)
{
	struct pc *pc = ctx;

	return is_interrupt(message) && apic_bus_deliver(&pc->bus, message, level, NULL);
}

/* Is a tick of the PIT on its way to a CPU? By the controller that lets it through. */
static bool pit_busy(void *ctx)
{
	const struct pc *pc = ctx;
	struct lapic_ipi message;

	if (pic_requests(&pc->pic, PIT_IRQ) && lapic_accepts_pic(&pc->bus.lapics[0]))
		return true;
	return ioapic_message(&pc->ioapic, IOAPIC_PIT_PIN, &message) && is_interrupt(&message) &&
	       apic_bus_busy(&pc->bus, &message);
}

/* Does an interrupt of the RTC get to a CPU, by either controller? */
static bool rtc_reaches(void *ctx)
{
	const struct pc *pc = ctx;
	struct lapic_ipi message;

	return (pic_unmasked(&pc->pic, RTC_IRQ) && lapic_accepts_pic(&pc->bus.lapics[0])) ||
	       (ioapic_message(&pc->ioapic, RTC_IRQ, &message) && is_interrupt(&message));
}

static void interrupt_ended(void *ctx, u8 vector)
{
	const struct vcpu *vcpu = ctx;

	ioapic_eoi(&pc_of(vcpu->vm)->ioapic, vector);
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

static size_t lapics_size(const struct pc *pc)
{
	return pc->bus.count * sizeof(struct lapic);
}

static int create_lapics(struct vm *vm, struct pc *pc)
{
	pc->bus.count = vm->vcpu_count;
	pc->bus.lapics = kzalloc(lapics_size(pc));
	if (!pc->bus.lapics)
		return E_NOMEM;
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];
		struct lapic *apic = &pc->bus.lapics[i];
		const struct lapic_host host = {
			.update = interrupts_changed,
			.signal = signalled,
			.eoi = interrupt_ended,
			.ctx = vcpu,
		};

		vcpu->local = (struct io_region){
			.base = LAPIC_BASE, .len = LAPIC_SIZE, .ops = &lapic_io, .dev = apic
		};
		lapic_init(apic, (u8)vcpu->index, &pc->bus, &host, &vcpu->timers);
	}
	return 0;
}

static void pc_destroy(struct vm *vm)
{
	struct pc *pc = pc_of(vm);

	kfree(pc->bus.lapics, lapics_size(pc));
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
	u8 apic_ids[VM_MAX_CPUS];
	int err;

	if (!pc)
		return E_NOMEM;
	vm->platform = pc;
	pic_init(&pc->pic, pic_output, vm);
	ioapic_init(&pc->ioapic, acpi_ioapic_id(apic_ids, list_apic_ids(vm, apic_ids)),
		    ioapic_deliver, pc);
	pit_init(&pc->pit, isa_irq(pc, PIT_IRQ), pit_busy, timers);
	rtc_init(&pc->rtc, isa_irq(pc, RTC_IRQ), rtc_reaches, timers, below_4g,
		 vm->config->mem - below_4g);
	uart_init(&pc->uart, isa_irq(pc, UART_COM1_IRQ), &console);
	pm_init(&pc->pm, power_off, vm);
	reset_init(&pc->reset, reset, vm);
	debug_exit_init(&pc->debug_exit, debug_exit, vm);
	platform_fw_cfg_init(vm, &pc->fw_cfg);
	err = create_lapics(vm, pc);
	if (!err)
		err = pc_wire(vm, pc);
	if (err)
		pc_destroy(vm);
	return err;
}

static int write_acpi_tables(struct vm *vm)
{
	u8 *tables = kzalloc(ACPI_TABLES_SIZE), apic_ids[VM_MAX_CPUS];
	int err = tables ? acpi_tables_build(tables, ACPI_TABLES_SIZE, GPA(ACPI_TABLES_GPA),
					     apic_ids, list_apic_ids(vm, apic_ids))
			 : E_NOMEM;

	/* They come as the bytes used, which fit into the memory that every VM has below 1 MiB. */
	if (err > 0)
		err = guest_mem_write(&vm->mem, GPA(ACPI_TABLES_GPA), tables, (u64)err);
	if (err)
		log_error("vm %s: its ACPI tables could not be written", vm->name);
	kfree(tables, ACPI_TABLES_SIZE);
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
	for (u32 i = 0; i < pc->bus.count; i++)
		lapic_reset(&pc->bus.lapics[i]);
	lapic_init_virtual_wire(&pc->bus.lapics[0]);
	pm_reset(&pc->pm);
	reset_reset(&pc->reset);
	fw_cfg_reset(&pc->fw_cfg);
	spin_unlock(&vm->dev_lock);
	return write_acpi_tables(vm);
}

static bool pc_intr_pending(const struct vcpu *vcpu)
{
	return lapic_pending(lapic_of(vcpu)) >= 0 || takes_pic(vcpu);
}

static int pc_intr_ack(struct vcpu *vcpu)
{
	struct lapic *apic = lapic_of(vcpu);
	int vector;

	if (takes_pic(vcpu))
		return pic_ack(&pc_of(vcpu->vm)->pic);
	vector = lapic_pending(apic);
	if (vector >= 0)
		lapic_ack(apic, (u8)vector);
	return vector;
}

static void pc_vcpu_init(struct vcpu *vcpu)
{
	lapic_reset(lapic_of(vcpu));
}

static u64 pc_apic_base_read(const struct vcpu *vcpu)
{
	return lapic_read_base(lapic_of(vcpu));
}

static bool pc_apic_base_write(struct vcpu *vcpu, u64 value)
{
	struct vm *vm = vcpu->vm;
	int err;

	spin_lock(&vm->dev_lock);
	err = lapic_write_base(lapic_of(vcpu), value);
	spin_unlock(&vm->dev_lock);
	if (err == E_UNSUPPORTED)
		vm_guest_log(vm, "moving the local APIC to %llx is not supported",
			     (unsigned long long)value);
	return !err;
}

static u8 pc_tpr_read(const struct vcpu *vcpu)
{
	return lapic_read_cr8(lapic_of(vcpu));
}

static void pc_tpr_write(struct vcpu *vcpu, u8 value)
{
	spin_lock(&vcpu->vm->dev_lock);
	lapic_write_cr8(lapic_of(vcpu), value);
	spin_unlock(&vcpu->vm->dev_lock);
}

static bool pc_console_input(struct vm *vm, u8 byte)
{
	return uart_input(&pc_of(vm)->uart, byte);
}

const struct platform_ops pc_platform = {
	.create = pc_create,
	.reset = pc_reset,
	.destroy = pc_destroy,
	.intr_pending = pc_intr_pending,
	.intr_ack = pc_intr_ack,
	.vcpu_init = pc_vcpu_init,
	.apic_base_read = pc_apic_base_read,
	.apic_base_write = pc_apic_base_write,
	.tpr_read = pc_tpr_read,
	.tpr_write = pc_tpr_write,
	.console_input = pc_console_input,
	.apic_timer_khz = 1000000,
	.rsdp = { ACPI_TABLES_GPA },
};
