/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoder against Zydis, an independent decoder: all opcodes with all ModRM
 * bytes and many prefixes, VEX and EVEX, and random bytes, in the three modes. What both accept
 * must have the same length and the same operands; insn_fixture.h lists what may differ.
 */
#include "insn_fixture.h"

static u64 seed = 0x5111;

static u64 random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void random_fill(u8 *bytes)
{
	u64 low = random_u64(), high = random_u64();

	memcpy(bytes, &low, 8);
	memcpy(bytes + 8, &high, 8);
}

static void put(u8 *bytes, unsigned int *at, const u8 *what, size_t len)
{
	memcpy(bytes + *at, what, len);
	*at += (unsigned int)len;
}

static const struct {
	u8 len, bytes[3];
} prefix_sets[] = {
	{ 0, { 0 } },          { 1, { 0x66 } },       { 1, { 0x67 } },
	{ 1, { 0xf2 } },       { 1, { 0xf3 } },       { 1, { 0xf0 } },
	{ 1, { 0x36 } },       { 1, { 0x65 } },       { 1, { 0x48 } },
	{ 1, { 0x47 } },       { 2, { 0x66, 0x4f } }, { 2, { 0x66, 0x67 } },
	{ 2, { 0x48, 0x66 } }, { 2, { 0x64, 0x2e } }, { 3, { 0xf3, 0x67, 0x41 } },
};

/* All legacy opcodes of the four maps, every ModRM byte, every set of prefixes. */
static void test_all_opcodes(void **state __unused)
{
	static const u8 escapes[4][2] = { { 0 }, { 0x0f }, { 0x0f, 0x38 }, { 0x0f, 0x3a } };
	static const u8 escape_len[4] = { 0, 1, 2, 2 };

	for (u32 i = 0; i < MODES * ARRAY_SIZE(prefix_sets) * 4 * 256; i++) {
		u32 mode = i / 256 / 4 % MODES, set = i / 256 / 4 / MODES, map = i / 256 % 4;

		for (u32 modrm = 0; modrm < 256; modrm += map < 2 ? 1 : 7) {
			u8 bytes[16];
			unsigned int at = 0;

			random_fill(bytes);
			put(bytes, &at, prefix_sets[set].bytes, prefix_sets[set].len);
			put(bytes, &at, escapes[map], escape_len[map]);
			bytes[at++] = (u8)i;
			bytes[at] = (u8)modrm;
			compare(bytes, (int)mode);
		}
	}
}

/* VEX and EVEX: all opcodes of all maps with random prefix payloads. */
static void test_vex(void **state __unused)
{
	static const u8 first[] = { 0xc4, 0xc5, 0x62 };
	u64 before = only_ours;

	for (u32 i = 0; i < MODES * 3 * 8 * 256 * 64; i++) {
		u32 round = i / 256, mode = round % MODES, kind = round / MODES % 3;
		u8 bytes[16], map = (u8)(round / MODES / 3 % 8);

		random_fill(bytes);
		bytes[0] = first[kind];
		if (mode != INSN_64)
			bytes[1] |= 0xc0;
		if (kind != 1)
			bytes[1] = (u8)((bytes[1] & (kind == 2 ? 0xf0 : 0xe0)) | map);
		if (kind == 2)
			bytes[2] |= 0x04;
		bytes[kind == 0 ? 3 : kind == 1 ? 2 : 4] = (u8)i;
		compare(bytes, (int)mode);
	}
	assert_true(only_ours > before); /* undefined vector opcodes have a length here */
}

static void test_random(void **state __unused)
{
	static const u8 common[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36,
				     0x3e, 0x64, 0x65, 0x0f, 0x48, 0x4c, 0x41, 0x40 };

	print_message("seed %llx\n", (unsigned long long)seed);
	for (u32 i = 0; i < 400000; i++) {
		u8 bytes[16];

		random_fill(bytes);
		/* Half of them begin with up to 16 prefix and escape bytes. */
		for (u32 n = i & 1 ? (u32)(random_u64() >> 60) : 0; n-- > 0;)
			bytes[n] = common[random_u64() >> 60];
		compare(bytes, (int)(i % MODES));
	}
}

static bool zydis_knows(const u8 *prefix, u32 prefix_len, u32 map, u32 opcode, int mode)
{
	ZydisDecodedInstruction z;

	for (u32 modrm = 0; modrm < 256; modrm++) {
		u8 bytes[16] = { 0 };
		unsigned int at = 0;

		put(bytes, &at, prefix, prefix_len);
		if (map)
			bytes[at++] = 0x0f;
		bytes[at++] = (u8)opcode;
		bytes[at] = (u8)modrm;
		if (opcode == 0x0f)
			bytes[at + 1] = 0x9e; /* a suffix that 3DNow! has */
		if (ZYAN_SUCCESS(
			    ZydisDecoderDecodeInstruction(&decoders[mode], NULL, bytes, 15, &z)))
			return true;
	}
	return false;
}

/* What Zydis knows with no prefix and no ModRM byte is not an opcode for us either. */
static void test_undefined_opcodes(void **state __unused)
{
	static const u8 prefixes[] = { 0x66, 0xf2, 0xf3 };

	for (u32 i = 0; i < 2 * 256 * MODES; i++) {
		u32 map = i / MODES / 256, opcode = i / MODES % 256;
		int mode = (int)(i % MODES);
		u8 bytes[16] = { 0 };
		bool known = zydis_knows(prefixes, 0, map, opcode, mode);
		struct insn insn;

		for (u32 p = 0; p < ARRAY_SIZE(prefixes); p++)
			known |= zydis_knows(prefixes + p, 1, map, opcode, mode);
		known |= map == 0 && (opcode == 0xc4 || opcode == 0xc5 || opcode == 0x62);
		if (known)
			continue;
		bytes[0] = (u8)(map ? 0x0f : opcode);
		if (map)
			bytes[1] = (u8)opcode;
		if (!insn_decode(&insn, bytes, 15, (enum insn_mode)mode))
			FAIL(bytes, mode, "undefined opcode", insn.len, 0);
	}
}

/* Figures from the manuals, not from a decoder. */
static const struct {
	u8 bytes[16];
	int mode, err;
	u8 len;
} known[] = {
	{ { 0x0f, 0xa2 }, INSN_64, 0, 2 }, /* CPUID */
	{ { 0xf4 }, INSN_16, 0, 1 }, /* HLT */
	{ { 0x0f, 0x20, 0x05 }, INSN_64, 0, 3 }, /* MOV rbp, cr0: mod does not count */
	{ { 0x0f, 0x22, 0x44, 0xff }, INSN_32, 0, 3 }, /* no SIB either */
	{ { 0x66, 0xe8, 1, 2, 3, 4 }, INSN_64, E_INVAL, 0 }, /* vendors disagree */
	{ { 0x66, 0x48, 0xe8, 1, 2, 3, 4 }, INSN_64, 0, 7 }, /* REX.W settles it */
	{ { 0x66, 0xe8, 1, 2 }, INSN_32, 0, 4 },
	{ { 0x48, 0xb8 }, INSN_64, 0, 10 }, /* MOV rax, imm64 */
	{ { 0x67, 0xa1 }, INSN_64, 0, 6 }, /* MOV eax, moffs32 */
	{ { 0xf3, 0x0f, 0xb8, 0xc0 }, INSN_64, 0, 4 }, /* POPCNT */
	{ { 0x0f, 0xb8, 0xc0 }, INSN_64, E_INVAL, 0 }, /* JMPE */
	{ { 0x06 }, INSN_64, E_INVAL, 0 },
	{ { 0x06 }, INSN_32, 0, 1 },
	{ { 0xc4, 0x00 }, INSN_32, 0, 2 }, /* LES */
	{ { 0xc4, 0x00 }, INSN_64, E_INVAL, 0 }, /* VEX map 0 */
	{ { 0xc5, 0xf8, 0x77 }, INSN_64, 0, 3 }, /* VZEROUPPER */
	{ { 0x66, 0xc5, 0xf8, 0x77 }, INSN_64, E_INVAL, 0 }, /* no such prefixes here */
	{ { 0x48, 0xc5, 0xf8, 0x77 }, INSN_64, E_INVAL, 0 },
	{ { 0xc5, 0xf9, 0x74, 0xc0 }, INSN_64, 0, 4 }, /* VPCMPEQB */
	{ { 0xc5, 0xf8, 0x74, 0xc0 }, INSN_64, E_INVAL, 0 }, /* JKZD elsewhere */
	{ { 0xc4, 0xe1, 0x78, 0x74, 0xc0 }, INSN_64, E_INVAL, 0 },
	{ { 0x62, 0xf1, 0x7d, 0x48, 0x6f, 0x00 }, INSN_64, 0, 6 }, /* VMOVDQA32 */
	{ { 0x62, 0xf9, 0x7d, 0x48, 0x6f, 0x00 }, INSN_64, E_INVAL, 0 },
	{ { 0x62, 0xf1, 0x79, 0x48, 0x6f, 0x00 }, INSN_64, E_INVAL, 0 },
	{ { 0x8e, 0x08 }, INSN_64, E_INVAL, 0 }, /* MOV to CS */
	{ { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	    0x90 },
	  INSN_64,
	  0,
	  15 },
	{ { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	    0x66, 0x90 },
	  INSN_64,
	  E_RANGE,
	  0 },
};

static void test_directed(void **state __unused)
{
	for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
		struct insn insn;

		assert_int_equal(insn_decode(&insn, known[i].bytes, 16,
					     (enum insn_mode)known[i].mode),
				 known[i].err);
		if (!known[i].err)
			assert_int_equal(insn.len, known[i].len);
	}
}

/* Sign-extended where the instruction does that, otherwise zero-extended, to all 64 bits. */
static void test_values(void **state __unused)
{
	static const struct {
		u8 bytes[16];
		u64 imm;
		s64 disp;
	} cases[] = {
		{ { 0xe4, 0x80 }, 0x80, 0 }, /* IN al, 0x80 */
		{ { 0xcd, 0x80 }, 0x80, 0 }, /* INT 0x80 */
		{ { 0x83, 0x40, 0x80, 0x80 }, -0x80ull, -0x80 }, /* ADD [rax - 128], -128 */
		{ { 0xc2, 0xff, 0xff }, 0xffff, 0 }, /* RET 0xffff */
		{ { 0xc8, 0x01, 0x02, 0x03 }, 0x030201, 0 }, /* ENTER */
		{ { 0x48, 0xc7, 0x00, 0, 0, 0, 0x80 }, -0x80000000ull, 0 }, /* MOV [rax], imm32 */
		{ { 0x66, 0x81, 0x00, 0, 0x80 }, -0x8000ull, 0 },
		{ { 0x67, 0xa1, 0, 0, 0, 0x80 }, 0, 0x80000000 }, /* MOV eax, moffs32 */
		{ { 0xa1, 0, 0, 0, 0, 0, 0, 0, 0x80 }, 0, INT64_MIN },
		{ { 0x8b, 0x05, 0xff, 0xff, 0xff, 0xff }, 0, -1 }, /* MOV eax, [rip - 1] */
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct insn insn;

		assert_int_equal(insn_decode(&insn, cases[i].bytes, 15, INSN_64), 0);
		assert_int_equal(insn.imm, cases[i].imm);
		assert_int_equal(insn.disp, cases[i].disp);
	}
}

static int setup(void **state __unused)
{
	ZydisDecoderInit(&decoders[0], ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoders[1], ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoders[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return 0;
}

static int teardown(void **state __unused)
{
	print_message("compared %llu, refused on purpose %llu, ours only %llu\n",
		      (unsigned long long)compared, (unsigned long long)refused,
		      (unsigned long long)only_ours);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directed),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_undefined_opcodes),
		cmocka_unit_test(test_all_opcodes),
		cmocka_unit_test(test_vex),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("insn", tests, setup, teardown);
}
