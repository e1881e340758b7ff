/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's segments and far transfers by the manuals: what may be loaded and with which error
 * code it may not, jumps, calls and returns, and what level 3 cannot return to.
 */
#include "interp_expect.h"

static void test_data_segments(void **state __unused)
{
	static const struct {
		u16 attr, selector;
		u8 cpl, seg, vector;
		u16 error;
	} cases[] = {
		{ 0xc93, SEL_FREE, 0, SEG_DS, NO_FAULT, 0 },
		{ 0xc92, SEL_FREE, 0, SEG_ES, NO_FAULT, 0 }, /* gets its accessed bit */
		{ 0xc90, SEL_FREE, 0, SEG_DS, NO_FAULT, 0 },
		{ 0xc9a, SEL_FREE, 0, SEG_DS, NO_FAULT, 0 },
		{ 0xc98, SEL_FREE, 0, SEG_DS, 13, SEL_FREE }, /* execute only */
		{ 0xc82, SEL_FREE, 0, SEG_DS, 13, SEL_FREE }, /* an LDT */
		{ 0xc13, SEL_FREE, 0, SEG_DS, 11, SEL_FREE },
		{ 0xc93, SEL_FREE, 3, SEG_DS, 13, SEL_FREE }, /* DPL 0 */
		{ 0xc93, SEL_FREE | 3, 0, SEG_DS, 13, SEL_FREE }, /* RPL 3 */
		{ 0xcf3, SEL_FREE | 3, 0, SEG_DS, NO_FAULT, 0 },
		{ 0xc9e, SEL_FREE | 3, 3, SEG_DS, NO_FAULT, 0 }, /* conforming */
		{ 0xc93, 0x100, 0, SEG_DS, 13, 0x100 }, /* behind the GDT */
		{ 0xc93, 0x84, 0, SEG_DS, 13, 0x84 }, /* behind the LDT */
		{ 0xc93, 0, 0, SEG_DS, NO_FAULT, 0 },
		{ 0xc93, 3, 0, SEG_DS, NO_FAULT, 0 },
		{ 0xc93, 0, 0, SEG_SS, 13, 0 },
		{ 0xc93, SEL_FREE, 0, SEG_SS, NO_FAULT, 0 },
		{ 0xc91, SEL_FREE, 0, SEG_SS, 13, SEL_FREE }, /* read only */
		{ 0xc9b, SEL_FREE, 0, SEG_SS, 13, SEL_FREE },
		{ 0xc13, SEL_FREE, 0, SEG_SS, 12, SEL_FREE },
		{ 0xcf3, SEL_FREE, 0, SEG_SS, 13, SEL_FREE },
		{ 0xc93, SEL_FREE | 3, 0, SEG_SS, 13, SEL_FREE },
		{ 0xcf3, SEL_FREE | 3, 3, SEG_SS, NO_FAULT, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		bool null = cases[i].selector < 4, accessed = cases[i].attr & 1;

		protected_mode(&m, cases[i].cpl);
		put_u64(&m, GDT + SEL_FREE, make_desc(0x12345678, 0x9abcd, cases[i].attr));
		m.regs.gpr[GPR_RAX] = cases[i].selector;
		CODE(&m, 0x8e, (u8)(0xc0 | cases[i].seg << 3));
		if (cases[i].vector != NO_FAULT) {
			FAULTS(cases[i].vector, cases[i].error);
			assert_int_equal(m.writes, 0);
			continue;
		}
		DONE();
		assert_int_equal(m.in.seg_changed, BIT(cases[i].seg));
		assert_int_equal(m.in.seg[cases[i].seg].selector, cases[i].selector);
		assert_int_equal(m.in.seg[cases[i].seg].attr, null ? 0 : cases[i].attr | 1);
		assert_int_equal(m.writes, !null && !accessed);
		if (null)
			continue;
		assert_int_equal(m.how, INTERP_SUPERVISOR);
		assert_int_equal(m.in.seg[cases[i].seg].base, 0x12345678);
		assert_int_equal(m.in.seg[cases[i].seg].limit, 0x9abcdfff);
		assert_int_equal(m.memory[GDT + SEL_FREE + 5] & 1, 1);
	}
}

static void test_real_segments(void **state __unused)
{
	real_mode(&m);
	m.in.seg[SEG_DS].limit = ~0u; /* big real mode keeps it */
	m.regs.gpr[GPR_RAX] = 0x1234;
	CODE(&m, 0x8e, 0xd8, 0xc4, 0x1f); /* MOV ds, ax; LES bx, [bx] */
	DONE();
	assert_int_equal(m.in.seg[SEG_DS].base, 0x12340);
	assert_int_equal(m.in.seg[SEG_DS].limit, ~0u);
	put_u32(&m, 0x12340, 0xabcd5678);
	DONE();
	assert_int_equal(m.regs.gpr[GPR_RBX], 0x5678);
	assert_int_equal(m.in.seg[SEG_ES].base, 0xabcd0);
	v8086_mode(&m, 0);
	m.in.seg[SEG_DS].limit = 1;
	m.in.seg[SEG_DS].attr = 0x91;
	CODE(&m, 0x8e, 0xd8);
	DONE();
	assert_int_equal(m.in.seg[SEG_DS].limit, 0xffff);
	assert_int_equal(m.in.seg[SEG_DS].attr, 0xf3);
	/* LTR and LLDT are no instructions here. */
	CODE(&m, 0x0f, 0x00, 0xd8);
	m.regs.rip -= 2;
	CODE(&m, 0x0f, 0x00, 0xd8);
	FAULTS(6, -1);
}

static void test_system_segments(void **state __unused)
{
	static const struct {
		u8 modrm;
		u16 selector, attr;
		u8 vector;
		u16 error;
	} cases[] = {
		{ 0xd8, SEL_FREE, 0x89, NO_FAULT, 0 },
		{ 0xd8, SEL_FREE, 0x81, NO_FAULT, 0 },
		{ 0xd8, SEL_FREE, 0x8b, 13, SEL_FREE },
		{ 0xd8, SEL_FREE, 0x09, 11, SEL_FREE },
		{ 0xd8, SEL_FREE, 0x99, 13, SEL_FREE },
		{ 0xd8, 0, 0x89, 13, 0 },
		{ 0xd8, 0x0c, 0x89, 13, 0x0c },
		{ 0xd0, SEL_FREE, 0x82, NO_FAULT, 0 },
		{ 0xd0, SEL_FREE, 0x02, 11, SEL_FREE },
		{ 0xd0, SEL_FREE, 0x89, 13, SEL_FREE },
		{ 0xd0, 0, 0, NO_FAULT, 0 },
		{ 0xd0, 0x0c, 0x82, 13, 0x0c },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int seg = cases[i].modrm == 0xd8 ? SEG_TR : SEG_LDTR;

		protected_mode(&m, 0);
		put_u64(&m, GDT + SEL_FREE, make_desc(0x3000, 0x67, cases[i].attr));
		m.regs.gpr[GPR_RAX] = cases[i].selector;
		CODE(&m, 0x0f, 0x00, cases[i].modrm);
		if (cases[i].vector != NO_FAULT) {
			FAULTS(cases[i].vector, cases[i].error);
			continue;
		}
		DONE();
		assert_int_equal(m.in.seg_changed, BIT(seg));
		assert_int_equal(m.in.seg[seg].selector, cases[i].selector);
		if (seg == SEG_TR)
			assert_int_equal(m.memory[GDT + SEL_FREE + 5] & 2, 2);
	}
	protected_mode(&m, 3);
	CODE(&m, 0x0f, 0x00, 0xd8);
	FAULTS(13, 0);
}

static void test_tables(void **state __unused)
{
	static const u8 image[6] = { 0x34, 0x12, 0x78, 0x56, 0xbc, 0x9a };

	real_mode(&m);
	memcpy(m.memory + m.in.seg[SEG_DS].base, image, 6);
	CODE(&m, 0x0f, 0x01, 0x17, 0x66, 0x0f, 0x01, 0x1f); /* LGDT [bx]; LIDT [bx], 32 bits */
	DONE();
	assert_true(m.in.gdtr_changed && !m.in.idtr_changed);
	assert_int_equal(m.in.gdtr.base, 0xbc5678);
	assert_int_equal(m.in.gdtr.limit, 0x1234);
	DONE();
	assert_int_equal(m.in.idtr.base, 0x9abc5678);
	CODE(&m, 0x66, 0x0f, 0x01, 0x4f, 0x10); /* SIDT [bx + 16] */
	DONE();
	assert_memory_equal(m.memory + m.in.seg[SEG_DS].base + 16, image, 6);
	protected_mode(&m, 3);
	m.regs.gpr[GPR_RBX] = 0x3000;
	CODE(&m, 0x0f, 0x01, 0x03, 0x0f, 0x01, 0x13);
	DONE();
	FAULTS(13, 0);
	m.in.cr4 = CR4_UMIP;
	m.regs.rip = 0x1000;
	FAULTS(13, 0);
}

/* JMP and CALL to code segments. */
static void test_far_transfers(void **state __unused)
{
	static const struct {
		u16 attr, selector;
		u8 cpl, vector;
		u16 error;
	} cases[] = {
		{ 0xc9a, SEL_FREE, 0, NO_FAULT, 0 },
		{ 0xc9a, SEL_FREE | 3, 0, 13, SEL_FREE },
		{ 0xc9a, SEL_FREE, 3, 13, SEL_FREE },
		{ 0xcfa, SEL_FREE, 3, NO_FAULT, 0 },
		{ 0xcfa, SEL_FREE, 0, 13, SEL_FREE },
		{ 0xc9e, SEL_FREE, 3, NO_FAULT, 0 },
		{ 0xcfe, SEL_FREE, 0, 13, SEL_FREE },
		{ 0xc1a, SEL_FREE, 0, 11, SEL_FREE },
		{ 0xc92, SEL_FREE, 0, 13, SEL_FREE },
		{ 0x08c, SEL_FREE, 0, LEFT, 0 },
		{ 0x089, SEL_FREE, 0, LEFT, 0 },
		{ 0x085, SEL_FREE, 0, LEFT, 0 },
		{ 0x082, SEL_FREE, 0, 13, SEL_FREE },
		{ 0x08e, SEL_FREE, 0, 13, SEL_FREE },
		{ 0xc9a, 0, 0, 13, 0 },
		{ 0xc9a, 0x100, 0, 13, 0x100 },
		{ 0x49a, SEL_FREE, 0, 13, 0 }, /* the limit is too low */
	};

	for (u32 i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		u32 n = i / 2, call = i & 1, old = SEL_CODE | cases[n].cpl;

		protected_mode(&m, cases[n].cpl);
		old = m.in.seg[SEG_CS].selector;
		put_u64(&m, GDT + SEL_FREE, make_desc(0x100, 0x1ff, cases[n].attr));
		CODE(&m, call ? 0x9a : 0xea, 0x34, 0x02, 0, 0, (u8)cases[n].selector,
		     (u8)(cases[n].selector >> 8));
		if (cases[n].vector == LEFT) {
			assert_int_equal(step(&m), INTERP_UNSUPPORTED);
			continue;
		}
		if (cases[n].vector != NO_FAULT) {
			FAULTS(cases[n].vector, cases[n].error);
			assert_int_equal(m.in.seg[SEG_CS].selector, old);
			continue;
		}
		DONE();
		assert_int_equal(m.regs.rip, 0x234);
		assert_int_equal(m.in.seg[SEG_CS].selector, SEL_FREE | cases[n].cpl);
		assert_int_equal(m.in.seg[SEG_CS].base, 0x100);
		assert_int_equal(m.regs.gpr[GPR_RSP], call ? 0x6ff8 : 0x7000);
		if (!call)
			continue;
		assert_int_equal(get_u32(&m, 0x6ffc), old);
		assert_int_equal(get_u32(&m, 0x6ff8), 0x1007);
		CODE(&m, 0xcb);
		DONE();
		assert_int_equal(m.in.seg[SEG_CS].selector, old);
		assert_int_equal(m.regs.rip, 0x1007);
		assert_int_equal(m.regs.gpr[GPR_RSP], 0x7000);
	}
}

/* Null selectors are refused even where the first descriptor would do. */
static void test_null_selectors(void **state __unused)
{
	static const struct {
		u32 attr;
		u8 code[7];
	} cases[] = {
		{ 0xc9b, { 0xea, 0, 0x20, 0, 0, 0, 0 } }, /* JMP 0:0x2000 */
		{ 0xc9b, { 0xcb } }, /* RETF */
		{ 0xc93, { 0x8e, 0xd0 } }, /* MOV ss, ax */
		{ 0x089, { 0x0f, 0x00, 0xd8 } }, /* LTR ax */
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		protected_mode(&m, 0);
		put_u64(&m, GDT, make_desc(0, 0xfffff, cases[i].attr));
		put_u64(&m, 0x7000, 0x2000);
		put_code(&m, cases[i].code, sizeof(cases[i].code));
		FAULTS(13, 0);
	}
}

/* PE set, and still what real mode left; then the far jump that ends it. */
static void test_enter_protected(void **state __unused)
{
	real_mode(&m);
	protected_mode(&m, 0);
	real_mode(&m);
	m.in.gdtr = (struct interp_table){ .base = GDT, .limit = 0xff };
	m.in.cr0 |= CR0_PE;
	put_seg(&m, SEG_CS, 0xf003, 0x93, 0xffff, 0x3000); /* no RPL, no code */
	assert_int_equal(interp_cpl(&m.in), 0);
	m.regs.gpr[GPR_RSP] = 0x100;
	/* PUSH ax; MOV cs:[bx], ax; JMP 8:0x3010 */
	CODE(&m, 0x50, 0x2e, 0x89, 0x07, 0x66, 0xea, 0x10, 0x30, 0, 0, 8, 0);
	DONE();
	DONE();
	CODE(&m, 0x66, 0xea, 0x10, 0x30, 0, 0, 8, 0);
	DONE();
	assert_int_equal(m.regs.rip, 0x3010);
	assert_int_equal(interp_cpl(&m.in), 0);
	m.regs.gpr[GPR_RAX] = SEL_DATA;
	CODE(&m, 0x8e, 0xd8, 0x8e, 0xd0);
	DONE();
	DONE();
	assert_int_equal(m.in.seg[SEG_SS].attr, 0xc93);
}

/* RETF 8 to level 3, and what it refuses. */
static void test_retf_outer(void **state __unused)
{
	for (u32 i = 0; i < 3; i++) {
		protected_mode(&m, 0);
		put_u32(&m, 0x7000, 0x2222);
		put_u32(&m, 0x7004, i == 1 ? SEL_CODE | 3 : SEL_CODE3);
		put_u32(&m, 0x7010, 0x6000);
		put_u32(&m, 0x7014, i == 2 ? SEL_DATA : SEL_DATA3);
		CODE(&m, 0xca, 8, 0);
		if (i) {
			FAULTS(13, i == 1 ? SEL_CODE : SEL_DATA);
			continue;
		}
		DONE();
		assert_int_equal(m.regs.rip, 0x2222);
		assert_int_equal(m.regs.gpr[GPR_RSP], 0x6008);
		assert_int_equal(interp_cpl(&m.in), 3);
		assert_int_equal(m.in.seg[SEG_DS].attr, 0);
	}
}

/* What level 3 cannot return to, and what an IRET there does not change. */
static void test_level3_returns(void **state __unused)
{
	protected_mode(&m, 3);
	put_u32(&m, 0x7000, 0x2222);
	put_u32(&m, 0x7004, SEL_CODE);
	CODE(&m, 0xcb);
	FAULTS(13, SEL_CODE);
	put_u32(&m, 0x7004, SEL_CODE3);
	put_u32(&m, 0x7008, RFLAGS_VM | RFLAGS_IOPL | RFLAGS_IF | RFLAGS_CF);
	CODE(&m, 0xcf);
	DONE();
	assert_int_equal(m.regs.rip, 0x2222);
	assert_int_equal(m.regs.rflags, RFLAGS_FIXED | RFLAGS_CF);
	protected_mode(&m, 0);
	m.regs.rflags |= RFLAGS_NT;
	CODE(&m, 0xcf);
	assert_int_equal(step(&m), INTERP_UNSUPPORTED);
}

/* A descriptor that lies half behind its table's end. */
static void test_table_limit(void **state __unused)
{
	protected_mode(&m, 0);
	m.regs.gpr[GPR_RAX] = SEL_DATA;
	CODE(&m, 0x8e, 0xd8);
	m.in.gdtr.limit = SEL_DATA + 6;
	FAULTS(13, SEL_DATA);
	m.in.gdtr.limit++;
	DONE();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_segments),   cmocka_unit_test(test_real_segments),
		cmocka_unit_test(test_system_segments), cmocka_unit_test(test_tables),
		cmocka_unit_test(test_far_transfers),   cmocka_unit_test(test_null_selectors),
		cmocka_unit_test(test_enter_protected), cmocka_unit_test(test_retf_outer),
		cmocka_unit_test(test_level3_returns),  cmocka_unit_test(test_table_limit),
	};

	return cmocka_run_group_tests_name("interp_far", tests, NULL, NULL);
}
