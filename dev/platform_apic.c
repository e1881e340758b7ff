/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How interrupts get to the vCPUs: what local APICs, I/O APIC and 8259s are wired to, and what the
 * run loop asks of them. Everything here runs with the VM's device lock held, but for what takes
 * it, and for create, reset and destroy.
 */
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/features.h"
#include "dev/platform_internal.h"
#include "lib/err.h"
#include "mm/heap.h"
#include "vm/vcpu.h"

static struct lapic *lapic_of(const struct vcpu *vcpu)
{
	return vcpu->local.dev;
}

static void interrupts_changed(void *ctx)
{
	vcpu_kick(ctx, REQUEST_EVENT);
}

/*
 * The 8259s' interrupts come in by LINT0, which only the first vCPU's is wired to, and by the
 * I/O APIC.
 */
void platform_pic_output(void *ctx, bool level)
{
	struct vm *vm = ctx;
	struct pc *pc = pc_of(vm);

	lapic_set_lint(&pc->bus.lapics[0], LVT_LINT0, level);
	ioapic_set_irq(&pc->ioapic, IOAPIC_PIC_PIN, level);
	vcpu_kick(&vm->vcpus[0], REQUEST_EVENT);
}

static bool takes_pic(const struct vcpu *vcpu)
{
	const struct pc *pc = pc_of(vcpu->vm);

	if (likely(!pic_pending(&pc->pic)))
		return false;
	return (vcpu->index == 0 && lapic_accepts_pic(lapic_of(vcpu))) ||
	       ioapic_passes_pic(&pc->ioapic, lapic_of(vcpu));
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

/* Of the messages that an entry can send, a start-up IPI is not one, nor is there an SMM. */
bool platform_ioapic_deliver(void *ctx, const struct lapic_ipi *message, bool level)
{
	struct vm *vm = ctx;
	struct pc *pc = pc_of(vm);

	switch ((enum lapic_delivery)message->delivery) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
	case DELIVER_NMI:
	case DELIVER_INIT:
		return apic_bus_deliver(&pc->bus, message, level, NULL);
	case DELIVER_EXTINT:
		for (u32 i = 0; i < vm->vcpu_count; i++) {
			if (lapic_is_destination(&pc->bus.lapics[i], message))
				vcpu_kick(&vm->vcpus[i], REQUEST_EVENT);
		}
		return true;
	default:
		return false;
	}
}

static bool pic_reaches_cpu(const struct pc *pc)
{
	for (u32 i = 0; i < pc->bus.count; i++) {
		if (ioapic_passes_pic(&pc->ioapic, &pc->bus.lapics[i]))
			return true;
	}
	return lapic_accepts_pic(&pc->bus.lapics[0]);
}

/* Is a tick of the PIT on its way to a CPU? By the controller that lets it through. */
bool platform_pit_busy(void *ctx)
{
	const struct pc *pc = ctx;
	struct lapic_ipi message;

	if (pic_requests(&pc->pic, PIT_IRQ) && pic_reaches_cpu(pc))
		return true;
	return ioapic_message(&pc->ioapic, IOAPIC_PIT_PIN, &message) &&
	       message.delivery <= DELIVER_LOWEST && apic_bus_busy(&pc->bus, &message);
}

/* Does an interrupt of the RTC get to a CPU, by either controller? */
bool platform_rtc_reaches(void *ctx)
{
	const struct pc *pc = ctx;
	struct lapic_ipi message;

	return (pic_unmasked(&pc->pic, RTC_IRQ) && pic_reaches_cpu(pc)) ||
	       (ioapic_message(&pc->ioapic, RTC_IRQ, &message) &&
		message.delivery <= DELIVER_LOWEST);
}

static void interrupt_ended(void *ctx, u8 vector)
{
	struct vcpu *vcpu = ctx;

	ioapic_eoi(&pc_of(vcpu->vm)->ioapic, vector);
	vcpu_check_timers(vcpu);
}

/*
 * Where there is memory its accesses do not leave the guest, so the page can only lie where there
 * is none. Memory that is added there later hides it.
 */
static int lapic_moved(void *ctx, u64 gpa)
{
	struct vcpu *vcpu = ctx;

	if (gpa >> cpu_features.phys_bits)
		return E_INVAL;
	if (guest_mem_slot(&vcpu->vm->mem, gpa_to_gfn(GPA(gpa))))
		return E_UNSUPPORTED;
	vcpu->local.base = gpa;
	return 0;
}

/* The vCPU is loaded: it asks, or a device on its CPU does. */
static u64 tsc_time(void *ctx, u64 tsc)
{
	const struct vcpu *vcpu = ctx;
	const struct guest_tsc *scale = &vcpu->vm->tsc;
	u64 here = rdtsc(), now = guest_tsc_at(scale, here) + vcpu_tsc_offset(vcpu), end;

	if (tsc <= now)
		return 0;
	end = here + guest_tsc_until(scale, tsc - now);
	return end < here ? TIMER_NEVER : clock_ns_deadline(end);
}

static size_t lapics_size(const struct pc *pc)
{
	return pc->bus.count * sizeof(struct lapic);
}

int platform_lapics_create(struct vm *vm)
{
	struct pc *pc = pc_of(vm);

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
			.move = lapic_moved,
			.tsc_time = tsc_time,
			.ctx = vcpu,
		};

		vcpu->local = (struct io_region){
			.base = LAPIC_BASE, .len = LAPIC_SIZE, .ops = &lapic_io, .dev = apic
		};
		lapic_init(apic, vcpu->index, &pc->bus, &host, &vcpu->timers);
	}
	return 0;
}

bool platform_intr_pending(const struct vcpu *vcpu)
{
	return lapic_pending(lapic_of(vcpu)) >= 0 || takes_pic(vcpu);
}

int platform_intr_ack(struct vcpu *vcpu)
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

void platform_vcpu_init(struct vcpu *vcpu)
{
	lapic_reset_registers(lapic_of(vcpu));
}

void platform_apic_give(struct vcpu *vcpu, struct apic_help *help)
{
	lapic_give(lapic_of(vcpu), vcpu->apic_page, vcpu->apic_helps, help);
}

void platform_apic_take(struct vcpu *vcpu)
{
	lapic_take(lapic_of(vcpu));
}

void platform_apic_written(struct vcpu *vcpu, u32 offset)
{
	spin_lock(&vcpu->vm->dev_lock);
	lapic_page_written(lapic_of(vcpu), vcpu->apic_page, offset);
	spin_unlock(&vcpu->vm->dev_lock);
}

void platform_apic_ended(struct vcpu *vcpu, u8 vector)
{
	spin_lock(&vcpu->vm->dev_lock);
	lapic_ended(lapic_of(vcpu), vector);
	spin_unlock(&vcpu->vm->dev_lock);
}

u64 platform_apic_base_read(const struct vcpu *vcpu)
{
	return lapic_read_base(lapic_of(vcpu));
}

bool platform_apic_base_write(struct vcpu *vcpu, u64 value)
{
	struct vm *vm = vcpu->vm;
	int err;

	spin_lock(&vm->dev_lock);
	err = lapic_write_base(lapic_of(vcpu), value);
	spin_unlock(&vm->dev_lock);
	if (err == E_UNSUPPORTED)
		vm_guest_log(vm, "APIC_BASE %llx: the local APIC cannot lie over memory",
			     (unsigned long long)value);
	return !err;
}

bool platform_apic_msr_read(struct vcpu *vcpu, u32 msr, u64 *value)
{
	struct lapic *apic = lapic_of(vcpu);
	bool good = true;

	spin_lock(&vcpu->vm->dev_lock);
	if (msr == MSR_TSC_DEADLINE)
		*value = lapic_read_tsc_deadline(apic);
	else
		good = lapic_read_msr(apic, msr - LAPIC_MSRS, value);
	spin_unlock(&vcpu->vm->dev_lock);
	return good;
}

bool platform_apic_msr_write(struct vcpu *vcpu, u32 msr, u64 value)
{
	struct lapic *apic = lapic_of(vcpu);
	bool good = true;

	spin_lock(&vcpu->vm->dev_lock);
	if (msr == MSR_TSC_DEADLINE)
		lapic_write_tsc_deadline(apic, value);
	else
		good = lapic_write_msr(apic, msr - LAPIC_MSRS, value);
	spin_unlock(&vcpu->vm->dev_lock);
	return good;
}

bool platform_apic_msr_eoi(struct vcpu *vcpu)
{
	bool done;

	spin_lock(&vcpu->vm->dev_lock);
	done = lapic_write_eoi_msr(lapic_of(vcpu));
	spin_unlock(&vcpu->vm->dev_lock);
	return done;
}

void platform_tsc_changed(struct vcpu *vcpu)
{
	spin_lock(&vcpu->vm->dev_lock);
	lapic_tsc_changed(lapic_of(vcpu));
	spin_unlock(&vcpu->vm->dev_lock);
}

u8 platform_tpr_read(const struct vcpu *vcpu)
{
	return lapic_read_cr8(lapic_of(vcpu));
}

void platform_tpr_write(struct vcpu *vcpu, u8 value)
{
	spin_lock(&vcpu->vm->dev_lock);
	lapic_write_cr8(lapic_of(vcpu), value);
	vcpu->apic_useful = vcpu->apic_page;
	spin_unlock(&vcpu->vm->dev_lock);
}

void platform_lapics_destroy(struct pc *pc)
{
	kfree(pc->bus.lapics, lapics_size(pc));
}

void platform_lapics_reset(struct vm *vm)
{
	struct pc *pc = pc_of(vm);

	for (u32 i = 0; i < pc->bus.count; i++) {
		lapic_reset(&pc->bus.lapics[i]);
		vm->vcpus[i].local.base = LAPIC_BASE;
	}
	lapic_init_virtual_wire(&pc->bus.lapics[0]);
}
