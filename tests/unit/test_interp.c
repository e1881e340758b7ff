/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter by the manuals: limits and types of segments, what is refused, REP in portions,
 * LOCK, and that failing changes nothing.
 */
#include "interp_expect.h"

static void test_fetch(void **state __unused)
{
	static const u8 long_one[15] = { 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
					 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e };

	protected_mode(&m, 0);
	m.in.seg[SEG_CS].limit = 0x1004;
	CODE(&m, 0xb8, 1, 2, 3, 4); /* MOV eax up to the limit */
	DONE();
	assert_int_equal(m.regs.gpr[GPR_RAX], 0x04030201);
	FAULTS(13, 0); /* behind it */
	assert_int_equal(m.regs.rip, 0x1005);
	m.in.seg[SEG_CS].limit = 0x1003;
	m.regs.rip = 0x1000;
	FAULTS(13, 0); /* over it */
	assert_int_equal(m.regs.rip, 0x1000);
	m.in.seg[SEG_CS].limit = ~0u;
	put_code(&m, long_one, sizeof(long_one));
	FAULTS(13, 0);
	CODE(&m, 0x0f, 0x0b);
	FAULTS(6, -1);
	CODE(&m, 0x8e, 0xc8); /* MOV cs, ax */
	FAULTS(6, -1);
	/* The next page is asked for only if the instruction gets there. */
	CODE(&m, 0xb8, 1, 0, 0, 0);
	m.fetch_max = 5;
	DONE();
	assert_int_equal(m.fetches, 1);
	m.regs.rip = 0x1000;
	m.fetch_max = 4;
	m.fail_from = 0x1004;
	m.fail_to = 0x2000;
	assert_int_equal(step(&m), INTERP_ABORT);
	assert_int_equal(m.in.abort, FAILED);
	assert_int_equal(m.fetches, 2);
	m.regs.rip = 0x1004;
	assert_int_equal(step(&m), INTERP_ABORT);
	/* Real mode has no error codes. */
	real_mode(&m);
	m.regs.rip = 0x10000;
	FAULTS(13, -1);
}

/* MOV eax, [ebx] and MOV [ebx], eax through segments of all kinds. */
static void test_segment_checks(void **state __unused)
{
	static const struct {
		u16 attr;
		u32 limit, offset;
		bool read, write;
	} cases[] = {
		{ 0xc93, 0xffffffff, 0, true, true },   { 0xc93, 0x103, 0x100, true, true },
		{ 0xc93, 0x102, 0x100, false, false },  { 0xc93, 0xffffffff, ~2u, false, false },
		{ 0xc91, 0xffff, 0, true, false },      { 0xc9b, 0xffff, 0, true, false },
		{ 0xc99, 0xffff, 0, false, false },     { 0x000, 0xffff, 0, false, false },
		{ 0xc97, 0xfff, 0x1000, true, true },   { 0xc97, 0xfff, 0xfff, false, false },
		{ 0x097, 0xfff, 0xfffd, false, false }, { 0x097, 0xfff, 0xfffc, true, true },
		{ 0xc97, 0xfff, 0xfffd, true, true },   { 0xc95, 0xfff, 0x1000, true, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned int seg = SEG_SS; seg <= SEG_DS; seg++) {
			u8 prefix = seg == SEG_SS ? 0x36 : 0x3e, vector = seg == SEG_SS ? 12 : 13;

			protected_mode(&m, 0);
			m.regs.gpr[GPR_RBX] = cases[i].offset;
			put_seg(&m, seg, SEL_FREE, cases[i].attr, cases[i].limit, 0x3000);
			CODE(&m, prefix, 0x8b, 0x03, prefix, 0x89, 0x03);
			if (cases[i].read)
				DONE();
			else
				FAULTS(vector, 0);
			m.regs.rip = 0x1003;
			if (cases[i].write)
				DONE();
			else
				FAULTS(vector, 0);
		}
	}
	/* Real mode looks at limits only, and they may be large. */
	real_mode(&m);
	m.in.seg[SEG_DS] = (struct segment){ .attr = 0x99, .limit = ~0u, .base = 0 };
	m.regs.gpr[GPR_RBX] = 0x110000;
	put_u32(&m, 0x110000, 0x12345678);
	CODE(&m, 0x67, 0x66, 0x8b, 0x03, 0x67, 0x66, 0x89, 0x03);
	DONE();
	assert_int_equal(m.regs.gpr[GPR_RAX], 0x12345678);
	DONE();
	m.in.seg[SEG_DS].limit = 0xffff;
	m.regs.rip = 0;
	FAULTS(13, -1);
}

/* With whose rights, and that a read says what is to come. */
static void test_rights(void **state __unused)
{
	for (unsigned int cpl = 0; cpl <= 3; cpl++) {
		unsigned int rights = cpl < 3 ? INTERP_SUPERVISOR : 0;

		protected_mode(&m, cpl);
		m.regs.gpr[GPR_RBX] = 0x3000;
		CODE(&m, 0x8b, 0x03, 0x89, 0x03, 0x01, 0x03); /* MOV, MOV, ADD [ebx], eax */
		DONE();
		assert_int_equal(m.how, rights);
		DONE();
		assert_int_equal(m.how, rights);
		DONE();
		assert_int_equal(m.how, rights | INTERP_WILL_WRITE);
	}
}

/* A word at the last byte of 64 KiB, a stack pointer that wraps around. */
static void test_wrap(void **state __unused)
{
	real_mode(&m);
	CODE(&m, 0xa1, 0xff, 0xff); /* MOV ax, [0xffff] */
	FAULTS(13, -1);
	CODE(&m, 0x8b, 0x40, 0x02); /* MOV ax, [bx + si + 2] */
	m.regs.gpr[GPR_RBX] = 0x12348000;
	m.regs.gpr[GPR_RSI] = 0x8000;
	put_u32(&m, m.in.seg[SEG_DS].base + 2, 0xabcd);
	DONE();
	assert_int_equal(m.regs.gpr[GPR_RAX], 0xabcd);
	m.regs.rip = 0;
	m.regs.gpr[GPR_RSP] = 0x77770000;
	CODE(&m, 0x50, 0x58); /* PUSH ax, POP ax */
	DONE();
	assert_int_equal(m.regs.gpr[GPR_RSP], 0x7777fffe);
	assert_int_equal(get_u16(&m, m.in.seg[SEG_SS].base + 0xfffe), 0xabcd);
	DONE();
	assert_int_equal(m.regs.gpr[GPR_RSP], 0x77770000);
	m.regs.rip = 0;
	m.regs.gpr[GPR_RSP] = 1;
	FAULTS(12, -1);
	/* PUSHA that does not fit writes nothing. */
	m.regs.gpr[GPR_RSP] = 7;
	CODE(&m, 0x60);
	FAULTS(12, -1);
	assert_int_equal(m.writes, 0);
	/* With SS.B the whole register counts. */
	m.in.seg[SEG_SS].attr |= SEG_ATTR_DB;
	m.in.seg[SEG_SS].limit = ~0u;
	m.regs.gpr[GPR_RSP] = 0x20000;
	CODE(&m, 0x50);
	DONE();
	assert_int_equal(m.regs.gpr[GPR_RSP], 0x1fffe);
}

static void test_rep(void **state __unused)
{
	real_mode(&m);
	m.regs.gpr[GPR_RCX] = 0xabcd0000 | (2 * INTERP_REP_MAX + 1);
	m.regs.gpr[GPR_RAX] = 0x5a;
	CODE(&m, 0xf3, 0xaa);
	for (u32 i = 1; i <= 2; i++) {
		DONE();
		assert_int_equal(m.regs.rip, 0);
		assert_int_equal(m.regs.gpr[GPR_RDI], i * INTERP_REP_MAX);
	}
	DONE();
	assert_int_equal(m.regs.rip, 2);
	assert_int_equal(m.regs.gpr[GPR_RCX], 0xabcd0000);
	/* Up to the limit, and then a fault with that much done. */
	m.regs.rip = 0;
	m.regs.gpr[GPR_RCX] = 10;
	m.regs.gpr[GPR_RDI] = 0xfffd;
	CODE(&m, 0xf3, 0xab);
	FAULTS(13, -1);
	assert_int_equal(m.regs.rip, 0);
	assert_int_equal(m.regs.gpr[GPR_RCX], 9);
	assert_int_equal(m.regs.gpr[GPR_RDI], 0xffff);
	/* The same with an access that fails. */
	m.regs.gpr[GPR_RDI] = 0x100;
	m.fail_from = m.in.seg[SEG_ES].base + 0x106;
	m.fail_to = m.fail_from + 1;
	assert_int_equal(step(&m), INTERP_ABORT);
	assert_int_equal(m.in.abort, FAILED);
	assert_int_equal(m.regs.gpr[GPR_RCX], 6);
	assert_int_equal(m.regs.gpr[GPR_RDI], 0x106);
	/* Single steps are single. */
	m.regs.gpr[GPR_RDI] = 0x100;
	m.regs.rflags |= RFLAGS_TF;
	assert_int_equal(step(&m), INTERP_TRAP);
	assert_int_equal(m.regs.rip, 0);
	assert_int_equal(m.regs.gpr[GPR_RCX], 5);
}

static void test_lock(void **state __unused)
{
	static const struct {
		u8 bytes[4];
		bool fine;
	} cases[] = {
		{ { 0xf0, 0x01, 0x03 }, true },
		{ { 0xf0, 0x01, 0xc3 }, false },
		{ { 0xf0, 0x03, 0x03 }, false },
		{ { 0xf0, 0x39, 0x03 }, false },
		{ { 0xf0, 0x87, 0x03 }, true },
		{ { 0xf0, 0x89, 0x03 }, false },
		{ { 0xf0, 0xff, 0x03 }, true },
		{ { 0xf0, 0xff, 0x33 }, false },
		{ { 0xf0, 0xf7, 0x1b }, true },
		{ { 0xf0, 0xf7, 0x23 }, false },
		{ { 0xf0, 0x90 }, false },
		{ { 0xf0, 0x83, 0x3b, 0 }, false },
		{ { 0xf0, 0x0f, 0xb1, 0x03 }, true },
		{ { 0xf0, 0x0f, 0xa3, 0x03 }, false },
		{ { 0xf0, 0x0f, 0xc7, 0x0b }, true },
		{ { 0xf0, 0x0f, 0xab, 0x03 }, true },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		protected_mode(&m, 0);
		m.regs.gpr[GPR_RBX] = 0x3000;
		put_code(&m, cases[i].bytes, 4);
		if (cases[i].fine)
			DONE();
		else
			FAULTS(6, -1);
		assert_int_equal(!!m.writes, cases[i].fine);
	}
}

/* A write that fails after its read asked for both; nothing has changed. */
static void test_failing(void **state __unused)
{
	u32 aborted = 0;

	for (u32 i = 0; i < 200000; i++) {
		u64 bytes[2] = { random_u64(), random_u64() };
		struct segment segs[8];
		struct vcpu_regs start;
		enum interp_result result;

		if (i & 1)
			real_mode(&m);
		else
			protected_mode(&m, 0);
		for (u32 reg = 0; reg < 8; reg++)
			m.regs.gpr[reg] = random_u64() & 0xffff;
		put_code(&m, bytes, 16);
		m.fail_from = random_below(0x10000);
		m.fail_to = m.fail_from + 0x8000;
		if (m.in.seg[SEG_CS].base + m.regs.rip + 16 > m.fail_from)
			m.fail_from = m.in.seg[SEG_CS].base + m.regs.rip + 16;
		start = m.regs;
		memcpy(segs, m.in.seg, sizeof(segs));
		result = step(&m);
		if (result == INTERP_DONE || result == INTERP_TRAP)
			continue;
		if ((m.in.insn.opcode & 0xf4) != 0xa4)
			assert_memory_equal(&m.regs, &start, sizeof(start));
		assert_memory_equal(segs, m.in.seg, sizeof(segs));
		assert_int_equal(m.in.seg_changed, 0);
		aborted += result == INTERP_ABORT;
	}
	assert_true(aborted > 5000);
}

/* Random bytes in random states: the sanitizers watch. */
static void test_any(void **state __unused)
{
	u32 done = 0;

	for (u32 i = 0; i < 500000; i++) {
		u64 bytes[2] = { random_u64(), random_u64() };

		real_mode(&m);
		for (u32 reg = 0; reg < 16; reg++)
			m.regs.gpr[reg] = random_u64() >> random_below(64);
		m.regs.rflags = random_u64() & RFLAGS_LOADABLE;
		m.in.cr0 = random_u64();
		m.in.cr4 = random_u64();
		m.in.efer = random_below(4) ? 0 : random_u64();
		for (u32 seg = 0; seg < 8; seg++) {
			put_seg(&m, seg, (u16)random_u64(), (u16)random_u64(),
				(u32)random_u64() >> random_below(32), random_below(0x10000));
		}
		m.in.gdtr = (struct interp_table){ random_below(0x10000), (u16)random_u64() };
		m.in.idtr = (struct interp_table){ random_below(0x10000), (u16)random_u64() };
		m.regs.rip = random_below(0x1000);
		if (!random_below(8)) {
			struct vm_event event = { .kind = (u8)(1 + random_below(4)),
						  .vector = (u8)random_u64(),
						  .has_error = random_below(2) };

			done += interp_deliver(&m.in, &event) == INTERP_DONE;
		} else {
			put_code(&m, bytes, 16);
			done += step(&m) == INTERP_DONE;
		}
	}
	assert_true(done > 10000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fetch),   cmocka_unit_test(test_segment_checks),
		cmocka_unit_test(test_rights),  cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_rep),     cmocka_unit_test(test_lock),
		cmocka_unit_test(test_failing), cmocka_unit_test(test_any),
	};

	return cmocka_run_group_tests_name("interp", tests, NULL, NULL);
}
