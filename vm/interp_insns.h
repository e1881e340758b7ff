/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions that interp_tables.c names, one for each kind of instruction, by file.
 */
#pragma once

#include "vm/interp_core.h"

#define INTERP_INSN(name) enum interp_result interp_##name(struct interp *in)

/* interp_data.c */
INTERP_INSN(nop);
INTERP_INSN(ud);
INTERP_INSN(mov);
INTERP_INSN(mov_moffs);
INTERP_INSN(mov_imm);
INTERP_INSN(mov_opcode_imm);
INTERP_INSN(extend);
INTERP_INSN(xchg);
INTERP_INSN(xchg_rax);
INTERP_INSN(lea);
INTERP_INSN(xlat);
INTERP_INSN(bswap);
INTERP_INSN(widen);
INTERP_INSN(sign);
INTERP_INSN(setcc);
INTERP_INSN(cmov);
INTERP_INSN(lahf);
INTERP_INSN(sahf);
INTERP_INSN(flag);
INTERP_INSN(salc);
INTERP_INSN(movnti);
INTERP_INSN(movbe);
INTERP_INSN(group15);

/* interp_alu.c */
INTERP_INSN(alu);
INTERP_INSN(alu_rax);
INTERP_INSN(alu_imm);
INTERP_INSN(test);
INTERP_INSN(test_rax);
INTERP_INSN(group3);
INTERP_INSN(inc_dec);
INTERP_INSN(inc_dec_opcode);
INTERP_INSN(xadd);
INTERP_INSN(cmpxchg);
INTERP_INSN(cmpxchg8b);
INTERP_INSN(bit);
INTERP_INSN(bit_imm);
INTERP_INSN(bit_scan);
INTERP_INSN(popcnt);

/* interp_shift.c */
INTERP_INSN(shift);
INTERP_INSN(shift_imm);
INTERP_INSN(shift_double);

/* interp_muldiv.c */
INTERP_INSN(multiply);
INTERP_INSN(imul);
INTERP_INSN(divide);
INTERP_INSN(daa_das);
INTERP_INSN(aaa_aas);
INTERP_INSN(aam);
INTERP_INSN(aad);

/* interp_string.c */
INTERP_INSN(string);

/* interp_stack.c */
INTERP_INSN(push_opcode);
INTERP_INSN(pop_opcode);
INTERP_INSN(push_imm);
INTERP_INSN(push_rm);
INTERP_INSN(pop_rm);
INTERP_INSN(push_seg);
INTERP_INSN(pop_seg);
INTERP_INSN(push_all);
INTERP_INSN(pop_all);
INTERP_INSN(push_flags);
INTERP_INSN(pop_flags);
INTERP_INSN(enter);
INTERP_INSN(leave);

/* interp_branch.c */
INTERP_INSN(jcc);
INTERP_INSN(jmp);
INTERP_INSN(call);
INTERP_INSN(ret);
INTERP_INSN(loop);
INTERP_INSN(group5);
INTERP_INSN(bound);
INTERP_INSN(intn);
INTERP_INSN(into);

/* interp_seg.c */
INTERP_INSN(mov_from_seg);
INTERP_INSN(mov_to_seg);
INTERP_INSN(load_far_pointer);

/* interp_far.c */
INTERP_INSN(far_imm);
INTERP_INSN(far_rm);
INTERP_INSN(far_ret);

/* interp_iret.c */
INTERP_INSN(iret);

/* interp_system.c */
INTERP_INSN(system);
INTERP_INSN(group6);
INTERP_INSN(group7);
INTERP_INSN(lar_lsl);
INTERP_INSN(arpl_movsxd);
INTERP_INSN(cli_sti);
INTERP_INSN(syscall);

/* interp_io.c */
INTERP_INSN(io);
INTERP_INSN(io_string);

/* interp_fpu.c */
INTERP_INSN(fpu);
INTERP_INSN(fwait);

/* interp_vector.c */
INTERP_INSN(vector);
