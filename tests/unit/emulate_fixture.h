/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For test_emulate.c: one instruction executed twice from the same state, by vm/emulate.c on
 * a buffer and by Unicorn, an independent emulator; and random instructions whose accesses go
 * to the data, which lies in the first 64 KiB, so that addresses of all sizes reach it.
 */
#pragma once

#include "host.h"

#include <stdio.h>
#include <string.h>
#include <unicorn/unicorn.h>

#include "lib/err.h"
#include "vm/emulate.h"

#define DATA_BASE 0x4000u
#define DATA_SIZE 0x8000u
#define GDT_BASE 0x1000u
#define CODE_BASE 0x100000u
#define CODE_SIZE 0x800000u
#define CODE_BASE16 0x10000u
#define CODE_SIZE16 0xe0000u
#define FAILED (-77) /* what an access outside of data returns */

#define ALL_FLAGS ((u64)(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF))

static u64 seed = 0xe301;

static u64 random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static u64 random_below(u64 n)
{
	return (random_u64() >> 20) % n;
}

struct machine {
	enum insn_mode mode;
	uc_engine *uc;
	u64 code, code_end; /* where the next instruction goes: each to a new place */
	u8 ours[DATA_SIZE], theirs[DATA_SIZE] __aligned(4096);
	struct vcpu_regs regs;
	struct emu emu;
	unsigned int reads, writes;
	bool fail_reads, fail_writes;
};

static int data_access(u64 linear, unsigned int size)
{
	if (linear < DATA_BASE || linear > DATA_BASE + DATA_SIZE - size)
		return FAILED;
	return 0;
}

static int data_read(void *ctx, u64 linear, unsigned int size, u64 *value)
{
	struct machine *m = ctx;

	m->reads++;
	if (m->fail_reads || data_access(linear, size))
		return FAILED;
	*value = ~0ull; /* what is above size must not matter */
	memcpy(value, m->ours + linear - DATA_BASE, size);
	return 0;
}

static int data_write(void *ctx, u64 linear, unsigned int size, u64 value)
{
	struct machine *m = ctx;

	m->writes++;
	if (m->fail_writes || data_access(linear, size))
		return FAILED;
	memcpy(m->ours + linear - DATA_BASE, &value, size);
	return 0;
}

#define UC(call) assert_int_equal(call, UC_ERR_OK)

/* Other bases in all segments that may have one: by selectors alone, by a GDT, by MSRs. */
static void set_segments(struct machine *m)
{
	static const int selectors[] = { UC_X86_REG_ES, 0,
					 UC_X86_REG_SS, UC_X86_REG_DS,
					 UC_X86_REG_FS, UC_X86_REG_GS };
	static const int bases[] = { [SEG_FS] = UC_X86_REG_FS_BASE, [SEG_GS] = UC_X86_REG_GS_BASE };
	uc_x86_mmr gdtr = { .base = GDT_BASE, .limit = 0xff };

	UC(uc_mem_map(m->uc, GDT_BASE, 4096, UC_PROT_ALL));
	UC(uc_reg_write(m->uc, UC_X86_REG_GDTR, &gdtr));
	for (unsigned int seg = SEG_ES; seg <= SEG_GS; seg++) {
		u64 base = m->mode == INSN_64 && seg < SEG_FS ? 0 : (seg + 1) * 0x110;
		u64 descriptor = 0xcf92000000ffffull | base << 16;
		u16 selector = (u16)(m->mode == INSN_16 ? base >> 4 : (seg + 1) * 8);

		if (seg == SEG_CS)
			continue;
		m->emu.seg_base[seg] = base;
		UC(uc_mem_write(m->uc, GDT_BASE + (seg + 1) * 8, &descriptor, 8));
		if (m->mode != INSN_64)
			UC(uc_reg_write(m->uc, selectors[seg], &selector));
		else if (seg >= SEG_FS)
			UC(uc_reg_write(m->uc, bases[seg], &base));
	}
}

static void machine_open(struct machine *m, enum insn_mode mode)
{
	static const uc_mode modes[] = { UC_MODE_16, UC_MODE_32, UC_MODE_64 };

	memset(m, 0, sizeof(*m));
	m->mode = mode;
	m->emu = (struct emu){
		.regs = &m->regs, .mode = mode, .ctx = m, .read = data_read, .write = data_write
	};
	m->code = mode == INSN_16 ? CODE_BASE16 : CODE_BASE;
	m->code_end = m->code + (mode == INSN_16 ? CODE_SIZE16 : CODE_SIZE);
	UC(uc_open(UC_ARCH_X86, modes[mode], &m->uc));
	UC(uc_mem_map_ptr(m->uc, DATA_BASE, DATA_SIZE, UC_PROT_ALL, m->theirs));
	UC(uc_mem_map(m->uc, m->code, m->code_end - m->code, UC_PROT_ALL));
	set_segments(m);
}

static void machine_close(struct machine *m)
{
	uc_close(m->uc);
}

static const int uc_gprs[GPR_COUNT] = {
	UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
	UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
	UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
	UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15,
};
static const int uc_gprs32[8] = {
	UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
	UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI,
};

/* Run the instruction at m->code in Unicorn; its state into *out. */
static void run_theirs(struct machine *m, const u8 *bytes, unsigned int len, struct vcpu_regs *out)
{
	int count = m->mode == INSN_64 ? GPR_COUNT : 8;
	const int *ids = m->mode == INSN_64 ? uc_gprs : uc_gprs32;
	int rip = m->mode == INSN_64 ? UC_X86_REG_RIP : UC_X86_REG_EIP;
	u16 cs = (u16)(m->code >> 4);

	*out = m->regs;
	for (int i = 0; i < count; i++)
		UC(uc_reg_write(m->uc, ids[i], &m->regs.gpr[i]));
	UC(uc_reg_write(m->uc, UC_X86_REG_EFLAGS, &m->regs.rflags));
	if (m->mode == INSN_16)
		UC(uc_reg_write(m->uc, UC_X86_REG_CS, &cs));
	UC(uc_mem_write(m->uc, m->code, bytes, len));
	UC(uc_emu_start(m->uc, m->code, m->code + len, 0, 0));
	for (int i = 0; i < count; i++) {
		out->gpr[i] = 0;
		UC(uc_reg_read(m->uc, ids[i], &out->gpr[i]));
	}
	out->rip = out->rflags = 0;
	UC(uc_reg_read(m->uc, UC_X86_REG_EFLAGS, &out->rflags));
	UC(uc_reg_read(m->uc, rip, &out->rip));
}

/* An instruction under construction. */
struct text {
	u8 bytes[24];
	unsigned int len, modrm_at;
};

static void put(struct text *t, u64 byte)
{
	t->bytes[t->len++] = (u8)byte;
}

static const u8 opcodes0[] = { 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3, 0xc6, 0xc7 };
static const u8 opcodes1[] = { 0xb6, 0xb7, 0xbe, 0xbf };
#define OPCODES (ARRAY_SIZE(opcodes0) + ARRAY_SIZE(opcodes1))

/* The which-th opcode with random prefixes and operands. */
static void build(struct text *t, u32 which, enum insn_mode mode)
{
	static const u8 segs[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

	t->len = 0;
	if (!random_below(4))
		put(t, 0x66);
	if (!random_below(4))
		put(t, 0x67);
	if (!random_below(8))
		put(t, 0xf0);
	if (!random_below(3))
		put(t, 0xf2 + random_below(2));
	if (!random_below(4))
		put(t, segs[random_below(6)]);
	if (mode == INSN_64 && random_below(2))
		put(t, 0x40 | random_below(16));
	if (which >= ARRAY_SIZE(opcodes0))
		put(t, 0x0f);
	put(t, which < ARRAY_SIZE(opcodes0) ? opcodes0[which]
					    : opcodes1[which - ARRAY_SIZE(opcodes0)]);
	t->modrm_at = t->len;
	while (t->len < 24)
		put(t, random_u64());
	if (t->bytes[t->modrm_at] >= 0xc0)
		t->bytes[t->modrm_at] &= 0x7f;
}

/* Make the instruction access target: change a register, or the displacement when there is none. */
static bool aim(struct machine *m, struct text *t, struct insn *insn, u64 target)
{
	u64 delta = target - emu_linear(&m->emu, insn);
	unsigned int disp_at = t->modrm_at;
	u64 disp;

	if (!delta)
		return true;
	if (insn->base >= 0) {
		m->regs.gpr[insn->base] += delta;
	} else if (insn->index >= 0 && insn->scale == 1) {
		m->regs.gpr[insn->index] += delta;
	} else {
		if (insn->has_modrm)
			disp_at += (insn->modrm & 7) == 4 && insn->addrsize > 2 ? 2 : 1;
		disp = (u64)insn->disp + delta;
		memcpy(t->bytes + disp_at, &disp,
		       insn->has_modrm ? (insn->addrsize == 2 ? 2 : 4) : insn->addrsize);
		if (insn_decode(insn, t->bytes, INSN_MAX_LEN, m->mode))
			return false;
	}
	return emu_linear(&m->emu, insn) == target;
}

static void random_state(struct machine *m)
{
	for (int i = 0; i < GPR_COUNT; i++) {
		m->regs.gpr[i] = random_u64() >> (random_below(4) * 16);
		if (!random_below(8))
			m->regs.gpr[i] = random_below(3) - 1;
		if (m->mode != INSN_64)
			m->regs.gpr[i] = i < 8 ? (u32)m->regs.gpr[i] : 0;
	}
	m->regs.rflags = RFLAGS_FIXED | (random_u64() & (ALL_FLAGS | RFLAGS_DF));
	m->regs.rip = m->mode == INSN_16 ? 0 : m->code;
}

/* Registers such that the accesses go to data; false: this instruction cannot. */
static bool place(struct machine *m, struct text *t, struct insn *insn)
{
	u64 target = DATA_BASE + 0x2000 + random_below(0x4000);

	if (m->mode != INSN_64)
		m->regs.gpr[insn->reg] = (u32)m->regs.gpr[insn->reg];
	if (!aim(m, t, insn, target))
		return false;
	/* What is above the address size must not matter. */
	if (insn->base >= 0 && insn->base != insn->reg && insn->addrsize < 8)
		m->regs.gpr[insn->base] ^= random_u64() << (8 * insn->addrsize);
	for (int i = 0; i < GPR_COUNT && m->mode != INSN_64; i++)
		m->regs.gpr[i] = (u32)m->regs.gpr[i];
	return true;
}
