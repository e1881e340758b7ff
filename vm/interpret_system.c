/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See interpret.h. The interpreter has checked privilege, and IOPL for port accesses.
 */
#include "vm/interpret.h"

#include "arch/cpu.h"
#include "arch/features.h"

#define GROUP7 0x01
#define GROUP7_LMSW 6
#define GROUP7_INVLPG 7
#define MODRM_XGETBV 0xd0
#define MODRM_XSETBV 0xd1
#define MODRM_RDTSCP 0xf9
#define OP_RDTSC 0x31
#define OP_HLT 0xf4

static void read_clock(struct vcpu *vcpu)
{
	u64 tsc = vcpu_tsc(vcpu);

	vcpu->regs.gpr[GPR_RAX] = (u32)tsc;
	vcpu->regs.gpr[GPR_RDX] = tsc >> 32;
}

static void xgetbv_0(struct vcpu *vcpu)
{
	u64 value = xgetbv(0);

	vcpu->regs.gpr[GPR_RAX] = (u32)value;
	vcpu->regs.gpr[GPR_RDX] = value >> 32;
}

/* Group 7. False: not one of these. fault: the vector that it ends with instead, or 0. */
static bool group7(struct vcpu *vcpu, const struct insn *insn, u8 *fault)
{
	if (insn->mem) {
		if ((insn->reg & 7) != GROUP7_INVLPG)
			return false;
		backend->flush(vcpu);
		return true;
	}
	if (insn->modrm == MODRM_RDTSCP && cpu_features.rdtscp) {
		read_clock(vcpu);
		vcpu->regs.gpr[GPR_RCX] = (u32)rdmsr(MSR_TSC_AUX);
		return true;
	}
	if (insn->modrm != MODRM_XGETBV)
		return false;
	if (!(backend->get_reg(vcpu, VREG_CR4) & CR4_OSXSAVE))
		*fault = VECTOR_GUEST_UD;
	else if ((u32)vcpu->regs.gpr[GPR_RCX])
		*fault = VECTOR_GUEST_GP;
	else
		xgetbv_0(vcpu);
	return true;
}

bool interpret_directly(struct vcpu *vcpu, const struct fetch_state *state, const struct insn *insn)
{
	u8 fault = 0;

	if (insn->map != 1)
		return false;
	if (insn->opcode == OP_RDTSC)
		read_clock(vcpu);
	else if (insn->opcode != GROUP7 || !group7(vcpu, insn, &fault))
		return false;
	if (fault == VECTOR_GUEST_GP)
		vcpu_exception_error(vcpu, fault, 0);
	else if (fault)
		vcpu_exception(vcpu, fault);
	else
		vcpu_skip_by(vcpu, state, insn->len);
	return true;
}

/* IN and OUT (E4 to E7, EC to EF), INS and OUTS (6C to 6F). */
static void decode_io(const struct vcpu *vcpu, const struct insn *insn, struct vm_exit *exit)
{
	bool immediate = (insn->opcode & 0xf8) == 0xe0;

	exit->kind = EXIT_IO;
	exit->io.port = immediate ? (u8)insn->imm : (u16)vcpu->regs.gpr[GPR_RDX];
	exit->io.size = insn->opcode & 1 ? insn->opsize : 1;
	exit->io.in = !(insn->opcode & 2);
	exit->io.string = (insn->opcode & 0xf0) == 0x60;
	exit->io.rep = exit->io.string && insn->prefixes & (INSN_PFX_REP | INSN_PFX_REPNE);
}

static enum exit_kind group7_kind(const struct insn *insn)
{
	if ((insn->reg & 7) == GROUP7_LMSW)
		return EXIT_CR_ACCESS;
	return !insn->mem && insn->modrm == MODRM_XSETBV ? EXIT_XSETBV : EXIT_UD;
}

void interpret_as_exit(const struct vcpu *vcpu, const struct insn *insn, struct vm_exit *exit)
{
	/* Of the second map; what is not here is EXIT_UNKNOWN. */
	static const u8 kinds[256] = {
		[0x06] = EXIT_CR_ACCESS, /* CLTS */
		[0x08] = EXIT_NOP, /* INVD */
		[0x09] = EXIT_NOP, /* WBINVD */
		[0x20] = EXIT_CR_ACCESS, [0x21] = EXIT_DR_ACCESS, [0x22] = EXIT_CR_ACCESS,
		[0x23] = EXIT_DR_ACCESS, [0x30] = EXIT_WRMSR,     [0x32] = EXIT_RDMSR,
		[0x33] = EXIT_UD, /* RDPMC */
		[0xa2] = EXIT_CPUID,
	};

	exit->insn_len = insn->len;
	if (insn->map == 0 && insn->opcode == OP_HLT)
		exit->kind = EXIT_HLT;
	else if (insn->map == 0)
		decode_io(vcpu, insn, exit);
	else if (insn->map == 1 && insn->opcode == GROUP7)
		exit->kind = group7_kind(insn);
	else if (insn->map == 1)
		exit->kind = kinds[insn->opcode];
}
