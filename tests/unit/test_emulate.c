/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction emulator against Unicorn: registers, flags and memory after random
 * instructions of all kinds it has, in the three modes. Besides: LOCK is accepted exactly where
 * Zydis accepts it, failing accesses change nothing, and no bytes whatever are unsafe.
 */
#include "emulate_fixture.h"

#include <Zydis/Zydis.h>

/* Flags that the manuals leave undefined. */
static u64 undefined_flags(const struct insn *insn)
{
	u8 group = insn->opcode >= 0x80 && insn->opcode <= 0x83 ? insn->reg & 7 : insn->opcode >> 3;

	if (insn->map == 1)
		return insn->opcode == 0xba || (insn->opcode & 7) == 3
			       ? RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF
			       : 0;
	if (insn->opcode < 0x40 || (insn->opcode >= 0x80 && insn->opcode <= 0x83))
		return group == 1 || group == 4 || group == 6 ? RFLAGS_AF : 0;
	if (insn->opcode == 0x84 || insn->opcode == 0x85 ||
	    ((insn->opcode & 0xfe) == 0xf6 && (insn->reg & 7) < 2))
		return RFLAGS_AF;
	return 0;
}

static void compare(struct machine *m, const struct text *t, const struct insn *insn,
		    const struct vcpu_regs *theirs)
{
	u64 flags = (ALL_FLAGS | RFLAGS_DF) & ~undefined_flags(insn);
	char text[64];
	int used = snprintf(text, sizeof(text), "%d-bit:", 16 << m->mode);

	for (unsigned int i = 0; i < insn->len; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, " %02x", t->bytes[i]);
	for (int i = 0; i < GPR_COUNT; i++)
		if (m->regs.gpr[i] != theirs->gpr[i])
			fail_msg("%s: register %d: ours %llx, Unicorn %llx", text, i,
				 (unsigned long long)m->regs.gpr[i],
				 (unsigned long long)theirs->gpr[i]);
	if (m->regs.rip != theirs->rip)
		fail_msg("%s: rip: ours %llx, Unicorn %llx", text, (unsigned long long)m->regs.rip,
			 (unsigned long long)theirs->rip);
	if ((m->regs.rflags ^ theirs->rflags) & flags)
		fail_msg("%s: flags: ours %llx, Unicorn %llx", text,
			 (unsigned long long)m->regs.rflags, (unsigned long long)theirs->rflags);
	if (memcmp(m->ours, m->theirs, DATA_SIZE))
		fail_msg("%s: memory differs", text);
}

/*
 * What Unicorn 2.0 cannot judge: it does not know the second encoding of TEST, nor MOV of an
 * immediate with REX.R, which CPUs ignore; it has the flags of a locked NEG wrong (CPUs give those
 * of NEG); and its code segment is where its code is.
 */
static bool unicorn_lacks(const struct insn *insn)
{
	bool unary = insn->map == 0 && (insn->opcode & 0xfe) == 0xf6;

	if (insn->map == 0 && (insn->opcode & 0xfe) == 0xc6 && insn->reg == 8)
		return true;
	return (unary && (insn->reg & 7) == 1) || insn->seg == SEG_CS ||
	       (unary && (insn->reg & 7) == 3 && insn->prefixes & INSN_PFX_LOCK);
}

/* False: nothing to compare. */
static bool one_case(struct machine *m, u32 which)
{
	struct vcpu_regs start, theirs;
	struct text t;
	struct insn insn;
	int err;

	build(&t, which, m->mode);
	random_state(m);
	if (insn_decode(&insn, t.bytes, INSN_MAX_LEN, m->mode) || (!is_string(&insn) && !insn.mem))
		return false;
	if (unicorn_lacks(&insn) || !place(m, &t, &insn))
		return false;
	start = m->regs;
	do {
		err = emu_execute(&m->emu, &insn);
	} while (!err && m->regs.rip == start.rip);
	if (err) {
		assert_int_equal(err, E_UNSUPPORTED);
		assert_memory_equal(&m->regs, &start, sizeof(start));
		return false;
	}
	struct vcpu_regs ours = m->regs;

	m->regs = start;
	run_theirs(m, t.bytes, insn.len, &theirs);
	m->regs = ours;
	compare(m, &t, &insn, &theirs);
	m->code += 16;
	return true;
}

static void against_unicorn(enum insn_mode mode)
{
	static struct machine m;
	u32 done[OPCODES] = { 0 }, total = 0;

	machine_open(&m, mode);
	for (u32 i = 0; i < DATA_SIZE; i++)
		m.ours[i] = m.theirs[i] = (u8)random_u64();
	for (u32 i = 0; i < 120000 && m.code < m.code_end; i++) {
		bool compared = one_case(&m, i % OPCODES);

		done[i % OPCODES] += compared;
		total += compared;
	}
	print_message("%u cases compared\n", total);
	for (u32 i = 0; i < OPCODES; i++) {
		bool none = (mode == INSN_64 && i < ARRAY_SIZE(opcodes0) && opcodes0[i] == 0x82) ||
			    (mode != INSN_64 && i < ARRAY_SIZE(opcodes0) && opcodes0[i] == 0x63);

		if (none ? done[i] : done[i] < 50)
			fail_msg("%u cases only of opcode %u", done[i], i);
	}
	machine_close(&m);
}

static void test_unicorn16(void **state __unused)
{
	against_unicorn(INSN_16);
}

static void test_unicorn32(void **state __unused)
{
	against_unicorn(INSN_32);
}

static void test_unicorn64(void **state __unused)
{
	against_unicorn(INSN_64);
}

/* All opcodes and digits: LOCK is accepted where it is an instruction, and only there. */
static void test_lock(void **state __unused)
{
	static struct machine m;
	ZydisDecoder decoder;
	u32 accepted = 0;

	machine_open(&m, INSN_64);
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (u32 i = 0; i < OPCODES * 8; i++) {
		u32 which = i / 8, two = which >= ARRAY_SIZE(opcodes0);
		u8 bytes[15] = { 0xf0, 0x0f };
		ZydisDecodedInstruction z;
		struct insn insn;
		bool valid, ours;

		bytes[1 + two] = two ? opcodes1[which - ARRAY_SIZE(opcodes0)] : opcodes0[which];
		bytes[2 + two] = (u8)(i % 8 << 3); /* [rax] */
		valid = ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, 15, &z));
		m.regs.gpr[GPR_RAX] = DATA_BASE;
		m.regs.gpr[GPR_RCX] = m.regs.gpr[GPR_RDX] = m.regs.gpr[GPR_RBX] = 0;
		m.reads = m.writes = 0;
		if (insn_decode(&insn, bytes, 15, INSN_64))
			continue;
		ours = emu_execute(&m.emu, &insn) == 0;
		if (ours != valid)
			fail_msg("LOCK %02x %02x %02x: ours %d, Zydis %d", bytes[1], bytes[2],
				 bytes[3], ours, valid);
		assert_true(ours ? m.reads == 1 && m.writes == 1 : m.reads + m.writes == 0);
		accepted += ours;
	}
	assert_true(accepted > 100);
	machine_close(&m);
}

/* An access fails: its code comes back and nothing has changed. */
static void test_failing(void **state __unused)
{
	static struct machine m;
	u32 failed = 0;

	machine_open(&m, INSN_64);
	for (u32 i = 0; i < 20000; i++) {
		struct vcpu_regs start;
		struct text t;
		struct insn insn;
		int err;

		build(&t, i % OPCODES, INSN_64);
		random_state(&m);
		if (insn_decode(&insn, t.bytes, 15, INSN_64) || !place(&m, &t, &insn))
			continue;
		m.fail_reads = i & 1;
		m.fail_writes = i & 2;
		start = m.regs;
		m.reads = m.writes = 0;
		err = emu_execute(&m.emu, &insn);
		if (err == FAILED) {
			assert_memory_equal(&m.regs, &start, sizeof(start));
			assert_true(m.reads + m.writes > 0);
			failed++;
		} else if (err == E_UNSUPPORTED) {
			assert_memory_equal(&m.regs, &start, sizeof(start));
			assert_int_equal(m.reads + m.writes, 0);
		} else {
			assert_int_equal(err, 0); /* it did without what fails */
			assert_false(m.fail_reads && m.reads);
			assert_false(m.fail_writes && m.writes);
		}
		assert_false(m.fail_reads && m.reads && m.writes);
	}
	assert_true(failed > 5000);
	machine_close(&m);
}

/* Whatever decodes can be passed; the sanitizers watch. */
static void test_any_bytes(void **state __unused)
{
	static struct machine m;
	u32 executed = 0;

	for (int mode = INSN_16; mode <= INSN_64; mode++) {
		machine_open(&m, (enum insn_mode)mode);
		for (u32 i = 0; i < 300000; i++) {
			u64 bytes[2] = { random_u64(), random_u64() };
			struct vcpu_regs start;
			struct insn insn;
			int err;

			if (insn_decode(&insn, (u8 *)bytes, 15, m.mode))
				continue;
			random_state(&m);
			start = m.regs;
			err = emu_execute(&m.emu, &insn);
			if (err)
				assert_memory_equal(&m.regs, &start, sizeof(start));
			executed += !err;
		}
		machine_close(&m);
	}
	assert_true(executed > 100);
}

/* What the comparisons above leave out. */
static void test_directed(void **state __unused)
{
	static const struct {
		u8 bytes[15];
		int mode, err;
		u64 rip, flags; /* afterwards */
		u32 memory; /* afterwards; 0x11223380 before */
	} cases[] = {
		{ { 0xf6, 0x08, 0x7f }, INSN_64, 0, 0x1003, 0x46, 0x11223380 }, /* TEST, /1 */
		{ { 0x45, 0xc6, 0x00, 0x39 }, INSN_64, 0, 0x1004, 2, 0x11223339 }, /* REX.R */
		{ { 0xf0, 0xf6, 0x18 }, INSN_64, 0, 0x1003, 0x883, 0x11223380 }, /* LOCK NEG */
		{ { 0x89, 0xc3 }, INSN_64, E_UNSUPPORTED, 0x1000, 2, 0x11223380 },
		{ { 0x0f, 0xa2 }, INSN_64, E_UNSUPPORTED, 0x1000, 2, 0x11223380 },
		{ { 0xf7, 0x20 }, INSN_64, E_UNSUPPORTED, 0x1000, 2, 0x11223380 }, /* MUL */
		{ { 0xff, 0x20 }, INSN_64, E_UNSUPPORTED, 0x1000, 2, 0x11223380 }, /* JMP */
		{ { 0x63, 0x00 }, INSN_32, E_UNSUPPORTED, 0x1000, 2, 0x11223380 }, /* ARPL */
		{ { 0xc5, 0xf8, 0x28, 0x00 }, INSN_64, E_UNSUPPORTED, 0x1000, 2, 0x11223380 },
		{ { 0xc5, 0xf8, 0xb6, 0x00 }, INSN_64, E_UNSUPPORTED, 0x1000, 2, 0x11223380 },
		{ { 0x0f, 0x38, 0xb6, 0x00 }, INSN_64, E_UNSUPPORTED, 0x1000, 2, 0x11223380 },
		{ { 0x2e, 0xfe, 0x00 }, INSN_32, 0, 0x1003, 0x86, 0x11223381 }, /* INC cs:[eax] */
	};
	static struct machine m;

	machine_open(&m, INSN_64);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct insn insn;
		u32 memory = 0x11223380;

		m.emu.mode = (enum insn_mode)cases[i].mode;
		memcpy(m.ours, &memory, 4);
		memset(&m.regs, 0, sizeof(m.regs));
		m.regs.gpr[GPR_RAX] = m.regs.gpr[GPR_R8] = DATA_BASE;
		m.regs.rip = 0x1000;
		m.regs.rflags = RFLAGS_FIXED;
		assert_int_equal(insn_decode(&insn, cases[i].bytes, 15, m.emu.mode), 0);
		assert_int_equal(emu_execute(&m.emu, &insn), cases[i].err);
		assert_int_equal(m.regs.rip, cases[i].rip);
		assert_int_equal(m.regs.rflags, cases[i].flags);
		assert_memory_equal(m.ours, &cases[i].memory, 4);
	}
	machine_close(&m);
}

/* One element a call, RIP stays until the last; addresses and RIP wrap around at 4 GiB. */
static void test_rep_and_wrap(void **state __unused)
{
	static const u8 rep_movsd[] = { 0xf3, 0xa5 }, load_eax[] = { 0xa1, 0x00, 0x00, 0x00, 0xff };
	static struct machine m;
	struct insn insn;

	machine_open(&m, INSN_32);
	m.regs = (struct vcpu_regs){ .rip = 0xfffffffe, .rflags = RFLAGS_FIXED };
	m.regs.gpr[GPR_RCX] = 2;
	m.regs.gpr[GPR_RSI] = DATA_BASE;
	m.regs.gpr[GPR_RDI] = DATA_BASE + 0x100;
	assert_int_equal(insn_decode(&insn, rep_movsd, 2, INSN_32), 0);
	for (u32 i = 1; i <= 2; i++) {
		assert_int_equal(m.regs.rip, 0xfffffffe);
		assert_int_equal(emu_execute(&m.emu, &insn), 0);
		assert_int_equal(m.reads, i);
		assert_int_equal(m.writes, i);
	}
	assert_int_equal(m.regs.rip, 0);
	assert_int_equal(m.regs.gpr[GPR_RCX], 0);
	assert_int_equal(emu_execute(&m.emu, &insn), 0); /* rCX is 0: over it goes */
	assert_int_equal(m.reads, 2);
	assert_int_equal(m.regs.rip, 2);
	m.emu.seg_base[SEG_DS] = 0x01000000ull + DATA_BASE;
	assert_int_equal(insn_decode(&insn, load_eax, 5, INSN_32), 0);
	assert_int_equal(emu_linear(&m.emu, &insn), DATA_BASE);
	machine_close(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unicorn16), cmocka_unit_test(test_unicorn32),
		cmocka_unit_test(test_unicorn64), cmocka_unit_test(test_lock),
		cmocka_unit_test(test_failing),   cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_directed),  cmocka_unit_test(test_rep_and_wrap),
	};

	return cmocka_run_group_tests_name("emulate", tests, NULL, NULL);
}
