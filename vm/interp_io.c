/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port accesses in the interpreter: may the guest's program do them? The access is the caller's.
 */
#include "vm/interp_insns.h"

#define TSS_IO_MAP 0x66u
#define OP_IN_OUT_DX 0xecu

/* The bits of the TSS's map for size ports from port on must be there, and clear. */
static enum interp_result check_map(struct interp *in, u32 port, unsigned int size)
{
	const struct segment *tr = &in->seg[SEG_TR];
	u64 at, bits;
	enum interp_result result;

	/* Only a 32-bit TSS has one. */
	if (!(tr->attr & SEG_ATTR_P) || (tr->attr & 0xf & ~TYPE_BUSY) != TYPE_TSS32 ||
	    tr->limit < TSS_IO_MAP + 1)
		return interp_gp0(in);
	result = interp_read_linear(in, (u32)(tr->base + TSS_IO_MAP), 2, &at, INTERP_SUPERVISOR);
	if (result)
		return result;
	at += port / 8;
	/* Always two bytes. */
	if (at + 1 > tr->limit)
		return interp_gp0(in);
	result = interp_read_linear(in, (u32)(tr->base + at), 2, &bits, INTERP_SUPERVISOR);
	if (result)
		return result;
	return bits >> port % 8 & (BIT(size) - 1) ? interp_gp0(in) : INTERP_SYSTEM;
}

static enum interp_result check_port(struct interp *in, u32 port, unsigned int size)
{
	if (!(in->cr0 & CR0_PE) || (interp_cpl(in) <= interp_iopl(in) && !interp_v8086(in)))
		return INTERP_SYSTEM;
	if (interp_long(in))
		return INTERP_UNSUPPORTED;
	return check_map(in, port, size);
}

static unsigned int port_size(const struct interp *in)
{
	return MIN(insn_pair_size(&in->insn), 4u);
}

/* E4 to E7 have the port in the instruction, EC to EF in DX. */
enum interp_result interp_io(struct interp *in)
{
	u64 port = in->insn.opcode < OP_IN_OUT_DX ? in->insn.imm : in->regs->gpr[GPR_RDX];

	return check_port(in, port & 0xffff, port_size(in));
}

/* 6C to 6F: INS, OUTS */
enum interp_result interp_io_string(struct interp *in)
{
	bool rep = in->insn.prefixes & (INSN_PFX_REP | INSN_PFX_REPNE),
	     ins = in->insn.opcode < 0x6e;
	u64 mask = alu_mask(in->insn.addrsize), *gpr = in->regs->gpr;
	u64 offset = gpr[ins ? GPR_RDI : GPR_RSI] & mask;
	unsigned int size = port_size(in);
	enum interp_result result = check_port(in, gpr[GPR_RDX] & 0xffff, size);

	if (result != INTERP_SYSTEM || (rep && !(gpr[GPR_RCX] & mask)))
		return result;
	result = interp_check(in, ins ? SEG_ES : in->insn.seg, offset, size,
			      ins ? INTERP_WILL_WRITE : 0);
	return result ? result : INTERP_SYSTEM;
}
