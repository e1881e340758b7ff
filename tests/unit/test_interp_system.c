/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter by the manuals: what is the caller's, ports, flags that need privilege, single
 * steps and interrupt shadows, and the FPU's few instructions.
 */
#include "interp_expect.h"

static void test_system(void **state __unused)
{
	static const struct {
		u8 bytes[4];
		bool privileged;
	} cases[] = {
		{ { 0xf4 }, true },
		{ { 0x0f, 0x06 }, true },
		{ { 0x0f, 0x08 }, true },
		{ { 0x0f, 0x09 }, true },
		{ { 0x0f, 0x30 }, true },
		{ { 0x0f, 0x32 }, true },
		{ { 0x0f, 0x20, 0xc0 }, true },
		{ { 0x0f, 0x22, 0xc0 }, true },
		{ { 0x0f, 0x21, 0xf8 }, true },
		{ { 0x0f, 0x23, 0xf8 }, true },
		{ { 0x0f, 0x01, 0xf0 }, true },
		{ { 0x0f, 0x01, 0x3b }, true },
		{ { 0x0f, 0x01, 0xd1 }, true },
		{ { 0xf0, 0x0f, 0x22, 0xc0 }, true },
		{ { 0x0f, 0xa2 }, false },
		{ { 0x0f, 0x31 }, false },
		{ { 0x0f, 0x33 }, false },
		{ { 0x0f, 0x01, 0xd0 }, false },
		{ { 0x0f, 0x01, 0xf9 }, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vcpu_regs start;

		protected_mode(&m, 0);
		put_code(&m, cases[i].bytes, 4);
		start = m.regs;
		assert_int_equal(step(&m), INTERP_SYSTEM);
		assert_memory_equal(&m.regs, &start, sizeof(start));
		assert_true(m.in.insn.len >= 1 && m.in.insn.len <= 4);
		protected_mode(&m, 3);
		if (cases[i].privileged)
			FAULTS(13, 0);
		else
			assert_int_equal(step(&m), INTERP_SYSTEM);
		v8086_mode(&m, 3);
		put_code(&m, cases[i].bytes, 4);
		if (cases[i].privileged)
			FAULTS(13, 0);
		else
			assert_int_equal(step(&m), INTERP_SYSTEM);
	}
	protected_mode(&m, 0);
	CODE(&m, 0xf0, 0x0f, 0xa2);
	FAULTS(6, -1);
	CODE(&m, 0xd8, 0xc0);
	assert_int_equal(step(&m), INTERP_UNSUPPORTED);
	CODE(&m, 0x0f, 0x58, 0xc0);
	assert_int_equal(step(&m), INTERP_UNSUPPORTED);
}

static void test_ports(void **state __unused)
{
	real_mode(&m);
	CODE(&m, 0xe4, 0x80);
	assert_int_equal(step(&m), INTERP_SYSTEM);
	protected_mode(&m, 3);
	m.regs.rflags |= RFLAGS_IOPL;
	CODE(&m, 0xef);
	assert_int_equal(step(&m), INTERP_SYSTEM);
	/* The bitmap at TSS + 0x68 has ports 0x80 to 0x83, but not 0x84. */
	for (unsigned int v8086 = 0; v8086 < 2; v8086++) {
		if (v8086)
			v8086_mode(&m, 3);
		else
			protected_mode(&m, 3);
		memset(m.memory + TSS, 0, 0x68);
		m.memory[TSS + 0x66] = 0x68;
		m.memory[TSS + 0x68 + 0x10] = 0xf0;
		m.in.seg[SEG_TR].limit = 0x68 + 0x11;
		/* 32 bits either way. */
		CODE(&m, 0xe7, 0x80);
		if (v8086)
			CODE(&m, 0x66, 0xe7, 0x80);
		assert_int_equal(step(&m), INTERP_SYSTEM);
		assert_int_equal(m.how, INTERP_SUPERVISOR);
		CODE(&m, 0xe6, 0x84);
		FAULTS(13, 0);
		CODE(&m, 0x66, 0xe7, 0x83);
		FAULTS(13, 0);
		CODE(&m, 0xe6, 0x80);
		m.in.seg[SEG_TR].limit = 0x68 + 0x10;
		FAULTS(13, 0); /* two bytes are read */
		m.in.seg[SEG_TR].attr = 0x83;
		FAULTS(13, 0);
	}
	real_mode(&m);
	m.regs.gpr[GPR_RDI] = 0xffff;
	CODE(&m, 0x6d); /* INSW */
	FAULTS(13, -1);
	CODE(&m, 0xf3, 0x6d); /* rCX is 0 */
	assert_int_equal(step(&m), INTERP_SYSTEM);
}

static void test_trap_and_shadow(void **state __unused)
{
	protected_mode(&m, 0);
	CODE(&m, 0x90, 0xfb, 0xfb, 0x8e, 0xd0, 0x9d, 0x17);
	m.regs.gpr[GPR_RAX] = SEL_DATA;
	m.regs.rflags |= RFLAGS_TF | RFLAGS_RF;
	assert_int_equal(step(&m), INTERP_TRAP);
	assert_int_equal(m.regs.rip, 0x1001);
	assert_false(m.regs.rflags & RFLAGS_RF);
	assert_false(m.in.shadow);
	assert_int_equal(step(&m), INTERP_TRAP); /* STI */
	assert_true(m.in.shadow);
	assert_int_equal(step(&m), INTERP_TRAP); /* STI again has none */
	assert_false(m.in.shadow);
	DONE(); /* MOV ss, which delays the trap */
	assert_true(m.in.shadow && m.in.blocks_debug);
	put_u32(&m, 0x7000, 2); /* POPF clears TF, and traps */
	put_u32(&m, 0x7004, SEL_DATA);
	assert_int_equal(step(&m), INTERP_TRAP);
	assert_false(m.regs.rflags & RFLAGS_TF);
	DONE(); /* POP ss */
	assert_true(m.in.shadow && m.in.blocks_debug);
	assert_int_equal(m.in.seg_changed, BIT(SEG_SS));
}

static void pop_flags(u32 value, u64 expected)
{
	put_u32(&m, (u32)(m.in.seg[SEG_SS].base + 0x7000), value);
	m.regs.gpr[GPR_RSP] = 0x7000;
	m.regs.rip = 0x1000;
	if (m.in.seg[SEG_CS].attr & SEG_ATTR_DB)
		CODE(&m, 0x9d);
	else
		CODE(&m, 0x66, 0x9d);
	DONE();
	assert_int_equal(m.regs.rflags, expected);
}

static void test_flags(void **state __unused)
{
	u64 common = 0x244dd7; /* with NT, AC and ID */

	protected_mode(&m, 0);
	m.regs.rflags |= RFLAGS_VIF | RFLAGS_VIP;
	pop_flags(~0u, common | 0x3200);
	protected_mode(&m, 3);
	pop_flags(~0u, common);
	protected_mode(&m, 3);
	m.regs.rflags |= RFLAGS_IOPL;
	pop_flags(~0u & ~(u32)RFLAGS_IOPL, common | 0x3200);
	real_mode(&m);
	pop_flags(~0u, common | 0x3200);
	v8086_mode(&m, 3);
	pop_flags(~0u & ~(u32)RFLAGS_IOPL, common | 0x23200);
	v8086_mode(&m, 3);
	m.regs.gpr[GPR_RSP] = 0x7000;
	m.regs.rflags |= RFLAGS_RF;
	CODE(&m, 0x66, 0x9c);
	DONE();
	assert_int_equal(get_u32(&m, m.in.seg[SEG_SS].base + 0x6ffc), 0x3002);
	/* Without IOPL none of these. */
	for (u32 i = 0; i < 6; i++) {
		static const u8 codes[] = { 0x9c, 0x9d, 0xfa, 0xfb, 0xcd, 0xcf };

		v8086_mode(&m, 2);
		CODE(&m, codes[i], 0x20);
		FAULTS(13, 0);
		assert_int_equal(m.in.iret, codes[i] == 0xcf);
		m.in.cr4 = CR4_VME;
		assert_int_equal(step(&m), INTERP_UNSUPPORTED);
	}
	for (u32 cpl = 0; cpl <= 3; cpl += 3) {
		protected_mode(&m, cpl);
		CODE(&m, 0xfb, 0xfa);
		if (cpl)
			FAULTS(13, 0);
		else
			DONE();
		assert_int_equal(m.regs.rflags & RFLAGS_IF, cpl ? 0 : RFLAGS_IF);
	}
	m.in.cr4 = CR4_PVI;
	assert_int_equal(step(&m), INTERP_UNSUPPORTED);
}

static void test_fpu(void **state __unused)
{
	real_mode(&m);
	m.regs.gpr[GPR_RAX] = 0xffff;
	/* FNINIT, FNSTSW ax, FNSTCW [bx], FNSTSW [bx + 2] */
	CODE(&m, 0xdb, 0xe3, 0xdf, 0xe0, 0xd9, 0x3f, 0xdd, 0x7f, 0x02, 0x9b);
	for (u32 i = 0; i < 5; i++)
		DONE();
	assert_int_equal(m.regs.gpr[GPR_RAX], 0);
	assert_int_equal(get_u32(&m, m.in.seg[SEG_DS].base), 0x37f);
	m.in.cr0 |= CR0_TS | CR0_MP;
	m.regs.rip = 9;
	FAULTS(7, -1);
	m.regs.rip = 0;
	FAULTS(7, -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_trap_and_shadow),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_fpu),
	};

	return cmocka_run_group_tests_name("interp_system", tests, NULL, NULL);
}
