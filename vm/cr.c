/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest accesses to control registers that exit: writes of CR0 and CR4, which are checked as the
 * CPU would for the features this guest has, and CR8, which is the local APIC's task priority.
 */
#include "arch/cpu.h"
#include "arch/features.h"
#include "lib/string.h"
#include "vm/skip.h"

#define OP_MOV_FROM_CR 0x20
#define OP_MOV_TO_CR 0x22
#define OP_CLTS 0x06
#define OP_GROUP7 0x01
#define GROUP7_LMSW 6
#define LMSW_BITS 0xfull
#define PDPTE_P BIT(0)
#define PDPTE_RESERVED (BITS(2, 1) | BITS(8, 5))
#define CR0_KNOWN                                                                                  \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)

/* Turning paging on or off is what makes and ends long mode. False: #GP. */
static bool paging_change(struct vcpu *vcpu, u64 value)
{
	u64 efer = backend->get_reg(vcpu, VREG_EFER);
	struct segment cs;

	backend->get_seg(vcpu, SEG_CS, &cs);
	if (value & CR0_PG) {
		if (!(efer & EFER_LME))
			return true;
		if (!(backend->get_reg(vcpu, VREG_CR4) & CR4_PAE) || cs.attr & SEG_ATTR_L)
			return false;
		backend->set_reg(vcpu, VREG_EFER, efer | EFER_LMA);
		return true;
	}
	if (efer & EFER_LMA && cs.attr & SEG_ATTR_L)
		return false;
	backend->set_reg(vcpu, VREG_EFER, efer & ~EFER_LMA);
	return true;
}

/*
 * PAE paging: where the CPU holds the four top entries in registers, it loads them itself at a MOV
 * to CR3, and an emulated write of CR0 or CR4 has to. False: #GP, a reserved bit is set.
 */
static bool load_pdptes(struct vcpu *vcpu, u64 cr0, u64 cr4)
{
	u64 reserved = PDPTE_RESERVED | ~BITS(cpu_features.phys_bits - 1, 0);
	u64 cr3 = backend->get_reg(vcpu, VREG_CR3), pdptes[4];

	if (!backend->pdptes_loaded || !(cr0 & CR0_PG) || !(cr4 & CR4_PAE) ||
	    backend->get_reg(vcpu, VREG_EFER) & EFER_LMA)
		return true;
	if (guest_mem_read(&vcpu->vm->mem, GPA((u32)cr3 & ~31u), pdptes, sizeof(pdptes)))
		memset(pdptes, 0, sizeof(pdptes));
	for (u32 i = 0; i < ARRAY_SIZE(pdptes); i++) {
		if (pdptes[i] & PDPTE_P && pdptes[i] & reserved)
			return false;
	}
	backend->set_pdptes(vcpu, pdptes);
	return true;
}

static bool set_cr0(struct vcpu *vcpu, u64 value)
{
	u64 old = backend->get_reg(vcpu, VREG_CR0);

	if (value >> 32)
		return false;
	/* Undefined low bits are ignored, ET is always set. */
	value = (value & CR0_KNOWN) | CR0_ET;
	if (value & CR0_PG && !(value & CR0_PE))
		return false;
	if (value & CR0_NW && !(value & CR0_CD))
		return false;
	if ((value ^ old) & CR0_PG && !paging_change(vcpu, value))
		return false;
	if ((value ^ old) & (CR0_PG | CR0_CD | CR0_NW) &&
	    !load_pdptes(vcpu, value, backend->get_reg(vcpu, VREG_CR4)))
		return false;
	backend->set_reg(vcpu, VREG_CR0, value);
	fetch_memo_forget(&vcpu->memo);
	if ((value ^ old) & (CR0_PG | CR0_WP | CR0_PE))
		backend->flush(vcpu);
	return true;
}

static bool set_cr4(struct vcpu *vcpu, u64 value)
{
	u64 old = backend->get_reg(vcpu, VREG_CR4);

	if (value & ~vcpu->vm->cpuid.cr4_allowed)
		return false;
	if (old & CR4_PAE && !(value & CR4_PAE) && backend->get_reg(vcpu, VREG_EFER) & EFER_LMA)
		return false;
	if ((value ^ old) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP) &&
	    !load_pdptes(vcpu, backend->get_reg(vcpu, VREG_CR0), value))
		return false;
	backend->set_reg(vcpu, VREG_CR4, value);
	fetch_memo_forget(&vcpu->memo);
	if ((value ^ old) & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP))
		backend->flush(vcpu);
	return true;
}

/*
 * Seldom called: where the back end needs a CR3 of its own while paging is off, or the instruction was
 * emulated.
 */
bool vcpu_set_cr3(struct vcpu *vcpu, u64 value)
{
	u64 old = backend->get_reg(vcpu, VREG_CR3);

	if (backend->get_reg(vcpu, VREG_EFER) & EFER_LMA && value >> cpu_features.phys_bits)
		return false;
	backend->set_reg(vcpu, VREG_CR3, value);
	if (!load_pdptes(vcpu, backend->get_reg(vcpu, VREG_CR0),
			 backend->get_reg(vcpu, VREG_CR4))) {
		backend->set_reg(vcpu, VREG_CR3, old);
		return false;
	}
	fetch_memo_forget(&vcpu->memo);
	backend->flush(vcpu);
	return true;
}

static bool set_cr(struct vcpu *vcpu, u32 number, u64 value)
{
	switch (number) {
	case 0:
		return set_cr0(vcpu, value);
	case 3:
		return vcpu_set_cr3(vcpu, value);
	case 4:
		return set_cr4(vcpu, value);
	case 8:
		if (value >> 4)
			return false;
		platform->tpr_write(vcpu, (u8)value);
		return true;
	default:
		return false;
	}
}

/* LOCK makes CR8 of CR0, for code that has no REX prefix. */
static u32 cr_number(const struct insn *insn)
{
	return insn->prefixes & INSN_PFX_LOCK && insn->reg == 0 ? 8 : insn->reg;
}

static bool mov_from_cr(struct vcpu *vcpu, const struct insn *insn)
{
	u64 value;

	switch (cr_number(insn)) {
	case 0:
		value = backend->get_reg(vcpu, VREG_CR0);
		break;
	case 3:
		value = backend->get_reg(vcpu, VREG_CR3);
		break;
	case 4:
		value = backend->get_reg(vcpu, VREG_CR4);
		break;
	case 8:
		value = platform->tpr_read(vcpu);
		break;
	default:
		return false;
	}
	vcpu->regs.gpr[insn->rm] = value;
	return true;
}

/* LMSW can set PE but not clear it. False: #GP, unless reading the operand has queued a #PF. */
static bool lmsw(struct vcpu *vcpu, const struct vm_exit *exit, const struct fetch_state *state,
		 const struct insn *insn)
{
	u64 old = backend->get_reg(vcpu, VREG_CR0);
	u64 value = vcpu->regs.gpr[insn->rm & 15];

	if (insn->mem &&
	    vcpu_read_linear(vcpu, exit, state, vcpu_operand(vcpu, state, insn), &value, 2))
		return false;
	value &= LMSW_BITS;
	return set_cr0(vcpu, (old & ~(LMSW_BITS & ~CR0_PE)) | value);
}

void exit_cr_access(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct fetch_state state;
	struct insn insn;
	bool ok;

	if (vcpu_fetch(vcpu, exit, &insn, &state))
		return;
	if (insn.map != 1) {
		ok = false;
	} else if (insn.opcode == OP_MOV_TO_CR) {
		u64 value = vcpu->regs.gpr[insn.rm & 15];

		ok = set_cr(vcpu, cr_number(&insn), state.mode == INSN_64 ? value : (u32)value);
	} else if (insn.opcode == OP_MOV_FROM_CR) {
		ok = mov_from_cr(vcpu, &insn);
	} else if (insn.opcode == OP_CLTS) {
		ok = set_cr0(vcpu, backend->get_reg(vcpu, VREG_CR0) & ~CR0_TS);
	} else if (insn.opcode == OP_GROUP7 && (insn.reg & 7) == GROUP7_LMSW) {
		ok = lmsw(vcpu, exit, &state, &insn);
	} else {
		ok = false;
	}
	if (ok)
		vcpu_skip_by(vcpu, &state, insn.len);
	else if (vcpu->pending.kind == EVENT_NONE)
		vcpu_exception_error(vcpu, VECTOR_GUEST_GP, 0);
}

/*
 * Where the CPU leaves it to us: it is checked like the CPU would for the features this guest has.
 */
void exit_xsetbv(struct vcpu *vcpu, const struct vm_exit *exit)
{
	u64 value = (u32)vcpu->regs.gpr[GPR_RAX] | vcpu->regs.gpr[GPR_RDX] << 32;
	bool avx_alone = value & XCR0_AVX && !(value & XCR0_SSE);

	if ((u32)vcpu->regs.gpr[GPR_RCX] || !(value & XCR0_X87) || avx_alone ||
	    value & ~vcpu->vm->cpuid.xcr0_allowed)
		vcpu_exception_error(vcpu, VECTOR_GUEST_GP, 0);
	else if (vcpu_skip(vcpu, exit))
		xsetbv(0, value);
}
