/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's moves of vector registers: every opcode with every prefix, VEX or not, against
 * Zydis, which knows what is a move, of how many bytes and in which direction; what VEX does besides;
 * and the faults. Values without VEX are compared with Unicorn's in test_interp_random.c.
 */
#include "interp_expect.h"

#include <Zydis/Zydis.h>

#define OPERAND 0x20040u
#define CODE_AT 0x30000u
#define MOVLPS 0x12
#define MOVHPS 0x16

static ZydisDecoder decoder;

static const ZydisMnemonic plain_moves[] = {
#define MOVE(name) ZYDIS_MNEMONIC_##name, ZYDIS_MNEMONIC_V##name
	MOVE(MOVUPS),  MOVE(MOVUPD),  MOVE(MOVSS),  MOVE(MOVSD),    MOVE(MOVLPS),
	MOVE(MOVLPD),  MOVE(MOVHPS),  MOVE(MOVHPD), MOVE(MOVAPS),   MOVE(MOVAPD),
	MOVE(MOVNTPS), MOVE(MOVNTPD), MOVE(MOVD),   MOVE(MOVQ),     MOVE(MOVDQA),
	MOVE(MOVDQU),  MOVE(MOVNTDQ), MOVE(LDDQU),  MOVE(MOVNTDQA), ZYDIS_MNEMONIC_MOVNTQ,
};

static bool is_move(ZydisMnemonic mnemonic)
{
	for (u32 i = 0; i < ARRAY_SIZE(plain_moves); i++)
		if (plain_moves[i] == mnemonic)
			return true;
	return false;
}

/* What can be said of one vector instruction with the operand [rax]. */
struct form {
	bool vex, wide, w;
	u8 map, opcode, pp, vvvv;
};

static unsigned int encode(const struct form *f, u8 *bytes)
{
	static const u8 prefixes[] = { 0, 0x66, 0xf3, 0xf2 };
	unsigned int n = 0;

	if (f->vex) {
		bytes[n++] = 0xc4;
		bytes[n++] = 0x60 | f->map; /* R: xmm8 to xmm15 */
		bytes[n++] = (u8)(f->w << 7 | (~f->vvvv & 15) << 3 | f->wide << 2 | f->pp);
	} else {
		if (f->pp)
			bytes[n++] = prefixes[f->pp];
		bytes[n++] = 0x44 | f->w << 3;
		bytes[n++] = 0x0f;
		if (f->map == 2)
			bytes[n++] = 0x38;
	}
	bytes[n++] = f->opcode;
	bytes[n++] = 0x08; /* xmm9, [rax] */
	return n;
}

static void prepare(void)
{
	long_mode(&m, 0);
	m.in.cr4 |= CR4_OSXSAVE;
	m.in.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	m.regs.rip = CODE_AT;
	m.regs.gpr[GPR_RAX] = OPERAND;
	for (u32 i = 0; i < 64; i++) {
		m.ymm[i / 4][i % 4] = 0x0101010101010101ull * (i + 1);
		m.memory[OPERAND + i] = (u8)(0x80 + i);
	}
	for (u32 i = 0; i < 8; i++)
		m.mmx[i] = 0x1010101010101010ull * (i + 1);
}

static enum interp_result run(const struct form *f)
{
	u8 bytes[16] = { 0 };

	prepare();
	encode(f, bytes);
	memcpy(m.memory + CODE_AT, bytes, 15);
	return step(&m);
}

static u64 memory_at(unsigned int at)
{
	u64 value;

	memcpy(&value, m.memory + OPERAND + at, 8);
	return value;
}

/* Without VEX the same with less; 32 bytes are just more. */
static void check_vex(const struct form *f, bool stores)
{
	struct form legacy = *f;
	u8 memory[64];
	u64 reg[4];

	memcpy(memory, m.memory + OPERAND, 64);
	memcpy(reg, m.ymm[9], 32);
	if (f->wide && m.read_bytes + m.written_bytes == 32) {
		for (unsigned int i = 0; i < 4; i++)
			assert_int_equal(memory_at(8 * i), m.ymm[9][i]);
		assert_memory_equal(memory, m.memory + OPERAND, 64);
		return;
	}
	legacy.vex = false;
	assert_int_equal(run(&legacy), INTERP_DONE);
	assert_memory_equal(memory, m.memory + OPERAND, 64);
	assert_memory_equal(reg, m.ymm[9], 16);
	assert_true(stores || (reg[2] == 0 && reg[3] == 0));
}

static u32 done_vex, done_legacy, refused;

static void one_form(const struct form *f)
{
	ZydisDecodedInstruction z;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	u8 bytes[16] = { 0 };
	unsigned int len = encode(f, bytes), op = 0, size, touched;
	bool valid = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, 15, &z, ops));
	bool stores, move = valid && is_move(z.mnemonic);
	enum interp_result result = run(f);

	if (!move) {
		if (!f->vex && !is_vector_opcode(f->map, f->opcode))
			return; /* something else of the interpreter's */
		if (result == INTERP_DONE)
			fail_msg("%02x %02x %02x %02x %02x %02x is done, but %s", bytes[0],
				 bytes[1], bytes[2], bytes[3], bytes[4], bytes[5],
				 valid ? ZydisMnemonicGetString(z.mnemonic) : "invalid");
		refused += !valid && result == INTERP_FAULT && m.in.fault.vector == 6;
		return;
	}
	while (ops[op].type != ZYDIS_OPERAND_TYPE_MEMORY)
		op++;
	size = ops[op].size / 8;
	stores = ops[op].actions & ZYDIS_OPERAND_ACTION_WRITE;
	touched = stores ? m.written_bytes : m.read_bytes;
	if (result != INTERP_DONE || m.regs.rip != CODE_AT + len || touched != size ||
	    (stores ? m.read_bytes : m.written_bytes))
		fail_msg("%02x %02x %02x %02x %02x %02x: %s: result %d, %u bytes read, %u written",
			 bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5],
			 ZydisMnemonicGetString(z.mnemonic), result, m.read_bytes, m.written_bytes);
	assert_int_equal(m.probes, size > 8);
	if (f->vex && f->vvvv == 0 && f->opcode != MOVLPS && f->opcode != MOVHPS)
		check_vex(f, stores);
	done_vex += f->vex;
	done_legacy += !f->vex;
}

static void test_enumerated(void **state __unused)
{
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (u32 i = 0; i < 2 * 2 * 2 * 2 * 4 * 256; i++) {
		struct form f = {
			.opcode = (u8)i,
			.pp = i >> 8 & 3,
			.map = 1 + (i >> 10 & 1),
			.w = i >> 11 & 1,
			.wide = i >> 12 & 1,
			.vex = i >> 13 & 1,
		};

		one_form(&f);
		f.vvvv = 5;
		if (f.vex)
			one_form(&f);
	}
	print_message("%u forms with VEX, %u without, %u refused\n", done_vex, done_legacy,
		      refused);
	assert_true(done_vex > 100 && done_legacy > 60 && refused > 20);
}

/* The register that is not loaded from is the second source of VEX. */
static void test_half(void **state __unused)
{
	struct form f = { .vex = true, .map = 1, .opcode = MOVHPS, .vvvv = 5 };

	assert_int_equal(run(&f), INTERP_DONE);
	assert_int_equal(m.ymm[9][0], m.ymm[5][0]);
	assert_int_equal(m.ymm[9][1], memory_at(0));
	f.opcode = MOVLPS;
	assert_int_equal(run(&f), INTERP_DONE);
	assert_int_equal(m.ymm[9][0], memory_at(0));
	assert_int_equal(m.ymm[9][1], m.ymm[5][1]);
	assert_int_equal(m.ymm[9][2] | m.ymm[9][3], 0);
}

enum { SSE, AVX, WIDE, MMX_MOVE, ALIGNED, LOADU };

/* MOVDQU and VMOVDQU of 16 and 32 bytes, MOVQ of MMX, MOVNTDQA, LDDQU. */
static const struct form kinds[] = {
	[SSE] = { .map = 1, .opcode = 0x6f, .pp = 2 },
	[AVX] = { .vex = true, .map = 1, .opcode = 0x6f, .pp = 2 },
	[WIDE] = { .vex = true, .map = 1, .opcode = 0x6f, .pp = 2, .wide = true },
	[MMX_MOVE] = { .map = 1, .opcode = 0x6f },
	[ALIGNED] = { .map = 2, .opcode = 0x2a, .pp = 1 },
	[LOADU] = { .map = 1, .opcode = 0xf0, .pp = 3 },
};

static const struct {
	u8 kind;
	u64 cr0, no_cr4, xcr0, offset;
	u32 no_ecx;
	u8 vector;
} fault_cases[] = {
	{ SSE, CR0_EM, 0, 7, 0, 0, 6 },
	{ SSE, CR0_TS, 0, 7, 0, 0, 7 },
	{ SSE, CR0_TS | CR0_EM, 0, 7, 0, 0, 6 },
	{ SSE, 0, CR4_OSFXSR, 7, 0, 0, 6 },
	{ SSE, 0, CR4_OSXSAVE, 0, 1, 0, NO_FAULT },
	{ MMX_MOVE, CR0_EM, 0, 7, 0, 0, 6 },
	{ MMX_MOVE, CR0_TS, 0, 7, 0, 0, 7 },
	{ MMX_MOVE, 0, CR4_OSFXSR, 7, 0, 0, NO_FAULT },
	{ AVX, CR0_TS, 0, 7, 0, 0, 7 },
	{ AVX, CR0_EM, 0, 7, 0, 0, NO_FAULT },
	{ AVX, 0, CR4_OSXSAVE, 7, 0, 0, 6 },
	{ AVX, 0, CR4_OSFXSR, 7, 0, 0, NO_FAULT },
	{ AVX, 0, 0, 3, 0, 0, 6 },
	{ WIDE, 0, 0, 7, 3, 0, NO_FAULT },
	{ ALIGNED, 0, 0, 7, 8, 0, 13 },
	{ ALIGNED, 0, 0, 7, 16, 0, NO_FAULT },
	{ ALIGNED, 0, 0, 7, 0, BIT(19), 6 }, /* no SSE4.1 */
	{ LOADU, 0, 0, 7, 1, 0, NO_FAULT },
	{ LOADU, 0, 0, 7, 1, BIT(0), 6 }, /* no SSE3 */
	{ SSE, 0, 0, 7, (1ull << 47) - OPERAND - 8, 0, 13 }, /* ends beyond the canonical */
	{ WIDE, 0, 0, 7, (1ull << 47) - OPERAND - 31, 0, 13 },
};

static void test_faults(void **state __unused)
{
	for (u32 i = 0; i < ARRAY_SIZE(fault_cases); i++) {
		u8 bytes[16] = { 0 };
		enum interp_result result;

		prepare();
		encode(&kinds[fault_cases[i].kind], bytes);
		memcpy(m.memory + CODE_AT, bytes, 15);
		m.in.cr0 |= fault_cases[i].cr0;
		m.in.cr4 &= ~fault_cases[i].no_cr4;
		m.in.xcr0 = fault_cases[i].xcr0;
		m.in.leaf1_ecx &= ~fault_cases[i].no_ecx;
		m.regs.gpr[GPR_RAX] += fault_cases[i].offset;
		result = step(&m);
		if (fault_cases[i].vector == NO_FAULT)
			assert_int_equal(result, INTERP_DONE);
		else
			assert_fault(result, fault_cases[i].vector,
				     fault_cases[i].vector == 13 ? 0 : -1);
		assert_int_equal(m.reads > 0, fault_cases[i].vector == NO_FAULT);
	}
}

/* Programs with alignment checks on: eights are what is looked at. */
static void test_alignment_check(void **state __unused)
{
	static const u8 movups[] = { 0x0f, 0x11, 0x08 };

	for (u64 offset = 0; offset < 16; offset++) {
		prepare();
		long_mode(&m, 3);
		m.in.cr0 |= CR0_AM;
		m.regs.rflags |= RFLAGS_AC;
		m.regs.gpr[GPR_RAX] = OPERAND + offset;
		put_code(&m, movups, sizeof(movups));
		if (offset % 8)
			FAULTS(17, 0);
		else
			DONE();
		assert_int_equal(m.writes, offset % 8 ? 0 : 2);
	}
}

/* All or nothing, also when only the last byte cannot be had; and real mode, where there is no VEX. */
static void test_whole(void **state __unused)
{
	static const u8 store[] = { 0xc5, 0xfe, 0x7f, 0x08 }, load[] = { 0xc5, 0xfe, 0x6f, 0x08 };
	static struct machine before;

	for (u32 i = 0; i < 2; i++) {
		prepare();
		memcpy(m.memory + CODE_AT, i ? store : load, 4);
		m.fail_from = OPERAND + 31;
		m.fail_to = OPERAND + 32;
		memcpy(&before, &m, sizeof(m));
		assert_int_equal(step(&m), INTERP_ABORT);
		assert_int_equal(m.in.abort, FAILED);
		assert_int_equal(m.reads + m.writes, 0);
		assert_int_equal(!!(m.how & INTERP_WILL_WRITE), i);
		assert_memory_equal(m.memory, before.memory, MEMORY_SIZE);
		assert_memory_equal(&m.regs, &before.regs, sizeof(m.regs));
		assert_memory_equal(m.ymm, before.ymm, sizeof(m.ymm));
	}
	real_mode(&m);
	m.in.cr4 |= CR4_OSXSAVE;
	m.in.xcr0 = 7;
	CODE(&m, 0xc5, 0xfe, 0x6f, 0x07);
	FAULTS(6, -1);
	real_mode(&m);
	CODE(&m, 0xf0, 0x0f, 0x10, 0x07); /* LOCK */
	FAULTS(6, -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enumerated), cmocka_unit_test(test_half),
		cmocka_unit_test(test_faults),     cmocka_unit_test(test_alignment_check),
		cmocka_unit_test(test_whole),
	};

	return cmocka_run_group_tests_name("interp_vector", tests, NULL, NULL);
}
