/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For test_interp*.c: the interpreter over a flat memory of a little more than 1 MiB, with failing
 * accesses on demand, and the state of real and of flat protected mode to start from.
 */
#pragma once

#include "host.h"

#include <stdio.h>
#include <string.h>

#include "arch/cpu.h"
#include "lib/err.h"
#include "vm/desc.h"
#include "vm/interp.h"
#include "vm/operand.h"

#define MEMORY_SIZE 0x120000u
#define FAILED (-77) /* what an access outside of memory returns */
#define MAX_WRITES 64

static u64 seed = 0x1a7e;

static inline u64 random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static inline u64 random_below(u64 n)
{
	return (random_u64() >> 20) % n;
}

struct machine {
	u8 memory[MEMORY_SIZE] __aligned(4096);
	struct vcpu_regs regs;
	struct interp in;
	unsigned int reads, writes, fetches;
	u64 fail_from, fail_to; /* linear addresses that fail */
	unsigned int fetch_max; /* no more bytes at once; 0: all */
	unsigned int probes, pairs;
	unsigned int read_bytes, written_bytes;
	u64 mmx[8], ymm[16][4];
	unsigned int how; /* all the access rights asked for in the last step, or'ed */
	struct {
		u64 at, old;
		unsigned int size;
	} undo[MAX_WRITES];
};

static bool fails(const struct machine *m, u64 linear, unsigned int size)
{
	if (linear >= MEMORY_SIZE || size > MEMORY_SIZE - linear)
		return true;
	return linear < m->fail_to && linear + size > m->fail_from;
}

static int memory_read(void *ctx, u64 linear, unsigned int size, u64 *value, unsigned int how)
{
	struct machine *m = ctx;

	m->reads++;
	m->read_bytes += size;
	m->how |= how;
	if (fails(m, linear, size))
		return FAILED;
	*value = ~0ull; /* what is above size must not matter */
	memcpy(value, m->memory + linear, size);
	return 0;
}

static int memory_write(void *ctx, u64 linear, unsigned int size, u64 value, unsigned int how)
{
	struct machine *m = ctx;
	unsigned int n = m->writes++ % MAX_WRITES;

	m->written_bytes += size;
	m->how |= how;
	m->undo[n].size = 0;
	if (fails(m, linear, size))
		return FAILED;
	m->undo[n].at = linear;
	m->undo[n].size = size;
	memcpy(&m->undo[n].old, m->memory + linear, size);
	memcpy(m->memory + linear, &value, size);
	return 0;
}

static int memory_probe(void *ctx, u64 linear, unsigned int size, unsigned int how)
{
	struct machine *m = ctx;

	m->probes++;
	m->how |= how;
	assert_true(size == 16 || size == 32);
	return fails(m, linear, size) ? FAILED : 0;
}

static int memory_replace_pair(void *ctx, u64 linear, u64 old[2], const u64 value[2], bool *same,
			       unsigned int how)
{
	struct machine *m = ctx;
	u64 got[2];

	m->pairs++;
	assert_int_equal(linear % 16, 0);
	if (memory_read(ctx, linear, 8, &got[0], how) ||
	    memory_read(ctx, linear + 8, 8, &got[1], how))
		return FAILED;
	*same = got[0] == old[0] && got[1] == old[1];
	memcpy(old, got, sizeof(got));
	memcpy(got, *same ? value : got, sizeof(got));
	return memory_write(ctx, linear, 8, got[0], how) ||
	       memory_write(ctx, linear + 8, 8, got[1], how);
}

static u64 *vector_place(struct machine *m, unsigned int size, unsigned int reg)
{
	assert_true(size == 8 ? reg < 8 : (size == 16 || size == 32) && reg < 16);
	return size == 8 ? &m->mmx[reg] : m->ymm[reg];
}

static void vector_read(void *ctx, unsigned int size, unsigned int reg, u64 *value)
{
	memcpy(value, vector_place(ctx, size, reg), size);
}

static void vector_write(void *ctx, unsigned int size, unsigned int reg, const u64 *value)
{
	memcpy(vector_place(ctx, size, reg), value, size);
}

static int memory_fetch(void *ctx, u64 linear, u8 *bytes, size_t *len)
{
	struct machine *m = ctx;
	size_t n = 0;

	m->fetches++;
	assert_true(*len >= 1 && *len <= INSN_MAX_LEN);
	while (n < *len && (!m->fetch_max || n < m->fetch_max) && !fails(m, linear + n, 1)) {
		bytes[n] = m->memory[linear + n];
		n++;
	}
	*len = n;
	return n ? 0 : FAILED;
}

static const struct interp_ops machine_ops = {
	.read = memory_read,
	.write = memory_write,
	.probe = memory_probe,
	.replace_pair = memory_replace_pair,
	.vector_read = vector_read,
	.vector_write = vector_write,
	.fetch = memory_fetch,
};

static inline enum interp_result step(struct machine *m)
{
	m->reads = m->writes = m->fetches = m->probes = m->pairs = m->how = 0;
	m->read_bytes = m->written_bytes = 0;
	return interp_step(&m->in);
}

/* Take back what the last step wrote. */
static inline void unwrite(struct machine *m)
{
	assert_true(m->writes <= MAX_WRITES);
	while (m->writes--)
		memcpy(m->memory + m->undo[m->writes].at, &m->undo[m->writes].old,
		       m->undo[m->writes].size);
	m->writes = 0;
}

static void reset(struct machine *m)
{
	memset(&m->regs, 0, sizeof(m->regs));
	memset(&m->in, 0, sizeof(m->in));
	m->regs.rflags = RFLAGS_FIXED;
	m->fail_from = m->fail_to = m->fetch_max = 0;
	m->in.regs = &m->regs;
	m->in.ctx = m;
	m->in.ops = &machine_ops;
	m->in.idtr.limit = 0x3ff;
	m->in.cr0 = CR0_ET;
	m->in.cr4 = CR4_OSFXSR;
	m->in.leaf1_ecx = m->in.leaf7_ebx = m->in.ext1_ecx = ~0u;
	m->in.seg[SEG_LDTR] = (struct segment){ .attr = 0x82 };
	m->in.seg[SEG_TR] = (struct segment){ .attr = 0x8b };
}

static inline void put_seg(struct machine *m, unsigned int seg, u16 selector, u16 attr, u32 limit,
			   u64 base)
{
	m->in.seg[seg] = (struct segment){
		.selector = selector, .attr = attr, .limit = limit, .base = base
	};
}

/* Real mode, all segments at selectors of their own. */
static inline void real_mode(struct machine *m)
{
	reset(m);
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		put_seg(m, i, (u16)(0x100 * i + 0x11), i == SEG_CS ? 0x9b : 0x93, 0xffff,
			0x1000 * i + 0x110);
}

#define GDT 0x8000u
#define IDT 0x9000u
#define LDT 0xa000u
#define TSS 0xb000u

/* Selectors of the flat GDT. */
#define SEL_CODE 0x08u
#define SEL_DATA 0x10u
#define SEL_CODE3 0x1bu
#define SEL_DATA3 0x23u
#define SEL_TSS 0x28u
#define SEL_LDT 0x30u
#define SEL_FREE 0x38u /* and the next ones: for the test to fill */

static inline void put_u64(struct machine *m, u64 at, u64 value)
{
	memcpy(m->memory + at, &value, 8);
}

static inline void put_u32(struct machine *m, u64 at, u32 value)
{
	memcpy(m->memory + at, &value, 4);
}

static inline u32 get_u32(const struct machine *m, u64 at)
{
	u32 value;

	memcpy(&value, m->memory + at, 4);
	return value;
}

static inline u16 get_u16(const struct machine *m, u64 at)
{
	return (u16)get_u32(m, at);
}

/* attr as in struct segment; limit in bytes, or in pages with G (0x800). */
static inline u64 make_desc(u32 base, u32 limit, u32 attr)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(attr & 0xff) << 40 |
	       (u64)(limit >> 16 & 0xf) << 48 | (u64)(attr >> 8 & 0xf) << 52 |
	       (u64)(base >> 24) << 56;
}

static inline u64 make_gate(u32 selector, u32 offset, u32 attr)
{
	return (offset & 0xffff) | (u64)selector << 16 | (u64)attr << 40 |
	       (u64)(offset >> 16) << 48;
}

/* Flat protected mode at privilege level cpl, with GDT, IDT, LDT and TSS. */
static inline void protected_mode(struct machine *m, unsigned int cpl)
{
	u16 dpl = (u16)(cpl << 5);

	reset(m);
	put_u64(m, GDT, 0);
	put_u64(m, GDT + SEL_CODE, make_desc(0, 0xfffff, 0xc9b));
	put_u64(m, GDT + SEL_DATA, make_desc(0, 0xfffff, 0xc93));
	put_u64(m, GDT + (SEL_CODE3 & ~7u), make_desc(0, 0xfffff, 0xcfb));
	put_u64(m, GDT + (SEL_DATA3 & ~7u), make_desc(0, 0xfffff, 0xcf3));
	put_u64(m, GDT + SEL_TSS, make_desc(TSS, 0x67, 0x8b));
	put_u64(m, GDT + SEL_LDT, make_desc(LDT, 0x7f, 0x82));
	m->in.cr0 |= CR0_PE;
	m->in.gdtr = (struct interp_table){ .base = GDT, .limit = 0xff };
	m->in.idtr = (struct interp_table){ .base = IDT, .limit = 0x7ff };
	put_seg(m, SEG_LDTR, SEL_LDT, 0x82, 0x7f, LDT);
	put_seg(m, SEG_TR, SEL_TSS, 0x8b, 0x67, TSS);
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		put_seg(m, i, cpl ? SEL_DATA3 : SEL_DATA, 0xc93 | dpl, ~0u, 0);
	put_seg(m, SEG_CS, cpl ? SEL_CODE3 : SEL_CODE, 0xc9b | dpl, ~0u, 0);
	m->regs.rip = 0x1000;
	m->regs.gpr[GPR_RSP] = 0x7000;
}

/* 64-bit mode with a flat memory below, FS and GS with bases. */
static inline void long_mode(struct machine *m, unsigned int cpl)
{
	u16 dpl = (u16)(cpl << 5);

	protected_mode(m, cpl);
	m->in.cr0 |= CR0_PG;
	m->in.cr4 |= CR4_PAE;
	m->in.efer = EFER_LME | EFER_LMA;
	put_seg(m, SEG_CS, cpl ? SEL_CODE3 : SEL_CODE, 0xa9b | dpl, ~0u, 0);
	put_seg(m, SEG_FS, 0, 0xc93 | dpl, ~0u, 0x120);
	put_seg(m, SEG_GS, 0, 0xc93 | dpl, ~0u, 0x340);
}

static inline void v8086_mode(struct machine *m, unsigned int iopl)
{
	protected_mode(m, 3);
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		put_seg(m, i, (u16)(0x100 * i + 0x11), 0xf3, 0xffff, 0x1000 * i + 0x110);
	m->regs.rflags |= RFLAGS_VM | iopl << 12;
}

/* Instruction bytes to where CS:RIP is. */
static inline void put_code(struct machine *m, const void *bytes, size_t len)
{
	u64 at = (u32)(m->in.seg[SEG_CS].base + m->regs.rip);

	assert_true(at + len <= MEMORY_SIZE);
	memcpy(m->memory + at, bytes, len);
}
#define CODE(m, ...) put_code(m, (u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }))

/* Of which there are moves; the others of their prefixes are not the interpreter's. */
static inline bool is_vector_opcode(u32 map, u32 op)
{
	static const u8 opcodes[] = { 0x10, 0x11, 0x12, 0x13, 0x16, 0x17, 0x28, 0x29,
				      0x2b, 0x6e, 0x6f, 0x7e, 0x7f, 0xd6, 0xe7, 0xf0 };

	return map == 2 ? op == 0x2a : map == 1 && memchr(opcodes, (int)op, sizeof(opcodes));
}
