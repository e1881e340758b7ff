/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest writes to debug registers. They exit so that no breakpoint of a guest is ever on while the
 * hypervisor runs, whatever the CPU under it does at an exit; reads and DR6 need no exit.
 */
#include "arch/cpu.h"
#include "vm/vcpu.h"

#define OP_MOV_TO_DR 0x23
#define DR7_FIXED_0 (BIT(11) | BIT(12) | BIT(14) | BIT(15))

static void set_address(struct vcpu *vcpu, u32 number, u64 value)
{
	vcpu->dr[number] = value;
	switch (number) {
	case 0:
		write_dr0(value);
		break;
	case 1:
		write_dr1(value);
		break;
	case 2:
		write_dr2(value);
		break;
	default:
		write_dr3(value);
	}
	backend->set_reg(vcpu, VREG_DR7, backend->get_reg(vcpu, VREG_DR7));
}

/* False: #GP. */
static bool set_control(struct vcpu *vcpu, u64 value)
{
	if (value >> 32)
		return false;
	backend->set_reg(vcpu, VREG_DR7, (value & ~(u64)DR7_FIXED_0) | DR7_FIXED_1);
	return true;
}

/* General detect: the access itself is the event, and ends with the #DB. */
static bool detected(struct vcpu *vcpu)
{
	u64 dr7 = backend->get_reg(vcpu, VREG_DR7);

	if (!(dr7 & DR7_GD))
		return false;
	backend->set_reg(vcpu, VREG_DR7, dr7 & ~(u64)DR7_GD);
	backend->set_reg(vcpu, VREG_DR6, backend->get_reg(vcpu, VREG_DR6) | DR6_BD);
	vcpu_exception(vcpu, VECTOR_GUEST_DB);
	return true;
}

void exit_dr_write(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct fetch_state state;
	struct insn insn;
	u64 value;

	if (vcpu_fetch(vcpu, exit, &insn, &state))
		return;
	if (insn.map != 1 || insn.opcode != OP_MOV_TO_DR) {
		vcpu_exception(vcpu, VECTOR_GUEST_UD);
		return;
	}
	if (insn.reg >= 4 && insn.reg < 6 && backend->get_reg(vcpu, VREG_CR4) & CR4_DE) {
		vcpu_exception(vcpu, VECTOR_GUEST_UD);
		return;
	}
	if (detected(vcpu))
		return;
	value = vcpu->regs.gpr[insn.rm & 15];
	if (state.mode != INSN_64)
		value = (u32)value;
	if (insn.reg < 4) {
		set_address(vcpu, insn.reg, value);
	} else if (!set_control(vcpu, value)) {
		vcpu_exception_error(vcpu, VECTOR_GUEST_GP, 0);
		return;
	}
	vcpu_skip_by(vcpu, &state, insn.len);
}
