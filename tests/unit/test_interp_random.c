/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter against Unicorn, an independent emulator: every opcode it has that Unicorn can
 * judge, with random operands and state, in real mode and in flat 32-bit protected mode. Registers,
 * flags, segments and memory must agree. Segment limits are left out: Unicorn does not check them.
 */
#include "interp_opcodes.h"

#include <unicorn/unicorn.h>

#define CODE_BASE 0x40000u
#define CODE_END 0xb0000u
#define UC(call) assert_int_equal(call, UC_ERR_OK)
#define NO_INTERRUPT 0xffffffffu

struct pair {
	struct machine ours;
	u8 theirs[MEMORY_SIZE] __aligned(4096);
	struct vcpu_regs regs; /* theirs */
	u16 selectors[SEG_GS + 1];
	uc_engine *uc;
	bool real;
	u32 interrupt;
	u64 code;
};

static const int uc_gprs[8] = {
	UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
	UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI,
};
static const int uc_segs[] = { UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS,
			       UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS };

static void on_interrupt(uc_engine *uc, u32 number, void *ctx)
{
	struct pair *p = ctx;

	/* It remembers an earlier #DE, and thinks that one leads to the other. */
	p->interrupt = number == 8 ? 0 : number;
	uc_emu_stop(uc);
}

static void set_state(struct pair *p)
{
	struct machine *m = &p->ours;

	if (p->real) {
		real_mode(m);
		put_seg(m, SEG_CS, (u16)(p->code >> 4), 0x9b, 0xffff, p->code);
	} else {
		protected_mode(m, 0);
		m->regs.rip = p->code;
		m->in.seg[SEG_CS].selector = p->selectors[SEG_CS];
		put_seg(m, SEG_FS, SEL_FREE, 0xc93, ~0u, 0x120);
		put_seg(m, SEG_GS, SEL_FREE + 8, 0xc93, ~0u, 0x340);
		put_u64(m, GDT + SEL_FREE, make_desc(0x120, 0xfffff, 0xc93));
		put_u64(m, GDT + SEL_FREE + 8, make_desc(0x340, 0xfffff, 0xc93));
		memcpy(p->theirs + GDT, m->memory + GDT, 0x100);
	}
}

static void pair_open(struct pair *p, bool real)
{
	uc_x86_mmr gdtr = { .base = GDT, .limit = 0xff };
	uc_hook hook;

	p->real = real;
	p->code = CODE_BASE;
	set_state(p);
	for (u32 i = 0; i < CODE_BASE; i++)
		if (real || i < GDT || i > GDT + 0xff)
			p->ours.memory[i] = (u8)(i & 0x4000 ? random_u64() : random_u64() & 1);
	memcpy(p->theirs, p->ours.memory, MEMORY_SIZE);
	UC(uc_open(UC_ARCH_X86, real ? UC_MODE_16 : UC_MODE_32, &p->uc));
	UC(uc_mem_map_ptr(p->uc, 0, MEMORY_SIZE, UC_PROT_ALL, p->theirs));
	UC(uc_hook_add(p->uc, &hook, UC_HOOK_INTR, (void *)on_interrupt, p, 1, 0));
	UC(uc_reg_read(p->uc, UC_X86_REG_CS, &p->selectors[SEG_CS]));
	if (real)
		return;
	UC(uc_reg_write(p->uc, UC_X86_REG_GDTR, &gdtr));
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		if (i != SEG_CS)
			UC(uc_reg_write(p->uc, uc_segs[i], &p->ours.in.seg[i].selector));
}

static void random_state(struct pair *p)
{
	struct vcpu_regs *regs = &p->ours.regs;

	set_state(p);
	for (int i = 0; i < 8; i++) {
		regs->gpr[i] = (u32)random_u64();
		if (random_below(4))
			regs->gpr[i] &= 0xffff;
		if (!random_below(8))
			regs->gpr[i] = (u32)(random_below(3) - 1);
	}
	if (!p->real)
		regs->gpr[GPR_RSP] = 0x1000 + random_below(0x6000);
	regs->rflags |= random_u64() & (RFLAGS_STATUS | RFLAGS_DF | RFLAGS_IF);
}

/* Run the instruction, all iterations of a REP, until it is where ours went. */
static uc_err run_theirs(struct pair *p, const struct vcpu_regs *start, bool string, bool fault)
{
	u64 until = fault ? MEMORY_SIZE : (u32)(p->ours.in.seg[SEG_CS].base + p->ours.regs.rip);
	uc_err err;

	for (int i = 0; i < 8; i++)
		UC(uc_reg_write(p->uc, uc_gprs[i], &start->gpr[i]));
	UC(uc_reg_write(p->uc, UC_X86_REG_EFLAGS, &start->rflags));
	for (unsigned int i = SEG_ES; p->real && i <= SEG_GS; i++) {
		u16 selector = i == SEG_CS ? (u16)(p->code >> 4) : (u16)(0x100 * i + 0x11);

		UC(uc_reg_write(p->uc, uc_segs[i], &selector));
	}
	p->interrupt = NO_INTERRUPT;
	err = uc_emu_start(p->uc, p->code, until, 0, string ? 0 : fault ? 1 : 2);
	memset(&p->regs, 0, sizeof(p->regs));
	for (int i = 0; i < 8; i++)
		UC(uc_reg_read(p->uc, uc_gprs[i], &p->regs.gpr[i]));
	UC(uc_reg_read(p->uc, UC_X86_REG_EFLAGS, &p->regs.rflags));
	UC(uc_reg_read(p->uc, UC_X86_REG_EIP, &p->regs.rip));
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		UC(uc_reg_read(p->uc, uc_segs[i], &p->selectors[i]));
	return err;
}

static char *hex(const u8 *bytes, unsigned int len)
{
	static char text[64];
	int used = 0;

	for (unsigned int i = 0; i < len; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, " %02x", bytes[i]);
	return text;
}

static void compare(struct pair *p, const struct vcpu_regs *start, const u8 *bytes,
		    unsigned int len)
{
	struct machine *m = &p->ours;
	u64 flags = (RFLAGS_LOADABLE & ~(u64)RFLAGS_RF) &
		    ~undefined_flags(&m->in.insn, start->gpr[GPR_RCX]);
	const char *text = hex(bytes, len);

	for (int i = 0; i < 8; i++)
		if (m->regs.gpr[i] != p->regs.gpr[i])
			fail_msg("%d%s: register %d: was %llx, ours %llx, Unicorn %llx", p->real,
				 text, i, (unsigned long long)start->gpr[i],
				 (unsigned long long)m->regs.gpr[i],
				 (unsigned long long)p->regs.gpr[i]);
	if (m->regs.rip != p->regs.rip)
		fail_msg("%d%s: rip: flags %llx, ours %llx, Unicorn %llx", p->real, text,
			 (unsigned long long)start->rflags, (unsigned long long)m->regs.rip,
			 (unsigned long long)p->regs.rip);
	if ((m->regs.rflags ^ p->regs.rflags) & flags)
		fail_msg("%d%s: flags: were %llx, ours %llx, Unicorn %llx", p->real, text,
			 (unsigned long long)start->rflags, (unsigned long long)m->regs.rflags,
			 (unsigned long long)p->regs.rflags);
	for (unsigned int i = SEG_ES; p->real && i <= SEG_GS; i++)
		if (m->in.seg[i].selector != p->selectors[i] ||
		    m->in.seg[i].base != (u64)p->selectors[i] << 4)
			fail_msg("%d%s: segment %u: ours %x, Unicorn %x", p->real, text, i,
				 m->in.seg[i].selector, p->selectors[i]);
	/* A difference further up stays until it is found. */
	if (memcmp(m->memory, p->theirs, p->code & 0xff0 ? 0x20000 : MEMORY_SIZE))
		fail_msg("%d%s: memory differs", p->real, text);
}

/* The opcode, random prefixes and operands. */
static void build(const struct pair *p, u32 which, u8 *bytes, unsigned int *modrm_at)
{
	static const u8 segs[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	u8 op = (u8)which;
	bool string = which < 0x100 && op >= 0xa4 && op <= 0xaf && (op & 0xfe) != 0xa8;
	unsigned int n = 0;

	if (!random_below(3))
		bytes[n++] = 0x66;
	if (!random_below(p->real ? 6 : 4))
		bytes[n++] = 0x67;
	if (!random_below(16))
		bytes[n++] = 0xf0;
	if (string && random_below(3))
		bytes[n++] = (u8)(0xf2 + random_below(2));
	if (!random_below(4))
		bytes[n++] = segs[random_below(6)];
	if (which >= 0x100)
		bytes[n++] = 0x0f;
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

/* A displacement of 32 bits that stays within memory. */
static void tame(struct pair *p, u8 *bytes, unsigned int modrm_at)
{
	struct insn insn;
	unsigned int at = modrm_at;

	if (insn_decode(&insn, bytes, 15, p->real ? INSN_16 : INSN_32))
		return;
	if (is_string(&insn))
		p->ours.regs.gpr[GPR_RCX] &= (insn.addrsize == 2 ? ~0xffffull : 0) | 7;
	if (!insn.mem)
		return;
	if (insn.has_modrm)
		at += insn.addrsize == 4 && (insn.modrm & 7) == 4 ? 2 : 1;
	if (insn.addrsize == 4 && at + 4 <= 15)
		bytes[at + 2] = bytes[at + 3] = 0;
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
	return !unicorn_lacks(&m->in.insn, p->real);
}

static void judge(struct pair *p, const struct vcpu_regs *start, const u8 *bytes, uc_err err)
{
	struct machine *m = &p->ours;
	u8 len = m->in.insn.len;

	/* It has jumped to where nothing is. */
	if (err == UC_ERR_FETCH_UNMAPPED && m->regs.rip >= MEMORY_SIZE)
		err = UC_ERR_OK;
	if (err != UC_ERR_OK || p->interrupt != NO_INTERRUPT)
		fail_msg("%d%s: ours done, Unicorn says %d, %u", p->real, hex(bytes, len), err,
			 p->interrupt);
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
	bool compared;
	uc_err err;

	random_state(p);
	build(p, which, bytes, &modrm_at);
	tame(p, bytes, modrm_at);
	memcpy(m->memory + p->code, bytes, 16);
	memcpy(p->theirs + p->code, bytes, 16);
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
	if (result == INTERP_DONE)
		judge(p, &start, bytes, err);
	/* Which fault it was it does not always say. */
	else if (p->regs.rip != start.rip ||
		 m->in.fault.vector !=
			 (p->interrupt != NO_INTERRUPT ? p->interrupt : m->in.fault.vector))
		fail_msg("%d%s: ours fault %u, Unicorn %u, rip %llx", p->real,
			 hex(bytes, m->in.insn.len), m->in.fault.vector, p->interrupt,
			 (unsigned long long)p->regs.rip);
	p->code += 16;
	return true;
}

static void against_unicorn(bool real)
{
	static struct pair p;
	u32 done[0x200] = { 0 }, total = 0;

	pair_open(&p, real);
	for (u32 i = 0; i < 300000 && p.code < CODE_END; i++) {
		u32 which = i & 0x1ff, op = which & 0xff;
		u32 where = which < 0x100 ? where0(op) : where1(op);

		if (where & (real ? IN_REAL : IN_FLAT) && one_case(&p, which)) {
			done[which]++;
			total++;
		}
	}
	uc_close(p.uc);
	print_message("%u cases compared\n", total);
	for (u32 which = 0; which < 0x200; which++) {
		u32 op = which & 0xff, where = which < 0x100 ? where0(op) : where1(op);

		if (where & (real ? IN_REAL : IN_FLAT) && done[which] < 15)
			fail_msg("only %u cases of opcode %x", done[which], which);
	}
}

static void test_real(void **state __unused)
{
	against_unicorn(true);
}

static void test_flat(void **state __unused)
{
	against_unicorn(false);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_flat),
	};

	return cmocka_run_group_tests_name("interp_random", tests, NULL, NULL);
}
