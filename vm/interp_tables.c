/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's opcode maps. An opcode without a function is not one of ours.
 */
#include "vm/interp_insns.h"

#define PLAIN(name)                   \
	{                             \
		.exec = interp_##name \
	}
#define LOCKED(name, digits)                            \
	{                                               \
		.exec = interp_##name, .lock = (digits) \
	}
#define NOT64(name)                                      \
	{                                                \
		.exec = interp_##name, .flags = OP_NOT64 \
	}
#define WITH(name, bits)                               \
	{                                              \
		.exec = interp_##name, .flags = (bits) \
	}

/* The operation to memory and back, with the accumulator; CMP writes nothing that LOCK protects. */
#define ALU_OPS(opcode, digits)                                             \
	[(opcode)...(opcode) + 1] = LOCKED(alu, digits),                    \
			       [(opcode) + 2 ...(opcode) + 3] = PLAIN(alu), \
			       [(opcode) + 4 ...(opcode) + 5] = PLAIN(alu_rax)
#define SEG_OPS(opcode) [opcode] = NOT64(push_seg), [(opcode) + 1] = NOT64(pop_seg)

/* clang-format off */
static const struct interp_op map0[256] = {
	ALU_OPS(0x00, 0xff), SEG_OPS(0x06),
	ALU_OPS(0x08, 0xff), [0x0e] = NOT64(push_seg),
	ALU_OPS(0x10, 0xff), SEG_OPS(0x16),
	ALU_OPS(0x18, 0xff), SEG_OPS(0x1e),
	ALU_OPS(0x20, 0xff), [0x27] = PLAIN(daa_das),
	ALU_OPS(0x28, 0xff), [0x2f] = PLAIN(daa_das),
	ALU_OPS(0x30, 0xff), [0x37] = PLAIN(aaa_aas),
	ALU_OPS(0x38, 0), [0x3f] = PLAIN(aaa_aas),
	[0x40 ... 0x4f] = PLAIN(inc_dec_opcode),
	[0x50 ... 0x57] = PLAIN(push_opcode),
	[0x58 ... 0x5f] = PLAIN(pop_opcode),
	[0x60] = PLAIN(push_all), [0x61] = PLAIN(pop_all),
	[0x62] = PLAIN(bound),
	[0x63] = PLAIN(arpl_movsxd),
	[0x68] = PLAIN(push_imm), [0x6a] = PLAIN(push_imm),
	[0x69] = PLAIN(imul), [0x6b] = PLAIN(imul),
	[0x6c ... 0x6f] = PLAIN(io_string),
	[0x70 ... 0x7f] = PLAIN(jcc),
	[0x80 ... 0x83] = LOCKED(alu_imm, 0x7f),
	[0x84 ... 0x85] = PLAIN(test),
	[0x86 ... 0x87] = LOCKED(xchg, 0xff),
	[0x88 ... 0x8b] = PLAIN(mov),
	[0x8c] = PLAIN(mov_from_seg), [0x8e] = PLAIN(mov_to_seg),
	[0x8d] = PLAIN(lea),
	[0x8f] = PLAIN(pop_rm),
	[0x90 ... 0x97] = PLAIN(xchg_rax),
	[0x98] = PLAIN(widen), [0x99] = PLAIN(sign),
	[0x9a] = PLAIN(far_imm), [0xea] = PLAIN(far_imm),
	[0x9b] = PLAIN(fwait),
	[0x9c] = PLAIN(push_flags), [0x9d] = PLAIN(pop_flags),
	[0x9e] = PLAIN(sahf), [0x9f] = PLAIN(lahf),
	[0xa0 ... 0xa3] = PLAIN(mov_moffs),
	[0xa4 ... 0xa7] = PLAIN(string), [0xaa ... 0xaf] = PLAIN(string),
	[0xa8 ... 0xa9] = PLAIN(test_rax),
	[0xb0 ... 0xbf] = PLAIN(mov_opcode_imm),
	[0xc0 ... 0xc1] = PLAIN(shift_imm), [0xd0 ... 0xd3] = PLAIN(shift),
	[0xc2 ... 0xc3] = PLAIN(ret),
	[0xc4 ... 0xc5] = PLAIN(load_far_pointer),
	[0xc6 ... 0xc7] = PLAIN(mov_imm),
	[0xc8] = PLAIN(enter), [0xc9] = PLAIN(leave),
	[0xca ... 0xcb] = NOT64(far_ret),
	[0xcc ... 0xcd] = NOT64(intn), [0xf1] = NOT64(intn),
	[0xce] = PLAIN(into),
	[0xcf] = NOT64(iret),
	[0xd4] = PLAIN(aam), [0xd5] = PLAIN(aad), [0xd6] = PLAIN(salc),
	[0xd7] = PLAIN(xlat),
	[0xd8 ... 0xdf] = PLAIN(fpu),
	[0xe0 ... 0xe3] = PLAIN(loop),
	[0xe4 ... 0xe7] = PLAIN(io), [0xec ... 0xef] = PLAIN(io),
	[0xe8] = PLAIN(call),
	[0xe9] = PLAIN(jmp), [0xeb] = PLAIN(jmp),
	[0xf4] = WITH(system, OP_CPL0), /* HLT */
	[0xf5] = PLAIN(flag), [0xf8 ... 0xf9] = PLAIN(flag), [0xfc ... 0xfd] = PLAIN(flag),
	[0xf6 ... 0xf7] = LOCKED(group3, BIT(2) | BIT(3)),
	[0xfa ... 0xfb] = PLAIN(cli_sti),
	[0xfe] = LOCKED(inc_dec, BIT(0) | BIT(1)),
	[0xff] = LOCKED(group5, BIT(0) | BIT(1)),
};

static const struct interp_op map1[256] = {
	[0x00] = WITH(group6, OP_PROTECTED),
	[0x01] = PLAIN(group7),
	[0x02 ... 0x03] = WITH(lar_lsl, OP_NOT64 | OP_PROTECTED),
	[0x05] = PLAIN(syscall), [0x07] = PLAIN(syscall),
	[0x06] = WITH(system, OP_CPL0), /* CLTS */
	[0x08 ... 0x09] = WITH(system, OP_CPL0), /* INVD, WBINVD */
	[0x0b] = PLAIN(ud), [0xb9] = PLAIN(ud), [0xff] = PLAIN(ud),
	[0x0d] = PLAIN(nop), [0x18 ... 0x1f] = PLAIN(nop), /* prefetches and other hints */
	[0x20 ... 0x23] = WITH(system, OP_CPL0 | OP_LOCK_ANY), /* MOV CR, MOV DR */
	[0x30] = WITH(system, OP_CPL0), [0x32] = WITH(system, OP_CPL0), /* WRMSR, RDMSR */
	[0x31] = PLAIN(system), [0x33] = PLAIN(system), /* RDTSC, RDPMC */
	[0x10 ... 0x13] = PLAIN(vector), [0x16 ... 0x17] = PLAIN(vector),
	[0x28 ... 0x29] = PLAIN(vector), [0x2b] = PLAIN(vector),
	[0x6e ... 0x6f] = PLAIN(vector), [0x7e ... 0x7f] = PLAIN(vector),
	[0xd6] = PLAIN(vector), [0xe7] = PLAIN(vector), [0xf0] = PLAIN(vector),
	[0x40 ... 0x4f] = PLAIN(cmov),
	[0x80 ... 0x8f] = PLAIN(jcc),
	[0x90 ... 0x9f] = PLAIN(setcc),
	[0xa0] = PLAIN(push_seg), [0xa1] = PLAIN(pop_seg),
	[0xa8] = PLAIN(push_seg), [0xa9] = PLAIN(pop_seg),
	[0xa2] = PLAIN(system), /* CPUID */
	[0xa3] = PLAIN(bit), [0xab] = LOCKED(bit, 0xff),
	[0xb3] = LOCKED(bit, 0xff), [0xbb] = LOCKED(bit, 0xff),
	[0xa4 ... 0xa5] = PLAIN(shift_double), [0xac ... 0xad] = PLAIN(shift_double),
	[0xaa] = PLAIN(ud), /* RSM */
	[0xae] = PLAIN(group15),
	[0xaf] = PLAIN(imul),
	[0xb0 ... 0xb1] = LOCKED(cmpxchg, 0xff),
	[0xb2] = PLAIN(load_far_pointer), [0xb4 ... 0xb5] = PLAIN(load_far_pointer),
	[0xb6 ... 0xb7] = PLAIN(extend), [0xbe ... 0xbf] = PLAIN(extend),
	[0xba] = LOCKED(bit_imm, BIT(5) | BIT(6) | BIT(7)),
	[0xb8] = PLAIN(popcnt), /* behind F3 only */
	[0xbc ... 0xbd] = PLAIN(bit_scan),
	[0xc0 ... 0xc1] = LOCKED(xadd, 0xff),
	[0xc3] = PLAIN(movnti),
	[0xc7] = LOCKED(cmpxchg8b, BIT(1)),
	[0xc8 ... 0xcf] = PLAIN(bswap),
};

static const struct interp_op map2[256] = {
	[0x2a] = PLAIN(vector),
	[0xf0 ... 0xf1] = PLAIN(movbe),
};
/* clang-format on */

const struct interp_op *interp_find_op(const struct insn *insn)
{
	static const struct interp_op *const maps[] = { map0, map1, map2 };
	static const struct interp_op vex = PLAIN(vector);
	const struct interp_op *op;

	if (insn->evex || insn->map >= ARRAY_SIZE(maps))
		return NULL;
	op = insn->vex ? &vex : &maps[insn->map][insn->opcode];
	return op->exec ? op : NULL;
}
