/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands that are longer than a device's registers, or lie on two pages: one of memory and one where
 * there is nothing, which reads as all ones and swallows writes on Sill. And faults of such operands.
 */
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/mmio.h"

/* Where a machine has neither memory nor devices. */
#define HOLE 0xe0000000ul
#define ONES (~0ul)
#define BEFORE 0x1122334455667788ul
#define CPUID_MOVBE BIT(22)
#define CPUID_AVX BIT(28)

/* Memory on one page and nothing on the other: low is below high. */
static u8 *memory;
static u64 low, high;

static void map(u64 first, u64 second)
{
	pt_map(TEST_VA, first, 1);
	pt_map(TEST_VA + 4096, second, 1);
	low = TEST_VA;
	high = TEST_VA + 4096;
}

static u64 ram_entry(void)
{
	return (uintptr_t)memory | PTE_P | PTE_W;
}

#define HOLE_ENTRY (HOLE | PTE_P | PTE_W | PTE_PCD)

static u64 load(u64 at)
{
	u64 value;

	memcpy(&value, memory + at, 8);
	return value;
}

static void fill(void)
{
	for (u32 i = 0; i < 4096; i++)
		memory[i] = (u8)(i * 7 + 3);
}

/* What a load of size bytes sees at address at, of which the first kept bytes are memory's. */
static void test_loads(void)
{
	u64 value;

	map(ram_entry(), HOLE_ENTRY);
	fill();
	for (u32 in_memory = 1; in_memory < 8; in_memory++) {
		u64 want = load(4088) >> 8 * (8 - in_memory) | ONES << 8 * in_memory;

		asm volatile("movq (%1), %0" : "=r"(value) : "r"(high - in_memory) : "memory");
		tap_eq(value, want, "a load with %u bytes in memory, then nothing", in_memory);
	}
	map(HOLE_ENTRY, ram_entry());
	for (u32 in_hole = 1; in_hole < 8; in_hole++) {
		u64 want = load(0) << 8 * in_hole | ONES >> 8 * (8 - in_hole);

		asm volatile("movq (%1), %0" : "=r"(value) : "r"(high - in_hole) : "memory");
		tap_eq(value, want, "a load with %u bytes of nothing, then memory", in_hole);
	}
}

static void test_stores(void)
{
	map(ram_entry(), HOLE_ENTRY);
	for (u32 in_memory = 1; in_memory < 8; in_memory++) {
		u64 keep = ONES >> 8 * in_memory;
		u64 old, want;

		fill();
		old = load(4088);
		want = (old & keep) | BEFORE << 8 * (8 - in_memory);
		asm volatile("movq %1, (%0)" : : "r"(high - in_memory), "r"(BEFORE) : "memory");
		tap_eq(load(4088), want, "a store with %u bytes in memory", in_memory);
	}
	fill();
	asm volatile("lock addq %1, (%0)" : : "r"(high - 4), "r"(1ul) : "memory", "cc");
	tap_eq(load(4088) >> 32, (load(4080) >> 32) + 0x38383839, "lock add, half of it in memory");
}

/* Of 16 and 32 bytes. */
static void test_vectors(void)
{
	u64 value[4] = { 0 };

	map(ram_entry(), HOLE_ENTRY);
	fill();
	asm volatile("movups (%0), %%xmm12; movups %%xmm12, (%1)"
		     :
		     : "r"(high - 8), "r"(value)
		     : "memory");
	tap_ok(value[0] == load(4088) && value[1] == ONES, "movups from memory and nothing");
	value[0] = BEFORE;
	asm volatile("movdqu (%1), %%xmm9; movdqu %%xmm9, (%0)"
		     :
		     : "r"(high - 8), "r"(value)
		     : "memory");
	tap_eq(load(4088), BEFORE, "movdqu to memory and nothing");
	asm volatile("movq %2, %%xmm2; movhps (%1), %%xmm2; movups %%xmm2, (%0)"
		     :
		     : "r"(value), "r"(high), "r"(BEFORE)
		     : "memory");
	tap_ok(value[0] == BEFORE && value[1] == ONES, "movhps from nothing");
	if (!(cpuid(1, 0).c & CPUID_AVX)) {
		tap_skip("the CPU has no AVX", "vmovups of 32 bytes from memory and nothing");
		tap_skip("the CPU has no AVX", "vmovdqa of 16 bytes clears the rest");
		return;
	}
	write_cr4(read_cr4() | CR4_OSXSAVE);
	try_xsetbv(0, 7);
	asm volatile("vmovups (%0), %%ymm8; vmovups %%ymm8, (%1)"
		     :
		     : "r"(high - 24), "r"(value)
		     : "memory");
	tap_ok(value[0] == load(4072) && value[2] == BEFORE && value[3] == ONES,
	       "vmovups of 32 bytes from memory and nothing");
	asm volatile("vmovdqa (%0), %%xmm8; vmovups %%ymm8, (%1)"
		     :
		     : "r"(high), "r"(value)
		     : "memory");
	tap_ok(value[0] == ONES && value[1] == ONES && value[2] == 0 && value[3] == 0,
	       "vmovdqa of 16 bytes clears the rest");
}

/* The first page exits, and then the second cannot be had. */
static void test_faults(void)
{
	static const struct {
		u64 second;
		u32 error;
	} cases[] = { { 0, PF_W }, { HOLE | PTE_P, PF_P | PF_W } };

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		map(HOLE_ENTRY, cases[i].second);
		tap_eq(TRY_INSN_REG("movups %%xmm0, (%0)", high - 8), VEC_PF,
		       "movups to nothing and a page that refuses: #PF");
		tap_eq(trap.cr2, high, "the address is the second page's");
		tap_eq(trap.error, cases[i].error, "the error code says write");
		tap_eq(TRY_INSN_REG("lock incq (%0)", high - 3), VEC_PF, "lock inc: #PF");
		tap_eq(trap.error, cases[i].error, "the error code says write");
	}
	map(HOLE_ENTRY, HOLE_ENTRY);
	tap_eq(TRY_INSN_REG("movaps (%0), %%xmm0", low + 8), VEC_GP, "movaps, not aligned: #GP");
	tap_eq(TRY_INSN_REG("movntdq %%xmm0, (%0)", low + 4), VEC_GP, "movntdq, not aligned: #GP");
	tap_eq(TRY_INSN_REG("lock; movl %%eax, (%0)", low), VEC_UD, "lock mov: #UD");
}

static void test_cmpxchg16b(void)
{
	u64 a = 1, d = 2;
	u8 same;

	map(HOLE_ENTRY, HOLE_ENTRY);
	asm volatile("lock cmpxchg16b (%3); sete %0"
		     : "=q"(same), "+a"(a), "+d"(d)
		     : "r"(low), "b"(3ul), "c"(4ul)
		     : "memory", "cc");
	tap_ok(!same && a == ONES && d == ONES, "cmpxchg16b of nothing: other than 1 and 2");
	asm volatile("lock cmpxchg16b (%3); sete %0"
		     : "=q"(same), "+a"(a), "+d"(d)
		     : "r"(low), "b"(3ul), "c"(4ul)
		     : "memory", "cc");
	tap_ok(same && a == ONES && d == ONES, "and then the same");
	a = d = ONES;
	asm volatile("lock cmpxchg8b (%3); sete %0"
		     : "=q"(same), "+a"(a), "+d"(d)
		     : "r"(low + 8), "b"(3ul), "c"(4ul)
		     : "memory", "cc");
	tap_ok(same, "cmpxchg8b of nothing: all ones");
	tap_eq(TRY_INSN_REG("lock cmpxchg16b (%0)", low + 8), VEC_GP,
	       "cmpxchg16b, not aligned: #GP");
}

static void test_stack(void)
{
	u64 value = 0;

	map(ram_entry(), HOLE_ENTRY);
	asm volatile("pushq (%1); popq %0" : "=r"(value) : "r"(high) : "memory");
	tap_eq(value, ONES, "push of nothing");
	asm volatile("pushq %0; popq (%1)" : : "r"(value), "r"(high + 8) : "memory");
	tap_ok(true, "pop to nothing");
	asm volatile("mov %%rsp, %%rbx; lea 4(%1), %%rsp; push %2; mov %%rsp, %0; mov %%rbx, %%rsp"
		     : "=&r"(value)
		     : "r"(high), "r"(BEFORE)
		     : "rbx", "memory");
	tap_eq(value, high - 4, "push to memory and nothing");
	tap_eq(load(4088) >> 32, BEFORE & 0xffffffff, "its half in memory");
}

/* Many elements at once, over the pages' border. */
static void test_strings(void)
{
	u64 si = TEST_VA + 4096 - 64, di, cx = 16, ax = ONES;
	u64 buf[16] = { 0 };

	map(ram_entry(), HOLE_ENTRY);
	fill();
	di = (uintptr_t)buf;
	asm volatile("rep movsq" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	tap_ok(cx == 0 && si == high + 64 && di == (uintptr_t)(buf + 16), "rep movs from both");
	tap_ok(buf[0] == load(4032) && buf[7] == load(4088) && buf[8] == ONES && buf[15] == ONES,
	       "all have arrived");
	di = high - 64;
	cx = 1024;
	asm volatile("rep stosl" : "+D"(di), "+c"(cx) : "a"(0x01020304) : "memory");
	tap_ok(cx == 0 && di == high - 64 + 4096, "rep stos over both, more than is done at once");
	tap_eq(load(4088), 0x0102030401020304, "the last one in memory");
	di = high - 64;
	cx = 4096;
	asm volatile("repne scasb" : "+D"(di), "+c"(cx) : "a"(ax) : "memory", "cc");
	tap_eq(di, high + 1, "repne scas finds where nothing begins");
	di = high;
	si = high + 8;
	cx = 256;
	asm volatile("repe cmpsq" : "+S"(si), "+D"(di), "+c"(cx) : : "memory", "cc");
	tap_eq(cx, 0, "repe cmps: nothing is like nothing");
}

static void test_movbe(void)
{
	u64 value = 0;

	if (!(cpuid(1, 0).c & CPUID_MOVBE)) {
		tap_skip("the CPU has none", "movbe");
		return;
	}
	map(ram_entry(), HOLE_ENTRY);
	fill();
	asm volatile("movbe (%1), %0" : "=r"(value) : "r"(high - 4) : "memory");
	tap_eq(value, 0xffffffff | (u64)__builtin_bswap32((u32)(load(4088) >> 32)) << 32, "movbe");
}

void test_wide(void)
{
	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "operands on two pages");
		return;
	}
	memory = page_alloc();
	test_loads();
	test_stores();
	test_vectors();
	test_faults();
	test_cmpxchg16b();
	test_stack();
	test_strings();
	test_movbe();
}
