/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's instructions that move data, and those that only touch flags.
 */
#include "vm/interp_insns.h"

#define LEAF1_ECX_MOVBE BIT(22)

enum interp_result interp_nop(struct interp *in __unused)
{
	return INTERP_DONE;
}

enum interp_result interp_ud(struct interp *in)
{
	return interp_fault(in, VECTOR_UD);
}

/* 88 to 8B: bit 1 is the direction. */
enum interp_result interp_mov(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	enum interp_result result;
	u64 value;

	if (!(in->insn.opcode & 2))
		return interp_set_rm(in, size, interp_get_reg(in, size));
	result = interp_get_rm(in, size, &value, 0);
	if (!result)
		interp_set_reg(in, size, value);
	return result;
}

/* A0 to A3: reg is 0, rAX; bit 1 is the direction, the other way round. */
enum interp_result interp_mov_moffs(struct interp *in)
{
	in->insn.opcode ^= 2;
	return interp_mov(in);
}

enum interp_result interp_mov_imm(struct interp *in)
{
	/* XABORT and XBEGIN are there, too. */
	if (interp_digit(in) != 0)
		return INTERP_UNSUPPORTED;
	return interp_set_rm(in, insn_pair_size(&in->insn), in->insn.imm);
}

/* B0 to BF: bit 3 is the size. */
enum interp_result interp_mov_opcode_imm(struct interp *in)
{
	unsigned int size = in->insn.opcode & 8 ? in->insn.opsize : 1;

	reg_set(in->regs, &in->insn, interp_opcode_reg(in), size, in->insn.imm);
	return INTERP_DONE;
}

/* MOVZX and MOVSX: bit 3 says which, bit 0 from what. */
enum interp_result interp_extend(struct interp *in)
{
	unsigned int size = in->insn.opcode & 1 ? 2 : 1;
	u64 value;
	enum interp_result result = interp_get_rm(in, size, &value, 0);

	if (result)
		return result;
	if (in->insn.opcode & 8)
		value = alu_sign_extend(value, size);
	interp_set_reg(in, in->insn.opsize, value);
	return INTERP_DONE;
}

enum interp_result interp_xchg(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 reg = interp_get_reg(in, size), value;
	enum interp_result result = interp_get_rm(in, size, &value, INTERP_WILL_WRITE);

	if (!result)
		result = interp_set_rm(in, size, reg);
	if (!result)
		interp_set_reg(in, size, value);
	return result;
}

/* 90 to 97; the first is NOP, and PAUSE. */
enum interp_result interp_xchg_rax(struct interp *in)
{
	unsigned int size = in->insn.opsize, number = interp_opcode_reg(in);
	u64 *gpr = in->regs->gpr, rax = gpr[GPR_RAX], value = gpr[number];

	if (number == GPR_RAX)
		return INTERP_DONE;
	reg_merge(&gpr[GPR_RAX], size, value);
	reg_merge(&gpr[number], size, rax);
	return INTERP_DONE;
}

enum interp_result interp_lea(struct interp *in)
{
	interp_set_reg(in, in->insn.opsize, interp_offset(in, 0));
	return INTERP_DONE;
}

enum interp_result interp_xlat(struct interp *in)
{
	u64 *rax = &in->regs->gpr[GPR_RAX], value;
	u64 offset = (in->regs->gpr[GPR_RBX] + (*rax & 0xff)) & alu_mask(in->insn.addrsize);
	enum interp_result result = interp_read(in, in->insn.seg, offset, 1, &value, 0);

	if (!result)
		reg_merge(rax, 1, value);
	return result;
}

/* 0F C3: 4 bytes, in 16-bit code too, or 8. */
enum interp_result interp_movnti(struct interp *in)
{
	unsigned int size = in->insn.opsize == 8 ? 8 : 4;

	if (!in->insn.mem || insn_pp(&in->insn) != INSN_PP_NONE)
		return interp_ud(in);
	return interp_set_rm(in, size, interp_get_reg(in, size));
}

static u64 swap_bytes(u64 value, unsigned int size)
{
	return __builtin_bswap64(value) >> (64 - 8 * size);
}

/* 0F 38 F0, F1: bit 0 is the direction. With F2 it is CRC32. */
enum interp_result interp_movbe(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	u64 value;
	enum interp_result result;

	if (insn_pp(&in->insn) == INSN_PP_F2)
		return INTERP_UNSUPPORTED;
	if (!in->insn.mem || insn_pp(&in->insn) == INSN_PP_F3 || !(in->leaf1_ecx & LEAF1_ECX_MOVBE))
		return interp_ud(in);
	if (in->insn.opcode & 1)
		return interp_set_rm(in, size, swap_bytes(interp_get_reg(in, size), size));
	result = interp_get_rm(in, size, &value, 0);
	if (!result)
		interp_set_reg(in, size, swap_bytes(value, size));
	return result;
}

/*
 * 0F AE: of the group those that wait, or flush a line, which devices do not care for; the others
 * save and load state.
 */
enum interp_result interp_group15(struct interp *in)
{
	unsigned int digit = interp_digit(in);
	enum insn_pp pp = insn_pp(&in->insn);

	if (!in->insn.mem)
		return digit >= 5 && pp == INSN_PP_NONE ? INTERP_DONE : INTERP_UNSUPPORTED;
	/* CLFLUSH, CLFLUSHOPT and CLWB are as reads of a byte to all checks. */
	if (digit == 7 ? pp > INSN_PP_66 : digit != 6 || pp != INSN_PP_66)
		return INTERP_UNSUPPORTED;
	return interp_check(in, in->insn.seg, interp_offset(in, 0), 1, 0);
}

/* Of 16 bits the result is undefined: what CPUs give is 0. */
enum interp_result interp_bswap(struct interp *in)
{
	u64 *reg = &in->regs->gpr[interp_opcode_reg(in)];
	unsigned int size = in->insn.opsize;

	reg_merge(reg, size, size == 2 ? 0 : swap_bytes(*reg, size));
	return INTERP_DONE;
}

/* CBW, CWDE, CDQE */
enum interp_result interp_widen(struct interp *in)
{
	u64 *rax = &in->regs->gpr[GPR_RAX];
	unsigned int size = in->insn.opsize;

	reg_merge(rax, size, alu_sign_extend(*rax, size / 2));
	return INTERP_DONE;
}

/* CWD, CDQ, CQO */
enum interp_result interp_sign(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	u64 value = alu_sign_extend(in->regs->gpr[GPR_RAX], size);

	reg_merge(&in->regs->gpr[GPR_RDX], size, value >> 63 ? ~0ull : 0);
	return INTERP_DONE;
}

bool interp_condition(const struct interp *in, unsigned int code)
{
	u64 flags = in->regs->rflags;
	bool less = !(flags & RFLAGS_SF) != !(flags & RFLAGS_OF), holds;

	switch (code >> 1 & 7) {
	case 0:
		holds = flags & RFLAGS_OF;
		break;
	case 1:
		holds = flags & RFLAGS_CF;
		break;
	case 2:
		holds = flags & RFLAGS_ZF;
		break;
	case 3:
		holds = flags & (RFLAGS_CF | RFLAGS_ZF);
		break;
	case 4:
		holds = flags & RFLAGS_SF;
		break;
	case 5:
		holds = flags & RFLAGS_PF;
		break;
	case 6:
		holds = less;
		break;
	default:
		holds = less || flags & RFLAGS_ZF;
	}
	return holds != (code & 1);
}

enum interp_result interp_setcc(struct interp *in)
{
	return interp_set_rm(in, 1, interp_condition(in, in->insn.opcode));
}

/* Reads its operand in any case, and in any case clears an upper half. */
enum interp_result interp_cmov(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	u64 value;
	enum interp_result result = interp_get_rm(in, size, &value, 0);

	if (result)
		return result;
	if (!interp_condition(in, in->insn.opcode))
		value = interp_get_reg(in, size);
	interp_set_reg(in, size, value);
	return INTERP_DONE;
}

#define LAHF_FLAGS ((u64)(RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF | RFLAGS_CF))

enum interp_result interp_lahf(struct interp *in)
{
	u64 *rax = &in->regs->gpr[GPR_RAX];

	*rax = (*rax & ~0xff00ull) | ((in->regs->rflags & LAHF_FLAGS) | RFLAGS_FIXED) << 8;
	return INTERP_DONE;
}

enum interp_result interp_sahf(struct interp *in)
{
	u64 *flags = &in->regs->rflags;

	*flags = (*flags & ~LAHF_FLAGS) | (in->regs->gpr[GPR_RAX] >> 8 & LAHF_FLAGS);
	return INTERP_DONE;
}

/* CMC, CLC, STC, CLD, STD */
enum interp_result interp_flag(struct interp *in)
{
	u64 flag = in->insn.opcode < 0xfa ? RFLAGS_CF : RFLAGS_DF;

	if (in->insn.opcode == 0xf5)
		in->regs->rflags ^= flag;
	else if (in->insn.opcode & 1)
		in->regs->rflags |= flag;
	else
		in->regs->rflags &= ~flag;
	return INTERP_DONE;
}

/* SALC, which no manual has */
enum interp_result interp_salc(struct interp *in)
{
	reg_merge(&in->regs->gpr[GPR_RAX], 1, in->regs->rflags & RFLAGS_CF ? 0xff : 0);
	return INTERP_DONE;
}
