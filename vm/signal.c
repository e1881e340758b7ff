/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vCPUs of a VM do to each other besides interrupts: NMI, INIT and start-up IPIs; and when
 * none of them is left that could wake the others. Under the VM's device lock.
 *
 * The sender changes the state that decides about the next signal (waits), so that a sequence of
 * them means the same whenever the receiver's CPU sees to it; registers are changed there.
 */
#include "arch/cpu.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vm/vcpu.h"

#define RIP_INIT 0xfff0u

/*
 * Deaf are vCPUs that have halted with interrupts off or wait for a start-up IPI: when all are,
 * nothing happens any more.
 */
static void set_deaf(struct vcpu *vcpu, bool deaf)
{
	struct vm *vm = vcpu->vm;

	if (vcpu->deaf == deaf)
		return;
	vcpu->deaf = deaf;
	vm->deaf += deaf ? 1 : -1u;
	if (vm->deaf < vm->vcpu_count || atomic_load(&vm->state) != VM_RUNNING)
		return;
	log_info("vm %s: halted for good (HLT with interrupts off)", vm->name);
	vm_poweroff(vm);
}

void vcpu_halt_deaf(struct vcpu *vcpu)
{
	spin_lock(&vcpu->vm->dev_lock);
	if (!vcpu->signals)
		set_deaf(vcpu, true);
	spin_unlock(&vcpu->vm->dev_lock);
}

void vcpu_signal(struct vcpu *vcpu, u32 signal, u8 page)
{
	switch (signal) {
	case SIGNAL_NMI:
		if (vcpu->waits)
			return;
		vcpu->signals |= SIGNAL_NMI;
		set_deaf(vcpu, false);
		break;
	case SIGNAL_INIT:
		/* It would run firmware, which starts the machine anew. */
		if (vcpu->index == 0) {
			vm_reset(vcpu->vm);
			return;
		}
		vcpu->signals = SIGNAL_INIT;
		vcpu->waits = true;
		set_deaf(vcpu, true);
		break;
	default:
		if (!vcpu->waits)
			return;
		vcpu->signals |= SIGNAL_START;
		vcpu->start_page = page;
		vcpu->waits = false;
		set_deaf(vcpu, false);
		break;
	}
	vcpu_kick(vcpu, REQUEST_EVENT);
}

/* Of what power-on resets, INIT leaves CR0's cache bits, FPU, XCR0, TSC and most MSRs alone. */
static void init_state(struct vcpu *vcpu)
{
	static const u8 kept[] = { VREG_PAT,         VREG_KERNEL_GS_BASE, VREG_STAR,
				   VREG_LSTAR,       VREG_CSTAR,          VREG_SFMASK,
				   VREG_SYSENTER_CS, VREG_SYSENTER_ESP,   VREG_SYSENTER_EIP };
	u64 cr0 = backend->get_reg(vcpu, VREG_CR0), values[ARRAY_SIZE(kept)];

	for (u32 i = 0; i < ARRAY_SIZE(kept); i++)
		values[i] = backend->get_reg(vcpu, (enum vreg)kept[i]);
	backend->vcpu_reset(vcpu);
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++)
		backend->set_reg(vcpu, (enum vreg)kept[i], values[i]);
	backend->set_reg(vcpu, VREG_CR0, (cr0 & (CR0_CD | CR0_NW)) | CR0_ET);
	backend->set_tsc_offset(vcpu, vcpu_tsc_offset(vcpu));
}

static void init(struct vcpu *vcpu)
{
	init_state(vcpu);
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	memset(&vcpu->regs, 0, sizeof(vcpu->regs));
	vcpu->regs.rip = RIP_INIT;
	vcpu->regs.rflags = RFLAGS_FIXED;
	vcpu->regs.gpr[GPR_RDX] = vcpu->vm->cpuid.basic[1].eax; /* which processor it is */
	vcpu->pending.kind = EVENT_NONE;
	vcpu->window = vcpu->in_shadow = vcpu->between = false;
	fetch_memo_forget(&vcpu->memo);
}

/* Real mode code on a page of the first MiB. */
static void start(struct vcpu *vcpu, u8 page)
{
	const struct segment code = {
		.selector = (u16)(page << 8), .attr = 0x9b, .limit = 0xffff, .base = (u64)page << 12
	};

	backend->set_seg(vcpu, SEG_CS, &code);
	vcpu->regs.rip = 0;
}

void vcpu_take_signals(struct vcpu *vcpu)
{
	if (vcpu->signals & SIGNAL_INIT) {
		init(vcpu);
		platform->vcpu_init(vcpu);
	}
	if (vcpu->signals & SIGNAL_START)
		start(vcpu, vcpu->start_page);
	vcpu->halted = vcpu->waits;
	vcpu->signals &= SIGNAL_NMI;
}
