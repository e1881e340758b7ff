/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses of every kind to one page, and what the architecture says of each.
 */
#include "tests/guest/paging_access.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"

#define CPUID_SMEP BIT(7) /* 7.ebx */
#define CPUID_SMAP BIT(20) /* 7.ebx */

#define AT_RET 0u
#define AT_USER_RETURN 16u
#define AT_DATA 64u
#define MOST_REPORTS 5u

const char *const access_names[ACCESS_KINDS] = {
	[READ] = "read",           [WRITE] = "write",           [FETCH] = "fetch",
	[USER_READ] = "user read", [USER_WRITE] = "user write", [USER_FETCH] = "user fetch",
};

u8 access_page[4096] __aligned(4096);
u8 access_user_stack[4096] __aligned(4096);
u32 access_count;

static u32 reports;

void access_init(void)
{
	static const u8 user_return[] = { 0xcd, VEC_USER_RETURN };

	access_page[AT_RET] = 0xc3;
	memcpy(access_page + AT_USER_RETURN, user_return, sizeof(user_return));
	idt_set_dpl(VEC_USER_RETURN, 3);
}

static void with_ac(bool ac)
{
	ulong flags = read_flags();

	flags = ac ? flags | FLAGS_AC : flags & ~(ulong)FLAGS_AC;
	asm volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}

static void read_plain(ulong va)
{
	with_ac(false);
	(void)*(volatile u32 *)va;
}

static void read_ac(ulong va)
{
	with_ac(true);
	(void)*(volatile u32 *)va;
	with_ac(false);
}

static void write_plain(ulong va)
{
	with_ac(false);
	*(volatile u32 *)va = 1;
}

static void write_ac(ulong va)
{
	with_ac(true);
	*(volatile u32 *)va = 1;
	with_ac(false);
}

static void __user_code user_read(ulong va)
{
	asm volatile("movl (%0), %%ecx; " USER_RETURN : : "r"(va) : "memory", "ecx");
}

static void __user_code user_write(ulong va)
{
	asm volatile("movl $1, (%0); " USER_RETURN : : "r"(va) : "memory");
}

static u32 do_access(enum access kind, ulong va, bool ac)
{
	void *top = access_user_stack + sizeof(access_user_stack);

	switch (kind) {
	case READ:
		return trap_call(ac ? read_ac : read_plain, va + AT_DATA);
	case WRITE:
		return trap_call(ac ? write_ac : write_plain, va + AT_DATA);
	case FETCH:
		return trap_call((void (*)(ulong))(va + AT_RET), 0);
	case USER_READ:
		return trap_call_user(user_read, va + AT_DATA, top, 2);
	case USER_WRITE:
		return trap_call_user(user_write, va + AT_DATA, top, 2);
	default:
		return trap_call_user((user_fn *)(va + AT_USER_RETURN), 0, top, 2);
	}
}

u32 access_try(enum access kind, ulong va, const struct access_rules *rules)
{
	u32 vector = do_access(kind, va, rules->ac);

	access_count++;
	if (vector == TRAP_NONE || (kind >= USER_READ && vector == VEC_USER_RETURN))
		return ACCESS_DONE;
	if (vector != VEC_PF)
		tap_bail_out("%s: exception %u", access_names[kind], vector);
	if (trap.cr2 - va >= 4096)
		return ~0u;
	return trap.error;
}

static bool denied_to_user(enum access kind, u64 flags)
{
	return !(flags & PTE_U) || (kind == USER_WRITE && !(flags & PTE_W)) ||
	       (kind == USER_FETCH && (flags & PTE_NX));
}

static bool denied_to_supervisor(enum access kind, u64 flags, const struct access_rules *rules)
{
	if (kind == FETCH)
		return (flags & PTE_NX) || ((flags & PTE_U) && rules->smep);
	if ((flags & PTE_U) && rules->smap && !rules->ac)
		return true;
	return kind == WRITE && !(flags & PTE_W) && rules->wp;
}

u32 access_want(enum access kind, u64 flags, const struct access_rules *rules)
{
	bool user = kind >= USER_READ;
	u32 error = 0;

	if ((flags & PTE_P) &&
	    !(user ? denied_to_user(kind, flags) : denied_to_supervisor(kind, flags, rules)))
		return ACCESS_DONE;
	if (flags & PTE_P)
		error |= PF_P;
	if (user)
		error |= PF_U;
	if (kind == WRITE || kind == USER_WRITE)
		error |= PF_W;
	if ((kind == FETCH || kind == USER_FETCH) && (rules->nxe || rules->smep))
		error |= PF_FETCH;
	return error;
}

void access_set_rules(const struct access_rules *rules)
{
	ulong cr0 = read_cr0() & ~(ulong)CR0_WP;
	ulong cr4 = read_cr4() & ~(ulong)(CR4_SMEP | CR4_SMAP);

	write_cr0(cr0 | (rules->wp ? CR0_WP : 0));
	write_cr4(cr4 | (rules->smep ? CR4_SMEP : 0) | (rules->smap ? CR4_SMAP : 0));
}

u32 access_check(ulong va, u64 flags, const struct access_rules *rules)
{
	u32 wrong = 0;

	access_set_rules(rules);
	for (enum access kind = READ; kind < ACCESS_KINDS; kind++) {
		u32 want = access_want(kind, flags, rules);
		u32 got = access_try(kind, va, rules);

		if (got == want)
			continue;
		wrong++;
		if (reports++ < MOST_REPORTS)
			tap_diag("%s, entry 0x%llx wp %d smep %d smap %d ac %d: got 0x%x want 0x%x",
				 access_names[kind], (unsigned long long)flags, rules->wp,
				 rules->smep, rules->smap, rules->ac, got, want);
	}
	return wrong;
}

u32 access_check_all(ulong va, u64 flags, bool nxe)
{
	u32 leaf7 = cpuid(0, 0).a >= 7 ? cpuid(7, 0).b : 0;
	const struct access_rules normal = { .wp = true, .nxe = nxe };
	u32 wrong = 0;

	for (u32 i = 0; i < 16; i++) {
		struct access_rules rules = {
			.wp = i & 1,
			.smep = i & 2,
			.smap = i & 4,
			.ac = i & 8,
			.nxe = nxe,
		};

		if ((rules.smep && !(leaf7 & CPUID_SMEP)) || (rules.smap && !(leaf7 & CPUID_SMAP)))
			continue;
		wrong += access_check(va, flags, &rules);
	}
	access_set_rules(&normal);
	return wrong;
}
