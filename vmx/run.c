/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry and one exit. Linear translations are tagged with the VPID; each CPU hands out VPIDs of
 * its own and starts over, with a full flush, when they are used up. A vCPU that must forget its
 * translations, or comes from another CPU (vm/ then calls vmx_flush), gets a new one, and an
 * INVEPT.
 */
#include "arch/cpu.h"
#include "arch/percpu.h"
#include "lib/log.h"
#include "vm/turn.h"
#include "vmx/msrs.h"
#include "vmx/vmx.h"

#define MAX_VPID 0xffffu
#define INV_SINGLE 1ul
#define INV_ALL 2ul

struct inv_descriptor {
	u64 tag; /* INVEPT: an EPT pointer, INVVPID: a VPID */
	u64 address;
};

static void invept(u64 type, u64 eptp)
{
	struct inv_descriptor desc = { .tag = eptp };

	bool failed;

	asm volatile("invept %1, %2" : "=@ccbe"(failed) : "m"(desc), "r"(type) : "memory");
	if (unlikely(failed))
		panic("vmx: INVEPT refused");
}

static void invvpid_all(void)
{
	struct inv_descriptor desc = { 0 };

	bool failed;

	asm volatile("invvpid %1, %2" : "=@ccbe"(failed) : "m"(desc), "r"(INV_ALL) : "memory");
	if (unlikely(failed))
		panic("vmx: INVVPID refused");
}

static __noinline void flush(struct vmx_vcpu *vmx, struct vmx_cpu *cpu)
{
	if (vmx_ept_caps & EPT_HAS_INVEPT_SINGLE)
		invept(INV_SINGLE, vmcs_read64(VMCS_EPT_POINTER));
	else
		invept(INV_ALL, 0);
	vmx->flush = false;
	if (!vmx_has_vpid())
		return; /* every entry and exit forgets */
	if (cpu->next_vpid > MAX_VPID) {
		cpu->next_vpid = 1;
		cpu->vpid_generation++;
		invvpid_all();
	}
	vmcs_write16(VMCS_VPID, (u16)cpu->next_vpid++);
	vmx->vpid_generation = cpu->vpid_generation;
}

static inline void vpid_assign(struct vmx_vcpu *vmx, struct vmx_cpu *cpu)
{
	if (unlikely(vmx->flush ||
		     (vmx_has_vpid() && vmx->vpid_generation != cpu->vpid_generation)))
		flush(vmx, cpu);
}

static void not_entered(struct vm_exit *exit, enum exit_kind kind)
{
	exit->kind = kind;
	exit->interrupted.kind = EVENT_NONE;
}

/* An NMI that ended the guest is used up by that: its handler has to be called. */
static inline void take_nmi(void)
{
	if (vmcs_read32(VMCS_EXIT_REASON) == VMX_EXIT_EXCEPTION_NMI &&
	    (vmcs_read32(VMCS_EXIT_EVENT) >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) == EVENT_TYPE_NMI)
		asm volatile("int $2" : : : "memory");
}

/*
 * The CPU checks the guest's state too, but says no more than that it is bad; emulators miss some.
 */
static void check_state(const struct vcpu *vcpu)
{
#ifdef SILL_DEBUG
	char buf[120];
	const char *broken = vmx_check_guest(buf, sizeof(buf));

	if (unlikely(broken))
		log_warn("vm %s: about to enter with a bad state: %s", vcpu->vm->name, broken);
#else
	(void)vcpu;
#endif
}

/* After an exit, with all that must be seen to before it is decoded. */
static __forceinline void leave(struct vcpu *vcpu, struct vmx_vcpu *vmx, struct vm_exit *exit)
{
	if (unlikely(atomic_load(&vcpu->vm->tdp.logs) && vmx_has_pml()))
		vmx_pml_drain(vcpu);
	take_nmi();
	vmx->injected = false;
	vcpu->regs.gpr[GPR_RSP] = vmcs_read_natural(VMCS_GUEST_RSP);
	vcpu->regs.rip = vmcs_read_natural(VMCS_GUEST_RIP);
	vcpu->regs.rflags = vmcs_read_natural(VMCS_GUEST_RFLAGS);
	vmx_decode_exit(vcpu, exit);
	vmx->launched |= exit->kind != EXIT_ENTRY_FAILED;
	if (unlikely(vmx->helper != APIC_SOFTWARE))
		vcpu_apic_exited(vcpu, exit);
}

static __forceinline struct vcpu *enter(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	struct percpu *cpu = this_cpu();
	enum vmx_entry entry;

	vmx->refused = false;
	if (unlikely(vmx->changed) && !vmx_fits(vcpu)) {
		vmx_not_entered(vcpu, exit);
		vcpu_take_apic(vcpu);
		return vcpu;
	}
	atomic_store(&cpu->nmi_seen, 0u);
	if (unlikely(!vcpu_may_enter(vcpu))) {
		not_entered(exit, EXIT_HOST);
		return vcpu;
	}
	vpid_assign(vmx, cpu->backend);
	vmcs_write_natural(VMCS_GUEST_RSP, vcpu->regs.gpr[GPR_RSP]);
	vmcs_write_natural(VMCS_GUEST_RIP, vcpu->regs.rip);
	vmcs_write_natural(VMCS_GUEST_RFLAGS, vcpu->regs.rflags);

	check_state(vcpu);

	entry = vmx_enter(&vcpu->regs, vmx->launched);

	atomic_store(&cpu->mode, (u32)CPU_HOST);
	if (likely(entry == ENTRY_EXITED)) {
		leave(vcpu, vmx, exit);
	} else {
		vmx->refused = entry == ENTRY_FAILED;
		not_entered(exit, entry == ENTRY_KICKED ? EXIT_HOST : EXIT_ENTRY_FAILED);
	}
	return vcpu;
}

void vmx_run(struct vcpu *vcpu)
{
	vcpu_turn(vcpu, enter);
}
