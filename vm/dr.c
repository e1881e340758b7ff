/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest accesses to debug registers. Writes exit so that no breakpoint of a guest is ever on while
 * the hypervisor runs, whatever the CPU under it does at an exit; on some CPUs reads do as well.
 */
#include "arch/cpu.h"
#include "vm/vcpu.h"

#define OP_MOV_FROM_DR 0x21
#define OP_MOV_TO_DR 0x23
#define DR6_FIXED_1 0xffff0ff0u
#define DR6_WRITABLE (BITS(3, 0) | DR6_BD | DR6_BS | DR6_BT)
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

/* DR6 and DR7. False: #GP. */
static bool set_control(struct vcpu *vcpu, u32 number, u64 value)
{
	if (value >> 32)
		return false;
	if (number == 6)
		backend->set_reg(vcpu, VREG_DR6, (value & DR6_WRITABLE) | DR6_FIXED_1);
	else
		backend->set_reg(vcpu, VREG_DR7, (value & ~(u64)DR7_FIXED_0) | DR7_FIXED_1);
	return true;
}

static u64 get(struct vcpu *vcpu, u32 number)
{
	if (number < ARRAY_SIZE(vcpu->dr))
		return vcpu->dr[number];
	return backend->get_reg(vcpu, number == 6 ? VREG_DR6 : VREG_DR7);
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

/* DR4 and DR5 are other names of DR6 and DR7, or not there. False: #UD. */
static bool decode(struct vcpu *vcpu, const struct insn *insn, u32 *number)
{
	if (insn->map != 1 || (insn->opcode != OP_MOV_TO_DR && insn->opcode != OP_MOV_FROM_DR))
		return false;
	*number = insn->reg;
	if (*number == 4 || *number == 5) {
		*number += 2;
		return !(backend->get_reg(vcpu, VREG_CR4) & CR4_DE);
	}
	return *number < 8;
}

void exit_dr_access(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct fetch_state state;
	struct insn insn;
	u64 *gpr, value;
	u32 number;

	if (vcpu_fetch(vcpu, exit, &insn, &state))
		return;
	if (!decode(vcpu, &insn, &number)) {
		vcpu_exception(vcpu, VECTOR_GUEST_UD);
		return;
	}
	if (detected(vcpu))
		return;
	gpr = &vcpu->regs.gpr[insn.rm & 15];
	value = state.mode == INSN_64 ? *gpr : (u32)*gpr;
	if (insn.opcode == OP_MOV_FROM_DR) {
		*gpr = get(vcpu, number);
	} else if (number < ARRAY_SIZE(vcpu->dr)) {
		set_address(vcpu, number, value);
	} else if (!set_control(vcpu, number, value)) {
		vcpu_exception_error(vcpu, VECTOR_GUEST_GP, 0);
		return;
	}
	vcpu_skip_by(vcpu, &state, insn.len);
}
