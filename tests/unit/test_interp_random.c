/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter against Unicorn: every opcode it has that Unicorn can judge, with random operands
 * and state, in three modes. Registers, flags, segments and memory must agree. Segment limits are
 * left out: Unicorn does not check them.
 */
#include "interp_pair.h"

/* String instructions, and counts of zeros. */
static bool has_rep(u32 which)
{
	u32 op = which & 0xff;

	if (which < 0x100)
		return op >= 0xa4 && op <= 0xaf && (op & 0xfe) != 0xa8;
	return which == 0x1bc || which == 0x1bd;
}

/* The opcode, random prefixes and operands. */
static void build(const struct pair *p, u32 which, u8 *bytes, unsigned int *modrm_at)
{
	static const u8 segs[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	u8 op = (u8)which;
	unsigned int n = 0;
	u64 mandatory = random_below(4);

	if (is_vector_opcode(which >> 8, op) ? mandatory == 1 : !random_below(3))
		bytes[n++] = 0x66;
	if (!random_below(p->mode == INSN_16 ? 6 : 4))
		bytes[n++] = 0x67;
	if (!random_below(16))
		bytes[n++] = 0xf0;
	if (is_vector_opcode(which >> 8, op) && mandatory > 1)
		bytes[n++] = (u8)(0xf0 + mandatory);
	if (has_rep(which) && random_below(3))
		bytes[n++] = (u8)(0xf2 + random_below(2));
	if (!random_below(4))
		bytes[n++] = segs[random_below(6)];
	if (p->mode == INSN_64 && random_below(2))
		bytes[n++] = (u8)(0x40 + random_below(16));
	if (which >= 0x100)
		bytes[n++] = 0x0f;
	if (which >= 0x200)
		bytes[n++] = 0x38;
	bytes[n++] = op;
	*modrm_at = n;
	while (n < 15)
		bytes[n++] = (u8)random_u64();
	/* CMPXCHG8B is all of its group that is compared; POP, and MOV, are all of theirs. */
	if (which == 0x1c7)
		bytes[*modrm_at] = (u8)((bytes[*modrm_at] & 0x47) | 8);
	else if (which == 0x8f || which == 0xc6 || which == 0xc7)
		bytes[*modrm_at] &= (u8)~0x38;
	/* Small counts and old-fashioned bases as well. */
	if (!random_below(4))
		bytes[*modrm_at + 1] &= 15;
}

/* So that the sum of base, index and displacement is a multiple of 16. */
static void align_operand(struct pair *p, u8 *disp)
{
	for (int i = 0; i < GPR_COUNT; i++)
		p->ours.regs.gpr[i] &= ~15ull;
	disp[0] &= 0xf0;
}

/* A displacement of 32 bits that stays within memory. */
static void tame(struct pair *p, u32 which, u8 *bytes, unsigned int modrm_at)
{
	struct insn insn;
	unsigned int at = modrm_at;

	if (insn_decode(&insn, bytes, 15, p->mode))
		return;
	if (is_string(&insn))
		p->ours.regs.gpr[GPR_RCX] &= ~alu_mask(insn.addrsize) | 7;
	if (!insn.mem)
		return;
	if (insn.has_modrm)
		at += insn.addrsize >= 4 && (insn.modrm & 7) == 4 ? 2 : 1;
	if (is_vector_opcode(which >> 8, which & 0xff) && random_below(8))
		align_operand(p, bytes + at);
	if (insn.addrsize >= 4 && at + 4 <= 15)
		bytes[at + 2] = bytes[at + 3] = 0;
	if (!insn.has_modrm && insn.addrsize == 8)
		memset(bytes + at + 4, 0, 4);
}

/* Of faults those that do not depend on segments: #DE and #BR. */
static bool comparable(const struct pair *p, enum interp_result result)
{
	const struct machine *m = &p->ours;
	u64 to;

	if (result == INTERP_FAULT)
		return m->in.fault.vector == 0 || m->in.fault.vector == 5;
	/* It stops where ours went, but not at code that it has translated; which must not change. */
	to = m->in.seg[SEG_CS].base + m->regs.rip;
	if (result != INTERP_DONE || (to >= CODE_BASE && to <= p->code) ||
	    (m->writes && m->in.insn.seg == SEG_CS))
		return false;
	return !unicorn_lacks(&m->in.insn, p->mode);
}

static void judge(struct pair *p, const struct vcpu_regs *start, const u8 *bytes, uc_err err)
{
	struct machine *m = &p->ours;
	u8 len = m->in.insn.len;

	/* It has jumped to where nothing is. */
	if (err == UC_ERR_FETCH_UNMAPPED && m->regs.rip >= MEMORY_SIZE)
		err = UC_ERR_OK;
	if (err != UC_ERR_OK || p->interrupt != NO_INTERRUPT)
		fail_msg("%d-bit%s: ours done, Unicorn says %d, %u", 16 << p->mode, hex(bytes, len),
			 err, p->interrupt);
	compare(p, start, bytes, len);
}

/* False: nothing to compare. */
static bool one_case(struct pair *p, u32 which)
{
	struct machine *m = &p->ours;
	struct vcpu_regs start;
	unsigned int modrm_at;
	enum interp_result result;
	u8 bytes[16] = { 0 };
	bool compared, vector = is_vector_opcode(which >> 8, which & 0xff);
	uc_err err;

	random_state(p);
	build(p, which, bytes, &modrm_at);
	tame(p, which, bytes, modrm_at);
	memcpy(m->memory + p->code, bytes, 16);
	memcpy(p->theirs + p->code, bytes, 16);
	if (vector) {
		random_vectors(p);
		write_vectors(p);
	}
	start = m->regs;
	result = step(m);
	compared = comparable(p, result);
	/* But for the elements before the one that failed. */
	if (result != INTERP_DONE && !is_string(&m->in.insn))
		assert_memory_equal(&m->regs, &start, sizeof(start));
	if (result != INTERP_DONE || !compared)
		unwrite(m);
	if (!compared)
		return false;
	err = run_theirs(p, &start, is_string(&m->in.insn), result == INTERP_FAULT);
	if (result == INTERP_DONE && vector)
		compare_vectors(p, bytes, m->in.insn.len);
	if (result == INTERP_DONE)
		judge(p, &start, bytes, err);
	/* Which fault it was it does not always say. */
	else if (p->regs.rip != start.rip ||
		 m->in.fault.vector !=
			 (p->interrupt != NO_INTERRUPT ? p->interrupt : m->in.fault.vector))
		fail_msg("%d-bit%s: ours fault %u, Unicorn %u, rip %llx", 16 << p->mode,
			 hex(bytes, m->in.insn.len), m->in.fault.vector, p->interrupt,
			 (unsigned long long)p->regs.rip);
	p->code += 16;
	return true;
}

static void against_unicorn(enum insn_mode mode)
{
	static const u32 in_mode[] = { IN_REAL, IN_FLAT, IN_LONG };
	static struct pair p;
	u32 done[WHICH_END] = { 0 }, total = 0;

	print_message("seed %llx\n", (unsigned long long)seed);
	pair_open(&p, mode);
	for (u32 i = 0; i < 600 * WHICH_END && p.code < CODE_END; i++) {
		u32 which = i % WHICH_END;

		if (where(which) & in_mode[mode] && one_case(&p, which)) {
			done[which]++;
			total++;
		}
	}
	uc_close(p.uc);
	print_message("%u cases compared\n", total);
	for (u32 which = 0; which < WHICH_END; which++) {
		if (where(which) & in_mode[mode] && done[which] < 8)
			fail_msg("only %u cases of opcode %x", done[which], which);
	}
}

static void test_real(void **state __unused)
{
	against_unicorn(INSN_16);
}

static void test_flat(void **state __unused)
{
	against_unicorn(INSN_32);
}

static void test_long(void **state __unused)
{
	against_unicorn(INSN_64);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests_name("interp_random", tests, NULL, NULL);
}
