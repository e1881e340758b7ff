/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions on device memory: each form is executed on ordinary memory and on a register of
 * the local APIC that holds 32 bits (the timer's initial count), and must do the same. Built
 * for 64-bit and 32-bit mode.
 */
#include "tests/guest/mmio.h"

#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#ifdef __x86_64__
#define SI "%%rsi"
#define DI "%%rdi"
#define CX "%%rcx"
#else
#define SI "%%esi"
#define DI "%%edi"
#define CX "%%ecx"
#endif

/* What an instruction can change. */
struct state {
	ulong ax, cx, si, di, flags;
	u32 mem, other;
};

/* One instruction form. di points at the operand, si at a word of ordinary memory. */
struct form {
	const char *text;
	void (*run)(struct state *s);
	u32 flags; /* those it defines */
};

#define ARITH FLAGS_ARITH
#define LOGIC (FLAGS_ARITH & ~0x10) /* AF is undefined */
#define BITOP (FLAGS_CF | FLAGS_ZF)

#define FORM(name, insn)                                                                           \
	static void name(struct state *s)                                                          \
	{                                                                                          \
		asm volatile("push %4; popf\n" insn "\npushf; pop %4\n"                            \
			     : "+a"(s->ax), "+c"(s->cx), "+S"(s->si), "+D"(s->di), "+&b"(s->flags) \
			     :                                                                     \
			     : "memory", "cc");                                                    \
	}

FORM(mov_load, "movl (" DI "), %%eax")
FORM(mov_store, "movl %%eax, (" DI ")")
FORM(mov_imm, "movl $0x89abcdef, (" DI ")")
FORM(mov_store_disp8, "sub $0x40, " DI "; movl %%eax, 0x40(" DI "); add $0x40, " DI)
FORM(mov_load_disp32, "sub $0x12340, " DI "; movl 0x12340(" DI "), %%eax; add $0x12340, " DI)
FORM(mov_store_disp32, "add $0x12340, " DI "; movl %%ecx, -0x12340(" DI "); sub $0x12340, " DI)
FORM(mov_sib, "sub $32, " DI "; mov $4, %%ecx; movl %%eax, (" DI ", " CX ", 8); add $32, " DI)
FORM(mov_sib_disp, "mov $2, %%ecx; sub $24, " DI "; movl 16(" DI ", " CX ", 4), %%eax;"
		   "add $24, " DI)
FORM(xchg, "xchgl %%eax, (" DI ")")
FORM(add_mr, "addl %%eax, (" DI ")")
FORM(add_rm, "addl (" DI "), %%eax")
FORM(add_i8, "addl $-3, (" DI ")")
FORM(add_i32, "addl $0x7fffffff, (" DI ")")
FORM(sub_mr, "subl %%eax, (" DI ")")
FORM(sub_rm, "subl (" DI "), %%eax")
FORM(sub_i8, "subl $0x11, (" DI ")")
FORM(and_mr, "andl %%eax, (" DI ")")
FORM(and_rm, "andl (" DI "), %%eax")
FORM(and_i8, "andl $-16, (" DI ")")
FORM(and_i32, "andl $0xf0f0f0f0, (" DI ")")
FORM(or_mr, "orl %%eax, (" DI ")")
FORM(or_rm, "orl (" DI "), %%eax")
FORM(or_i8, "orl $0x55, (" DI ")")
FORM(or_i32, "lock orl $0x81234567, (" DI ")")
FORM(xor_mr, "xorl %%eax, (" DI ")")
FORM(xor_rm, "xorl (" DI "), %%eax")
FORM(xor_i8, "xorl $-1, (" DI ")")
FORM(cmp_mr, "cmpl %%eax, (" DI ")")
FORM(cmp_rm, "cmpl (" DI "), %%eax")
FORM(cmp_i8, "cmpl $0x7f, (" DI ")")
FORM(cmp_i32, "cmpl $0x12345678, (" DI ")")
FORM(test_mr, "testl %%eax, (" DI ")")
FORM(test_i32, "testl $0x80000000, (" DI ")")
FORM(inc_m, "incl (" DI ")")
FORM(dec_m, "decl (" DI ")")
FORM(not_m, "notl (" DI ")")
FORM(neg_m, "negl (" DI ")")
FORM(bt_i, "btl $5, (" DI ")")
FORM(bts_i, "btsl $31, (" DI ")")
FORM(btr_i, "btrl $3, (" DI ")")
FORM(btc_i, "btcl $7, (" DI ")")
FORM(bts_r, "mov $9, %%ecx; lock btsl %%ecx, (" DI ")")
FORM(btr_r, "mov $3, %%ecx; btrl %%ecx, (" DI ")")
FORM(stos, "stosl")
FORM(stos_down, "std; stosl; cld")
FORM(rep_stos, "mov $1, %%ecx; rep stosl")
FORM(rep_stos_none, "mov $0, %%ecx; rep stosl")
FORM(movs_to, "movsl")
FORM(movs_from, "xchg " SI ", " DI "; movsl; xchg " SI ", " DI)
FORM(rep_movs_to, "mov $1, %%ecx; rep movsl")
FORM(lods, "xchg " SI ", " DI "; lodsl; xchg " SI ", " DI)
FORM(rep_lods, "mov $1, %%ecx; xchg " SI ", " DI "; rep lodsl; xchg " SI ", " DI)
FORM(cmps, "cmpsl")
FORM(repe_scas, "mov $1, %%ecx; repe scasl")
FORM(adc_mr, "adcl %%eax, (" DI ")")
FORM(adc_rm, "adcl (" DI "), %%eax")
FORM(sbb_i32, "sbbl $0x12345678, (" DI ")")
FORM(xadd, "lock xaddl %%eax, (" DI ")")
FORM(cmpxchg, "mov $0x5a5a5a5a, %%ecx; lock cmpxchgl %%ecx, (" DI ")")
FORM(shl_1, "shll $1, (" DI ")")
FORM(sar_cl, "mov $1, %%ecx; sarl %%cl, (" DI ")")
FORM(rcr_1, "rcrl $1, (" DI ")")
FORM(shld_1, "shldl $1, %%eax, (" DI ")")
FORM(imul_rm, "imull (" DI "), %%eax")
FORM(imul_i8, "imull $-5, (" DI "), %%eax")
FORM(cmov, "cmovcl (" DI "), %%eax")
FORM(bsf, "mov $0, %%eax; bsfl (" DI "), %%eax")
FORM(btc_far, "lea -16(" DI "), " DI "; mov $133, %%ecx; btcl %%ecx, (" DI ");"
	      "lea 16(" DI "), " DI)
FORM(bt_behind, "lea 16(" DI "), " DI "; mov $-124, %%ecx; btl %%ecx, (" DI ");"
		"lea -16(" DI "), " DI)
FORM(movnti, "movnti %%eax, (" DI ")")
FORM(movd_load, "movd (" DI "), %%xmm1; movd %%xmm1, %%eax")
FORM(movd_store, "movd %%eax, %%xmm7; movd %%xmm7, (" DI ")")
FORM(movss_load, "movss (" DI "), %%xmm0; movd %%xmm0, %%eax")
FORM(movss_store, "movd %%eax, %%xmm3; movss %%xmm3, (" DI ")")
FORM(mmx_load, "movd (" DI "), %%mm5; movd %%mm5, %%eax; emms")
FORM(mmx_store, "movd %%eax, %%mm2; movd %%mm2, (" DI "); emms")
#ifndef __x86_64__
FORM(push_m, "pushl (%%edi); popl %%eax")
FORM(pop_m, "pushl %%eax; popl (%%edi)")
FORM(push_to, "lea 4(%%edi), %%edi; xchg %%esp, %%edi; pushl %%eax; xchg %%esp, %%edi")
FORM(pop_from, "xchg %%esp, %%edi; popl %%eax; xchg %%esp, %%edi; lea -4(%%edi), %%edi")
#endif

/* A load at another displacement would touch another register: 16 bytes lie between them. */
static const struct form forms[] = {
	{ "mov (mem), eax", mov_load, ARITH },
	{ "mov eax, (mem)", mov_store, ARITH },
	{ "mov imm32, (mem)", mov_imm, ARITH },
	{ "mov eax, disp8(mem)", mov_store_disp8, 0 },
	{ "mov disp32(mem), eax", mov_load_disp32, 0 },
	{ "mov ecx, disp32(mem)", mov_store_disp32, 0 },
	{ "mov eax, (mem, ecx, 8)", mov_sib, 0 },
	{ "mov disp8(mem, ecx, 4), eax", mov_sib_disp, 0 },
	{ "xchg eax, (mem)", xchg, ARITH },
	{ "add eax, (mem)", add_mr, ARITH },
	{ "add (mem), eax", add_rm, ARITH },
	{ "add imm8, (mem)", add_i8, ARITH },
	{ "add imm32, (mem)", add_i32, ARITH },
	{ "sub eax, (mem)", sub_mr, ARITH },
	{ "sub (mem), eax", sub_rm, ARITH },
	{ "sub imm8, (mem)", sub_i8, ARITH },
	{ "and eax, (mem)", and_mr, LOGIC },
	{ "and (mem), eax", and_rm, LOGIC },
	{ "and imm8, (mem)", and_i8, LOGIC },
	{ "and imm32, (mem)", and_i32, LOGIC },
	{ "or eax, (mem)", or_mr, LOGIC },
	{ "or (mem), eax", or_rm, LOGIC },
	{ "or imm8, (mem)", or_i8, LOGIC },
	{ "lock or imm32, (mem)", or_i32, LOGIC },
	{ "xor eax, (mem)", xor_mr, LOGIC },
	{ "xor (mem), eax", xor_rm, LOGIC },
	{ "xor imm8, (mem)", xor_i8, LOGIC },
	{ "cmp eax, (mem)", cmp_mr, ARITH },
	{ "cmp (mem), eax", cmp_rm, ARITH },
	{ "cmp imm8, (mem)", cmp_i8, ARITH },
	{ "cmp imm32, (mem)", cmp_i32, ARITH },
	{ "test eax, (mem)", test_mr, LOGIC },
	{ "test imm32, (mem)", test_i32, LOGIC },
	{ "inc (mem)", inc_m, ARITH },
	{ "dec (mem)", dec_m, ARITH },
	{ "not (mem)", not_m, ARITH },
	{ "neg (mem)", neg_m, ARITH },
	{ "bt imm8, (mem)", bt_i, BITOP },
	{ "bts imm8, (mem)", bts_i, BITOP },
	{ "btr imm8, (mem)", btr_i, BITOP },
	{ "btc imm8, (mem)", btc_i, BITOP },
	{ "lock bts ecx, (mem)", bts_r, BITOP },
	{ "btr ecx, (mem)", btr_r, BITOP },
	{ "stos", stos, ARITH },
	{ "stos downwards", stos_down, ARITH },
	{ "rep stos", rep_stos, ARITH },
	{ "rep stos with ecx 0", rep_stos_none, ARITH },
	{ "movs to mem", movs_to, ARITH },
	{ "movs from mem", movs_from, ARITH },
	{ "rep movs to mem", rep_movs_to, ARITH },
	{ "lods from mem", lods, ARITH },
	{ "rep lods from mem", rep_lods, ARITH },
	{ "cmps", cmps, ARITH },
	{ "repe scas", repe_scas, ARITH },
	{ "adc eax, (mem)", adc_mr, ARITH },
	{ "adc (mem), eax", adc_rm, ARITH },
	{ "sbb imm32, (mem)", sbb_i32, ARITH },
	{ "lock xadd eax, (mem)", xadd, ARITH },
	{ "lock cmpxchg ecx, (mem)", cmpxchg, ARITH },
	{ "shl 1, (mem)", shl_1, LOGIC },
	{ "sar cl, (mem)", sar_cl, LOGIC },
	{ "rcr 1, (mem)", rcr_1, ARITH },
	{ "shld 1, eax, (mem)", shld_1, LOGIC },
	{ "imul (mem), eax", imul_rm, FLAGS_CF },
	{ "imul imm8, (mem), eax", imul_i8, FLAGS_CF },
	{ "cmovc (mem), eax", cmov, ARITH },
	{ "bsf (mem), eax", bsf, FLAGS_ZF },
	{ "btc ecx, (mem): a bit that lies behind", btc_far, BITOP },
	{ "bt ecx, (mem): a bit that lies before", bt_behind, BITOP },
	{ "movnti eax, (mem)", movnti, ARITH },
	{ "movd (mem), xmm", movd_load, ARITH },
	{ "movd xmm, (mem)", movd_store, ARITH },
	{ "movss (mem), xmm", movss_load, ARITH },
	{ "movss xmm, (mem)", movss_store, ARITH },
	{ "movd (mem), mm", mmx_load, ARITH },
	{ "movd mm, (mem)", mmx_store, ARITH },
#ifndef __x86_64__
	{ "push (mem)", push_m, ARITH },
	{ "pop (mem)", pop_m, ARITH },
	{ "push to mem", push_to, ARITH },
	{ "pop from mem", pop_from, ARITH },
#endif
};

#define REG (LAPIC_BASE + LAPIC_TIMER_INIT)

/* Run a form on the word at addr; si and di are made relative, so that runs compare. */
static struct state run(const struct form *form, volatile u32 *addr, u32 mem, u32 ax)
{
	static u32 other;
	struct state s = {
		.ax = ax,
		.cx = 0x1234,
		.si = (ulong)&other,
		.di = (ulong)addr,
		.flags = 2 | (ax & FLAGS_ARITH),
	};

	other = 0x600df00d;
	*addr = mem;
	form->run(&s);
	s.mem = *addr;
	s.other = other;
	s.si -= (ulong)&other;
	s.di -= (ulong)addr;
	s.flags &= form->flags;
	return s;
}

static bool same(const struct state *a, const struct state *b)
{
	return a->ax == b->ax && a->cx == b->cx && a->si == b->si && a->di == b->di &&
	       a->flags == b->flags && a->mem == b->mem && a->other == b->other;
}

static void diag_state(const char *where, const struct state *s)
{
	tap_diag("%s: ax %lx cx %lx si %lx di %lx flags %lx mem %x other %x", where, s->ax, s->cx,
		 s->si, s->di, s->flags, s->mem, s->other);
}

static void test_form(const struct form *form)
{
	static const u32 values[][2] = { { 0x80000001, 0x7fffffff },
					 { 0, 0 },
					 { 0xffffffff, 1 },
					 { 0x12345678, 0x12345678 },
					 { 0x8c5, 0x8d5 } };
	static volatile u32 ram;
	bool right = true;

	for (u32 i = 0; i < ARRAY_SIZE(values) && right; i++) {
		struct state want = run(form, &ram, values[i][0], values[i][1]);
		struct state got = run(form, (volatile u32 *)(ulong)REG, values[i][0],
				       values[i][1]);

		right = same(&want, &got);
		if (!right) {
			diag_state("memory", &want);
			diag_state("device", &got);
		}
	}
	tap_ok(right, "%s", form->text);
}

/*
 * Parts of a register are not defined by the APIC, but what an instruction does with them is:
 * zero or sign extension, and nothing else.
 */
static void test_extension(void)
{
	const void *reg = (void *)(ulong)(LAPIC_BASE + LAPIC_VERSION);
	u32 zx8 = 0, zx16 = 0;
	s32 sx8 = 0, sx16 = 0;

	asm volatile("movzbl (%1), %0" : "=r"(zx8) : "r"(reg));
	tap_eq(zx8 >> 8, 0, "movzx from a byte");
	asm volatile("movzwl (%1), %0" : "=r"(zx16) : "r"(reg));
	tap_eq(zx16 >> 16, 0, "movzx from a word");
	asm volatile("movsbl (%1), %0" : "=r"(sx8) : "r"(reg));
	tap_ok(sx8 == (s8)sx8, "movsx from a byte");
	asm volatile("movswl (%1), %0" : "=r"(sx16) : "r"(reg));
	tap_ok(sx16 == (s16)sx16, "movsx from a word");
}

static void test_direct(void)
{
	u32 value;

	lapic_write(LAPIC_TIMER_INIT, 0x13572468);
#ifdef __x86_64__
	asm volatile("movabsl 0xfee00380, %%eax" : "=a"(value));
	tap_eq(value, 0x13572468, "mov moffs, eax");
	asm volatile("movabsl %%eax, 0xfee00380" : : "a"(0x24681357) : "memory");
#else
	asm volatile(".byte 0xa1; .long 0xfee00380" : "=a"(value));
	tap_eq(value, 0x13572468, "mov moffs, eax");
	asm volatile(".byte 0xa3; .long 0xfee00380" : : "a"(0x24681357) : "memory");
#endif
	tap_eq(lapic_read(LAPIC_TIMER_INIT), 0x24681357, "mov eax, moffs");
}

void guest_main(void)
{
	lapic_enable();
	write_cr4(read_cr4() | CR4_OSFXSR);
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++)
		test_form(&forms[i]);
	test_extension();
	test_direct();
#ifdef __x86_64__
	test_mmio64();
#else
	test_segments();
#endif
	lapic_write(LAPIC_TIMER_INIT, 0);
}
