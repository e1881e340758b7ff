/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter in 64-bit mode, and what Unicorn's CPU has not: LOCK is accepted exactly where
 * Zydis accepts it; instructions that depend on CPUID; segments, tables and addresses as 64-bit mode
 * has them.
 */
#include "interp_expect.h"

#include <Zydis/Zydis.h>

#define OPERAND 0x20000u

static void start(unsigned int cpl)
{
	long_mode(&m, cpl);
	m.regs.gpr[GPR_RAX] = OPERAND;
}

static bool is_ud(enum interp_result result)
{
	return result == INTERP_FAULT && m.in.fault.vector == 6;
}

/* All opcodes and digits of two maps, memory operand or register, in 32-bit and in 64-bit mode. */
static void test_lock(void **state __unused)
{
	ZydisDecoder decoders[2];
	u32 accepted = 0, refused = 0;

	ZydisDecoderInit(&decoders[0], ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoders[1], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (u32 i = 0; i < 2 * 2 * 2 * 8 * 256; i++) {
		bool wide = i >> 13 & 1, reg = i >> 12 & 1, two = i >> 11 & 1;
		u8 bytes[15] = { 0xf0, 0x0f };
		ZydisDecodedInstruction z;
		enum interp_result result;
		bool valid;

		bytes[1 + two] = (u8)i;
		bytes[2 + two] = (u8)((i >> 8 & 7) << 3 | (reg ? 0xc0 : 0)); /* [rax], or al */
		valid = ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoders[wide], NULL, bytes,
								   sizeof(bytes), &z));
		if (wide)
			start(0);
		else
			protected_mode(&m, 0);
		m.regs.gpr[GPR_RAX] = OPERAND;
		put_code(&m, bytes, sizeof(bytes));
		result = step(&m);
		/* Prefixes go on to another opcode; MOV CR with LOCK is CR8 to some. */
		if (m.in.insn.opcode != (u8)i || result == INTERP_SYSTEM)
			continue;
		if (valid ? result != INTERP_DONE : result == INTERP_DONE)
			fail_msg("%d-bit LOCK %02x %02x %02x: ours %d, Zydis %d", wide ? 64 : 32,
				 bytes[1], bytes[2], bytes[3], result, valid);
		accepted += valid;
		refused += is_ud(result);
	}
	print_message("%u accepted, %u refused\n", accepted, refused);
	assert_true(accepted > 300 && refused > 3000);
}

#define MOVBE_BIT (1u << 22)
#define POPCNT_BIT (1u << 23)
#define CX16_BIT (1u << 13)
#define BMI1_BIT (1u << 3)
#define ABM_BIT (1u << 5)

/* A load from 1122334455667788h to rCX, where it says so with rCX -1 before. */
static const struct {
	u8 bytes[8];
	u64 rcx, rflags; /* afterwards: CF and ZF */
	u32 leaf1, leaf7, ext1;
	u8 vector;
} loads[] = {
	{ { 0x48, 0x0f, 0x38, 0xf0, 0x08 }, 0x8877665544332211, 0, MOVBE_BIT, 0, 0, NO_FAULT },
	{ { 0x0f, 0x38, 0xf0, 0x08 }, 0x88776655, 0, MOVBE_BIT, 0, 0, NO_FAULT },
	{ { 0x66, 0x0f, 0x38, 0xf0, 0x08 }, 0xffffffffffff8877, 0, MOVBE_BIT, 0, 0, NO_FAULT },
	{ { 0x0f, 0x38, 0xf0, 0x08 }, 0, 0, ~MOVBE_BIT, ~0u, ~0u, 6 },
	{ { 0x0f, 0x38, 0xf0, 0xc8 }, 0, 0, ~0u, 0, 0, 6 }, /* of a register */
	{ { 0xf3, 0x0f, 0x38, 0xf0, 0x08 }, 0, 0, ~0u, 0, 0, 6 },
	{ { 0xf2, 0x0f, 0x38, 0xf0, 0x08 }, 0, 0, ~0u, 0, 0, LEFT }, /* CRC32 */
	{ { 0xf3, 0x48, 0x0f, 0xb8, 0x08 }, 26, 0, POPCNT_BIT, 0, 0, NO_FAULT },
	{ { 0xf3, 0x0f, 0xb8, 0x08 }, 16, 0, POPCNT_BIT, 0, 0, NO_FAULT },
	{ { 0xf3, 0x0f, 0xb8, 0x48, 0x40 }, 0, RFLAGS_ZF, POPCNT_BIT, 0, 0, NO_FAULT },
	{ { 0xf3, 0x0f, 0xb8, 0x08 }, 0, 0, ~POPCNT_BIT, ~0u, ~0u, 6 },
	{ { 0xf3, 0x48, 0x0f, 0xbc, 0x08 }, 3, 0, 0, BMI1_BIT, 0, NO_FAULT },
	{ { 0xf3, 0x48, 0x0f, 0xbc, 0x48, 0x40 }, 64, RFLAGS_CF, 0, BMI1_BIT, 0, NO_FAULT },
	{ { 0xf3, 0x48, 0x0f, 0xbd, 0x08 }, 3, 0, 0, 0, ABM_BIT, NO_FAULT },
	{ { 0xf3, 0x66, 0x0f, 0xbd, 0x08 }, ~0xffffull | 1, 0, 0, 0, ABM_BIT, NO_FAULT },
	{ { 0xf3, 0x48, 0x0f, 0xbd, 0x08 }, 60, 0, ~0u, ~0u, ~ABM_BIT, NO_FAULT }, /* BSR */
	{ { 0xf3, 0x48, 0x0f, 0xbc, 0x08 }, 3, 0, ~0u, ~BMI1_BIT, ~0u, NO_FAULT }, /* BSF */
};

static void test_loads(void **state __unused)
{
	for (u32 i = 0; i < ARRAY_SIZE(loads); i++) {
		enum interp_result result;

		start(0);
		m.in.leaf1_ecx = loads[i].leaf1;
		m.in.leaf7_ebx = loads[i].leaf7;
		m.in.ext1_ecx = loads[i].ext1;
		m.regs.gpr[GPR_RCX] = ~0ull;
		put_u64(&m, OPERAND, 0x1122334455667788);
		put_u64(&m, OPERAND + 0x40, 0);
		put_code(&m, loads[i].bytes, sizeof(loads[i].bytes));
		result = step(&m);
		if (loads[i].vector == LEFT) {
			assert_int_equal(result, INTERP_UNSUPPORTED);
		} else if (loads[i].vector != NO_FAULT) {
			assert_fault(result, loads[i].vector, -1);
		} else {
			assert_int_equal(result, INTERP_DONE);
			assert_int_equal(m.regs.gpr[GPR_RCX], loads[i].rcx);
			assert_int_equal(m.regs.rflags & (RFLAGS_CF | RFLAGS_ZF), loads[i].rflags);
		}
	}
}

/* The other way, and what writes nothing. */
static void test_stores(void **state __unused)
{
	start(0);
	m.regs.gpr[GPR_RCX] = 0x1122334455667788;
	put_u64(&m, OPERAND, 0);
	CODE(&m, 0x0f, 0x38, 0xf1, 0x08); /* MOVBE */
	DONE();
	assert_int_equal(get_u32(&m, OPERAND), 0x88776655);
	start(0);
	CODE(&m, 0x66, 0x0f, 0xc3, 0x08); /* MOVNTI has no 66 */
	FAULTS(6, -1);
	start(0);
	CODE(&m, 0x0f, 0xc3, 0xc8); /* nor a register operand */
	FAULTS(6, -1);
	start(0);
	CODE(&m, 0x0f, 0xae, 0x38); /* CLFLUSH */
	DONE();
	start(0);
	CODE(&m, 0x0f, 0xae, 0xf0); /* MFENCE */
	DONE();
	assert_int_equal(m.reads + m.writes, 0);
	start(0);
	m.regs.gpr[GPR_RAX] = 1ull << 47;
	CODE(&m, 0x66, 0x0f, 0xae, 0x38); /* CLFLUSHOPT */
	FAULTS(13, 0);
	start(0);
	CODE(&m, 0x0f, 0xae, 0x00); /* FXSAVE */
	assert_int_equal(step(&m), INTERP_UNSUPPORTED);
}

/* CMPXCHG16B at rDI. */
static enum interp_result cmpxchg16b(u64 offset)
{
	m.regs.gpr[GPR_RDI] = OPERAND + offset;
	m.regs.gpr[GPR_RBX] = 3;
	m.regs.gpr[GPR_RCX] = 4;
	CODE(&m, 0xf0, 0x48, 0x0f, 0xc7, 0x0f);
	return step(&m);
}

static void test_cmpxchg16b(void **state __unused)
{
	start(0);
	put_u64(&m, OPERAND, 1);
	put_u64(&m, OPERAND + 8, 2);
	m.regs.gpr[GPR_RAX] = 1;
	assert_int_equal(cmpxchg16b(0), INTERP_DONE);
	assert_false(m.regs.rflags & RFLAGS_ZF);
	assert_true(m.regs.gpr[GPR_RAX] == 1 && m.regs.gpr[GPR_RDX] == 2);
	m.regs.rip = 0x1000;
	assert_int_equal(cmpxchg16b(0), INTERP_DONE);
	assert_true(m.regs.rflags & RFLAGS_ZF);
	assert_int_equal(m.pairs, 1);
	assert_true(get_u32(&m, OPERAND) == 3 && get_u32(&m, OPERAND + 8) == 4);
	m.regs.rip = 0x1000;
	assert_fault(cmpxchg16b(8), 13, 0);
	m.in.leaf1_ecx = ~CX16_BIT;
	assert_fault(cmpxchg16b(0), 6, -1);
	start(0);
	m.fail_from = OPERAND + 8;
	m.fail_to = OPERAND + 9;
	assert_int_equal(cmpxchg16b(0), INTERP_ABORT);
	assert_int_equal(m.pairs, 0);
	assert_true(m.how & INTERP_WILL_WRITE);
}

/* Segments from memory: selectors, and tables of 10 bytes. */
static void test_segments(void **state __unused)
{
	start(0);
	put_u32(&m, OPERAND, SEL_DATA);
	CODE(&m, 0x8e, 0x20); /* MOV fs, [rax] */
	DONE();
	assert_int_equal(m.in.seg[SEG_FS].selector, SEL_DATA);
	assert_int_equal(m.in.seg[SEG_FS].base, 0);
	start(0);
	put_u32(&m, OPERAND, 0);
	CODE(&m, 0x8e, 0x10); /* MOV ss, [rax]: null */
	DONE();
	assert_int_equal(m.in.seg[SEG_SS].attr & SEG_ATTR_P, 0);
	assert_int_equal(interp_cpl(&m.in), 0);
	start(3);
	put_u32(&m, OPERAND, 3);
	CODE(&m, 0x8e, 0x10);
	FAULTS(13, 0);
	start(0);
	put_u64(&m, OPERAND, 0x8000000000001234);
	put_u64(&m, OPERAND + 8, 0x7fff); /* a base that is not canonical */
	CODE(&m, 0x0f, 0x01, 0x10); /* LGDT [rax] */
	FAULTS(13, 0);
	start(0);
	put_u64(&m, OPERAND, 0x8000345600001234);
	put_u64(&m, OPERAND + 8, 0xffff);
	CODE(&m, 0x66, 0x0f, 0x01, 0x10); /* where 66 means nothing */
	DONE();
	assert_int_equal(m.in.gdtr.limit, 0x1234);
	assert_int_equal(m.in.gdtr.base, 0xffff800034560000);
	start(0);
	m.in.idtr = (struct interp_table){ .base = 0xffff800011112222, .limit = 0xfff };
	CODE(&m, 0x0f, 0x01, 0x08); /* SIDT [rax] */
	DONE();
	assert_int_equal(get_u16(&m, OPERAND), 0xfff);
	assert_int_equal(get_u32(&m, OPERAND + 2), 0x11112222);
	assert_int_equal(get_u32(&m, OPERAND + 6), 0xffff8000);
}

/* Not canonical: #SS through rSP and rBP, otherwise #GP; also when only the end is not. */
static void test_canonical(void **state __unused)
{
	static const struct {
		u64 address;
		u8 stack;
		u8 vector;
	} cases[] = {
		{ 1ull << 47, 0, 13 },        { 1ull << 47, 1, 12 },
		{ (1ull << 47) - 4, 0, 13 },  { ~0ull << 47, 0, NO_FAULT },
		{ (~0ull << 47) - 1, 0, 13 }, { (1ull << 47) - 8, 0, NO_FAULT },
		{ (1ull << 47) - 7, 1, 12 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		start(0);
		m.regs.gpr[GPR_RBP] = m.regs.gpr[GPR_RAX] = cases[i].address;
		if (cases[i].stack)
			CODE(&m, 0x48, 0x8b, 0x4d, 0x00); /* MOV rcx, [rbp] */
		else
			CODE(&m, 0x48, 0x8b, 0x08);
		if (cases[i].vector == NO_FAULT)
			assert_int_equal(step(&m), INTERP_ABORT); /* there is no memory */
		else
			FAULTS(cases[i].vector, 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock),     cmocka_unit_test(test_loads),
		cmocka_unit_test(test_stores),   cmocka_unit_test(test_cmpxchg16b),
		cmocka_unit_test(test_segments), cmocka_unit_test(test_canonical),
	};

	return cmocka_run_group_tests_name("interp64", tests, NULL, NULL);
}
