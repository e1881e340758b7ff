/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For test_interp_random.c: the interpreter and Unicorn, an independent emulator, side by side, in
 * real mode, in flat 32-bit protected mode and in 64-bit mode.
 */
#pragma once

#include "interp_opcodes.h"

#include <unicorn/unicorn.h>

#define CODE_BASE 0x40000u
#define CODE_END 0xb0000u
#define UC(call) assert_int_equal(call, UC_ERR_OK)
#define NO_INTERRUPT 0xffffffffu

struct pair {
	struct machine ours;
	u8 theirs[MEMORY_SIZE] __aligned(4096);
	struct vcpu_regs regs; /* theirs */
	u16 selectors[SEG_GS + 1];
	u64 mmx[8], xmm[16][2];
	uc_engine *uc;
	enum insn_mode mode; /* 16: real mode */
	u32 interrupt;
	u64 code;
};

static const int uc_gprs32[8] = {
	UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
	UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI,
};
static const int uc_gprs64[GPR_COUNT] = {
	UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
	UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
	UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
	UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15,
};
static const int uc_segs[] = { UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS,
			       UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS };

static void on_interrupt(uc_engine *uc, u32 number, void *ctx)
{
	struct pair *p = ctx;

	/* It remembers an earlier #DE, and thinks that one leads to the other. */
	p->interrupt = number == 8 ? 0 : number;
	uc_emu_stop(uc);
}

static void set_state(struct pair *p)
{
	struct machine *m = &p->ours;

	if (p->mode == INSN_16) {
		real_mode(m);
		put_seg(m, SEG_CS, (u16)(p->code >> 4), 0x9b, 0xffff, p->code);
	} else if (p->mode == INSN_64) {
		long_mode(m, 0);
		m->regs.rip = p->code;
		for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
			m->in.seg[i].selector = p->selectors[i];
	} else {
		protected_mode(m, 0);
		m->regs.rip = p->code;
		m->in.seg[SEG_CS].selector = p->selectors[SEG_CS];
		put_seg(m, SEG_LDTR, 0, 0, 0, 0);
		put_seg(m, SEG_FS, SEL_FREE, 0xc93, ~0u, 0x120);
		put_seg(m, SEG_GS, SEL_FREE + 8, 0xc93, ~0u, 0x340);
		put_u64(m, GDT + SEL_FREE, make_desc(0x120, 0xfffff, 0xc93));
		put_u64(m, GDT + SEL_FREE + 8, make_desc(0x340, 0xfffff, 0xc93));
	}
	if (p->mode != INSN_16)
		memcpy(p->theirs + GDT, m->memory + GDT, 0x100);
}

static void set_uc_segments(struct pair *p)
{
	uc_x86_mmr gdtr = { .base = GDT, .limit = 0xff };

	if (p->mode == INSN_64) {
		UC(uc_reg_write(p->uc, UC_X86_REG_FS_BASE, &p->ours.in.seg[SEG_FS].base));
		UC(uc_reg_write(p->uc, UC_X86_REG_GS_BASE, &p->ours.in.seg[SEG_GS].base));
	}
	if (p->mode != INSN_32)
		return;
	UC(uc_reg_write(p->uc, UC_X86_REG_GDTR, &gdtr));
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		if (i != SEG_CS)
			UC(uc_reg_write(p->uc, uc_segs[i], &p->ours.in.seg[i].selector));
}

/* By MOV CR4, EAX: it does not take effect in real mode otherwise. */
static void enable_vectors(struct pair *p)
{
	static const u8 code[] = { 0x0f, 0x22, 0xe0 };
	u64 rax = CR4_OSFXSR | (p->mode == INSN_64 ? CR4_PAE : 0);
	u16 cs = CODE_END >> 4;

	if (p->mode == INSN_16)
		UC(uc_reg_write(p->uc, UC_X86_REG_CS, &cs));
	UC(uc_reg_write(p->uc, p->mode == INSN_64 ? UC_X86_REG_RAX : UC_X86_REG_EAX, &rax));
	UC(uc_mem_write(p->uc, CODE_END, code, sizeof(code)));
	UC(uc_emu_start(p->uc, CODE_END, CODE_END + sizeof(code), 0, 1));
	memset(p->theirs + CODE_END, 0, sizeof(code));
}

static void pair_open(struct pair *p, enum insn_mode mode)
{
	static const uc_mode modes[] = { UC_MODE_16, UC_MODE_32, UC_MODE_64 };
	uc_hook hook;

	p->mode = mode;
	p->code = CODE_BASE;
	set_state(p);
	for (u32 i = 0; i < CODE_BASE; i++)
		if (mode == INSN_16 || i < GDT || i > GDT + 0xff)
			p->ours.memory[i] = (u8)(i & 0x4000 ? random_u64() : random_u64() & 1);
	memcpy(p->theirs, p->ours.memory, MEMORY_SIZE);
	UC(uc_open(UC_ARCH_X86, modes[mode], &p->uc));
	UC(uc_mem_map_ptr(p->uc, 0, MEMORY_SIZE, UC_PROT_ALL, p->theirs));
	UC(uc_hook_add(p->uc, &hook, UC_HOOK_INTR, (void *)on_interrupt, p, 1, 0));
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		UC(uc_reg_read(p->uc, uc_segs[i], &p->selectors[i]));
	set_uc_segments(p);
	enable_vectors(p);
}

static unsigned int gpr_count(const struct pair *p)
{
	return p->mode == INSN_64 ? GPR_COUNT : 8;
}

static void random_state(struct pair *p)
{
	struct vcpu_regs *regs = &p->ours.regs;

	set_state(p);
	for (unsigned int i = 0; i < gpr_count(p); i++) {
		regs->gpr[i] = random_u64();
		if (random_below(4))
			regs->gpr[i] &= 0xffff;
		if (!random_below(8))
			regs->gpr[i] = random_below(3) - 1;
		if (p->mode != INSN_64)
			regs->gpr[i] = (u32)regs->gpr[i];
	}
	if (p->mode != INSN_16)
		regs->gpr[GPR_RSP] = 0x1000 + random_below(0x6000);
	regs->rflags |= random_u64() & (RFLAGS_STATUS | RFLAGS_DF | RFLAGS_IF);
}

static void random_vectors(struct pair *p)
{
	for (int i = 0; i < 8; i++)
		p->ours.mmx[i] = random_u64();
	for (int i = 0; i < 16 * 4; i++)
		p->ours.ymm[i / 4][i % 4] = random_u64();
}

/* Where MMX is: what Unicorn does for MM0 to MM7 is nothing. */
struct x87 {
	u64 mmx;
	u16 exponent;
};

/* Vector registers, which few instructions have anything to do with, go there and back. */
static void write_vectors(struct pair *p)
{
	for (int i = 0; i < 8; i++)
		UC(uc_reg_write(p->uc, UC_X86_REG_FP0 + i,
				&(struct x87){ .mmx = p->ours.mmx[i], .exponent = 0xffff }));
	for (int i = 0; i < (int)gpr_count(p); i++)
		UC(uc_reg_write(p->uc, UC_X86_REG_XMM0 + i, p->ours.ymm[i]));
}

static void read_vectors(struct pair *p)
{
	for (int i = 0; i < 8; i++) {
		struct x87 reg;

		UC(uc_reg_read(p->uc, UC_X86_REG_FP0 + i, &reg));
		p->mmx[i] = reg.mmx;
	}
	for (int i = 0; i < (int)gpr_count(p); i++)
		UC(uc_reg_read(p->uc, UC_X86_REG_XMM0 + i, p->xmm[i]));
}

static void write_registers(struct pair *p, const struct vcpu_regs *start)
{
	const int *ids = p->mode == INSN_64 ? uc_gprs64 : uc_gprs32;

	for (unsigned int i = 0; i < gpr_count(p); i++)
		UC(uc_reg_write(p->uc, ids[i], &start->gpr[i]));
	UC(uc_reg_write(p->uc, UC_X86_REG_EFLAGS, &start->rflags));
	for (unsigned int i = SEG_ES; p->mode == INSN_16 && i <= SEG_GS; i++) {
		u16 selector = i == SEG_CS ? (u16)(p->code >> 4) : (u16)(0x100 * i + 0x11);

		UC(uc_reg_write(p->uc, uc_segs[i], &selector));
	}
}

static void read_registers(struct pair *p)
{
	const int *ids = p->mode == INSN_64 ? uc_gprs64 : uc_gprs32;

	memset(&p->regs, 0, sizeof(p->regs));
	for (unsigned int i = 0; i < gpr_count(p); i++)
		UC(uc_reg_read(p->uc, ids[i], &p->regs.gpr[i]));
	UC(uc_reg_read(p->uc, UC_X86_REG_EFLAGS, &p->regs.rflags));
	UC(uc_reg_read(p->uc, p->mode == INSN_64 ? UC_X86_REG_RIP : UC_X86_REG_EIP, &p->regs.rip));
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		UC(uc_reg_read(p->uc, uc_segs[i], &p->selectors[i]));
}

/* Run the instruction, all iterations of a REP, until it is where ours went. */
static uc_err run_theirs(struct pair *p, const struct vcpu_regs *start, bool string, bool fault)
{
	u64 until = p->ours.in.seg[SEG_CS].base + p->ours.regs.rip;
	uc_err err;

	if (fault)
		until = MEMORY_SIZE;
	else if (p->mode != INSN_64)
		until = (u32)until;
	write_registers(p, start);
	p->interrupt = NO_INTERRUPT;
	err = uc_emu_start(p->uc, p->code, until, 0, string ? 0 : fault ? 1 : 2);
	read_registers(p);
	return err;
}

static char *hex(const u8 *bytes, unsigned int len)
{
	static char text[64];
	int used = 0;

	for (unsigned int i = 0; i < len; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, " %02x", bytes[i]);
	return text;
}

static void compare(struct pair *p, const struct vcpu_regs *start, const u8 *bytes,
		    unsigned int len)
{
	struct machine *m = &p->ours;
	u64 flags = (RFLAGS_LOADABLE & ~(u64)RFLAGS_RF) &
		    ~undefined_flags(&m->in.insn, start->gpr[GPR_RCX]);
	const char *text = hex(bytes, len);
	u32 at = 0, size;

	for (unsigned int i = 0; i < gpr_count(p); i++)
		if (m->regs.gpr[i] != p->regs.gpr[i])
			fail_msg("%d-bit%s: register %u: was %llx, ours %llx, Unicorn %llx",
				 16 << p->mode, text, i, (unsigned long long)start->gpr[i],
				 (unsigned long long)m->regs.gpr[i],
				 (unsigned long long)p->regs.gpr[i]);
	if (m->regs.rip != p->regs.rip)
		fail_msg("%d-bit%s: rip: flags %llx, ours %llx, Unicorn %llx", 16 << p->mode, text,
			 (unsigned long long)start->rflags, (unsigned long long)m->regs.rip,
			 (unsigned long long)p->regs.rip);
	if ((m->regs.rflags ^ p->regs.rflags) & flags)
		fail_msg("%d-bit%s: flags: were %llx, ours %llx, Unicorn %llx", 16 << p->mode, text,
			 (unsigned long long)start->rflags, (unsigned long long)m->regs.rflags,
			 (unsigned long long)p->regs.rflags);
	for (unsigned int i = SEG_ES; p->mode == INSN_16 && i <= SEG_GS; i++)
		if (m->in.seg[i].selector != p->selectors[i] ||
		    m->in.seg[i].base != (u64)p->selectors[i] << 4)
			fail_msg("%d-bit%s: segment %u: ours %x, Unicorn %x", 16 << p->mode, text,
				 i, m->in.seg[i].selector, p->selectors[i]);
	/* A difference further up stays until it is found. */
	size = p->code & 0x70 ? 0x20000 : MEMORY_SIZE;
	if (!memcmp(m->memory, p->theirs, size))
		return;
	while (m->memory[at] == p->theirs[at])
		at++;
	fail_msg("%d-bit%s: memory differs at %x: ours %x, Unicorn %x", 16 << p->mode, text, at,
		 m->memory[at], p->theirs[at]);
}

static void compare_vectors(struct pair *p, const u8 *bytes, unsigned int len)
{
	read_vectors(p);
	for (unsigned int i = 0; i < 8; i++)
		if (p->mmx[i] != p->ours.mmx[i])
			fail_msg("%d-bit%s: mm%u: ours %llx, Unicorn %llx", 16 << p->mode,
				 hex(bytes, len), i, (unsigned long long)p->ours.mmx[i],
				 (unsigned long long)p->mmx[i]);
	for (unsigned int i = 0; i < gpr_count(p); i++)
		if (memcmp(p->xmm[i], p->ours.ymm[i], 16))
			fail_msg("%d-bit%s: xmm%u: ours %llx %llx, Unicorn %llx %llx",
				 16 << p->mode, hex(bytes, len), i,
				 (unsigned long long)p->ours.ymm[i][1],
				 (unsigned long long)p->ours.ymm[i][0],
				 (unsigned long long)p->xmm[i][1],
				 (unsigned long long)p->xmm[i][0]);
}
