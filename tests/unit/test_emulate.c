/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short cut for moves against Unicorn: registers, flags and memory after random instructions of
 * all kinds it has, in the three modes. Besides: what it has not is left alone, failing accesses
 * change nothing, and no bytes whatever are unsafe.
 */
#include "emulate_fixture.h"

static void compare(struct machine *m, const struct text *t, const struct insn *insn,
		    const struct vcpu_regs *theirs)
{
	u64 flags = ALL_FLAGS | RFLAGS_DF;
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
 * What Unicorn 2.0 cannot judge: MOV of an immediate with REX.R, which CPUs ignore; and its code
 * segment is where its code is.
 */
static bool unicorn_lacks(const struct insn *insn)
{
	return insn->seg == SEG_CS ||
	       (insn->map == 0 && (insn->opcode & 0xfe) == 0xc6 && insn->reg == 8);
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
	if (insn_decode(&insn, t.bytes, INSN_MAX_LEN, m->mode) || !insn.mem)
		return false;
	if (unicorn_lacks(&insn) || !place(m, &t, &insn))
		return false;
	start = m->regs;
	err = emu_execute(&m->emu, &insn);
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

	print_message("seed %llx\n", (unsigned long long)seed);
	machine_open(&m, mode);
	for (u32 i = 0; i < DATA_SIZE; i++)
		m.ours[i] = m.theirs[i] = (u8)random_u64();
	for (u32 i = 0; i < 60000 && m.code < m.code_end; i++) {
		bool compared = one_case(&m, i % OPCODES);

		done[i % OPCODES] += compared;
		total += compared;
	}
	print_message("%u cases compared\n", total);
	for (u32 i = 0; i < OPCODES; i++) {
		if (done[i] < 50)
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

static bool is_ours(const u8 *bytes, bool lock)
{
	if (lock)
		return false;
	if (bytes[0] == 0x0f)
		return memchr(opcodes1, bytes[1], sizeof(opcodes1));
	return memchr(opcodes0, bytes[0], sizeof(opcodes0));
}

/* All opcodes of two maps, with a memory operand, LOCK or not: nothing else is done. */
static void test_others(void **state __unused)
{
	static struct machine m;

	machine_open(&m, INSN_64);
	for (u32 i = 0; i < 2 * 2 * 256; i++) {
		bool lock = i & 0x100, two = i & 0x200;
		u8 bytes[15] = { 0xf0, 0x0f };
		u8 *at = bytes + lock;
		struct insn insn;

		at[0] = two ? 0x0f : (u8)i;
		at[1] = two ? (u8)i : 0; /* [rax] */
		at[2] = 0;
		m.regs.gpr[GPR_RAX] = DATA_BASE;
		m.emu.seg_base[SEG_DS] = 0;
		m.reads = m.writes = 0;
		if (insn_decode(&insn, bytes, 15, INSN_64))
			continue;
		if (!insn.has_modrm && insn.mem)
			m.emu.seg_base[SEG_DS] = DATA_BASE - (u64)insn.disp;
		assert_int_equal(emu_execute(&m.emu, &insn), is_ours(at, lock) ? 0 : E_UNSUPPORTED);
		assert_int_equal(m.reads + m.writes, is_ours(at, lock));
	}
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
		u64 rip; /* afterwards */
		u32 memory; /* afterwards; 0x11223380 before */
	} cases[] = {
		{ { 0x45, 0xc6, 0x00, 0x39 }, INSN_64, 0, 0x1004, 0x11223339 }, /* REX.R */
		{ { 0x2e, 0xc6, 0x00, 0x39 }, INSN_32, 0, 0x1004, 0x11223339 }, /* MOV cs:[eax] */
		{ { 0x89, 0xc3 }, INSN_64, E_UNSUPPORTED, 0x1000, 0x11223380 },
		{ { 0x0f, 0xa2 }, INSN_64, E_UNSUPPORTED, 0x1000, 0x11223380 },
		{ { 0xc5, 0xf8, 0x28, 0x00 }, INSN_64, E_UNSUPPORTED, 0x1000, 0x11223380 },
		{ { 0xc5, 0xf8, 0xb6, 0x00 }, INSN_64, E_UNSUPPORTED, 0x1000, 0x11223380 },
		{ { 0x0f, 0x38, 0xb6, 0x00 }, INSN_64, E_UNSUPPORTED, 0x1000, 0x11223380 },
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
		assert_int_equal(m.regs.rflags, RFLAGS_FIXED);
		assert_memory_equal(m.ours, &cases[i].memory, 4);
	}
	machine_close(&m);
}

/* Addresses and RIP wrap around at 4 GiB. */
static void test_wrap(void **state __unused)
{
	static const u8 load_eax[] = { 0xa1, 0x00, 0x00, 0x00, 0xff };
	static struct machine m;
	struct insn insn;

	machine_open(&m, INSN_32);
	m.regs = (struct vcpu_regs){ .rip = 0xfffffffe, .rflags = RFLAGS_FIXED };
	m.emu.seg_base[SEG_DS] = 0x01000000ull + DATA_BASE;
	assert_int_equal(insn_decode(&insn, load_eax, 5, INSN_32), 0);
	assert_int_equal(emu_linear(&m.emu, &insn), DATA_BASE);
	assert_int_equal(emu_execute(&m.emu, &insn), 0);
	assert_int_equal(m.regs.rip, 3);
	machine_close(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unicorn16), cmocka_unit_test(test_unicorn32),
		cmocka_unit_test(test_unicorn64), cmocka_unit_test(test_others),
		cmocka_unit_test(test_failing),   cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_directed),  cmocka_unit_test(test_wrap),
	};

	return cmocka_run_group_tests_name("emulate", tests, NULL, NULL);
}
