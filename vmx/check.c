/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manual's checks on the guest-state area at VM entry, as far as a guest or this hypervisor could break
 * them: they say which field the CPU did not like, and which rule.
 */
#include "arch/cpu.h"
#include "lib/printf.h"
#include "vmx/msrs.h"
#include "vmx/vmx.h"

#define RIGHTS_TYPE(rights) ((rights)&15u)
#define RIGHTS_S BIT(4)
#define RIGHTS_DPL(rights) ((rights) >> 5 & 3u)
#define RIGHTS_P BIT(7)
#define RIGHTS_L BIT(13)
#define RIGHTS_DB BIT(14)
#define RIGHTS_G BIT(15)
#define RIGHTS_RESERVED (BITS(11, 8) | BITS(31, 17))
#define RFLAGS_RESERVED (BIT(3) | BIT(5) | BIT(15) | BITS(63, 22))
#define MAX_SEGMENT 8

struct guest {
	u64 cr0, cr4, efer, rflags, rip;
	u32 entry, event, blocked, rights[MAX_SEGMENT];
	bool long_mode, v8086;
};

static void read_guest(struct guest *g)
{
	g->cr0 = vmcs_read_natural(VMCS_GUEST_CR0);
	g->cr4 = vmcs_read_natural(VMCS_GUEST_CR4);
	g->efer = vmcs_read64(VMCS_GUEST_EFER);
	g->rflags = vmcs_read_natural(VMCS_GUEST_RFLAGS);
	g->rip = vmcs_read_natural(VMCS_GUEST_RIP);
	g->entry = vmcs_read32(VMCS_ENTRY_CONTROLS);
	g->event = vmcs_read32(VMCS_ENTRY_EVENT);
	g->blocked = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);
	for (u32 i = 0; i < MAX_SEGMENT; i++)
		g->rights[i] = vmcs_read32(VMCS_SEGMENT(VMCS_GUEST_ES_RIGHTS, i));
	g->long_mode = g->entry & ENTRY_GUEST_64_BIT;
	g->v8086 = g->rflags & RFLAGS_VM;
}

struct rule {
	enum vmcs_field field;
	const char *text;
};

/* A rule that is broken ends the caller. */
#define REQUIRE(condition, name, what)                                        \
	do {                                                                  \
		if (!(condition))                                             \
			return (struct rule){ VMCS_##name, #name ": " what }; \
	} while (0)

static const struct rule all_hold = { .text = NULL };

static bool is_canonical(u64 linear)
{
	return (u64)((s64)(linear << 16) >> 16) == linear;
}

static struct rule check_control_registers(const struct guest *g)
{
	u64 cr0_on = vmx_cr0_fixed, cr4_on = vmx_cr4_fixed;
	u64 cr4_may = rdmsr(MSR_VMX_CR4_FIXED1);
	bool paging = g->cr0 & CR0_PG;

	REQUIRE((g->cr0 & cr0_on) == cr0_on, GUEST_CR0, "a bit that VMX wants on is off");
	REQUIRE(!(g->cr0 >> 32), GUEST_CR0, "bits 63:32 must be 0");
	REQUIRE(!paging || g->cr0 & CR0_PE, GUEST_CR0, "PG without PE");
	REQUIRE((g->cr4 & cr4_on) == cr4_on, GUEST_CR4, "a bit that VMX wants on is off");
	REQUIRE(!(g->cr4 & ~cr4_may), GUEST_CR4, "a bit that this CPU does not have");
	REQUIRE(!g->long_mode || (paging && g->cr4 & CR4_PAE), ENTRY_CONTROLS,
		"64-bit guest without paging and PAE");
	REQUIRE(g->long_mode || !(g->cr4 & CR4_PCIDE), GUEST_CR4, "PCIDE outside long mode");
	REQUIRE(!!(g->efer & EFER_LMA) == g->long_mode, GUEST_EFER,
		"LMA differs from the entry control");
	REQUIRE(!paging || !!(g->efer & EFER_LME) == g->long_mode, GUEST_EFER,
		"LME differs from LMA with paging on");
	REQUIRE(!(vmcs_read_natural(VMCS_GUEST_CR3) >> 52), GUEST_CR3, "beyond the physical width");
	REQUIRE(!(vmcs_read_natural(VMCS_GUEST_DR7) >> 32), GUEST_DR7, "bits 63:32 must be 0");
	return all_hold;
}

static struct rule check_segments(const struct guest *g)
{
	u32 cs = g->rights[SEG_CS], ss = g->rights[SEG_SS], tr = g->rights[SEG_TR];
	bool real = !(g->cr0 & CR0_PE);

	REQUIRE(!(tr & RIGHTS_UNUSABLE) && tr & RIGHTS_P && !(tr & RIGHTS_S), GUEST_TR_RIGHTS,
		"not a present system segment");
	REQUIRE(RIGHTS_TYPE(tr) == 11 || (RIGHTS_TYPE(tr) == 3 && !g->long_mode), GUEST_TR_RIGHTS,
		"not a busy TSS");
	REQUIRE(!(vmcs_read16(VMCS_GUEST_TR) & 4), GUEST_TR, "its selector is local");
	REQUIRE(g->v8086 || !(cs & RIGHTS_UNUSABLE), GUEST_CS_RIGHTS, "unusable");
	REQUIRE(g->v8086 || (cs & RIGHTS_S && cs & RIGHTS_P), GUEST_CS_RIGHTS,
		"not a present code segment");
	REQUIRE(g->v8086 || RIGHTS_TYPE(cs) & 1, GUEST_CS_RIGHTS, "not accessed");
	REQUIRE(g->v8086 || RIGHTS_TYPE(cs) & 8 || RIGHTS_TYPE(cs) == 3, GUEST_CS_RIGHTS,
		"neither code nor read-write data");
	REQUIRE(!g->long_mode || !(cs & RIGHTS_L) || !(cs & RIGHTS_DB), GUEST_CS_RIGHTS,
		"L and D both set");
	REQUIRE(real || g->v8086 || RIGHTS_TYPE(cs) != 3 || RIGHTS_DPL(cs) == 0, GUEST_CS_RIGHTS,
		"read-write data with a DPL that is not 0");
	REQUIRE(ss & RIGHTS_UNUSABLE || RIGHTS_TYPE(ss) == 3 || RIGHTS_TYPE(ss) == 7,
		GUEST_SS_RIGHTS, "not writable, accessed data");
	REQUIRE(!(g->cr0 & CR0_PE) || RIGHTS_DPL(ss) == 0 || RIGHTS_TYPE(cs) != 3, GUEST_SS_RIGHTS,
		"DPL must be 0 with such a CS");
	for (u32 i = 0; i < MAX_SEGMENT; i++) {
		u32 rights = g->rights[i];
		u32 limit = vmcs_read32(VMCS_SEGMENT(VMCS_GUEST_ES_LIMIT, i));

		if (rights & RIGHTS_UNUSABLE)
			continue;
		REQUIRE(!(rights & RIGHTS_RESERVED), GUEST_ES_RIGHTS,
			"(or another segment's) reserved bits");
		REQUIRE(!(rights & RIGHTS_G) || (limit & 0xfff) == 0xfff, GUEST_ES_LIMIT,
			"(or another segment's) low bits must be 1 with G");
		REQUIRE(rights & RIGHTS_G || !(limit >> 20), GUEST_ES_LIMIT,
			"(or another segment's) high bits must be 0 without G");
	}
	return all_hold;
}

static struct rule check_rest(const struct guest *g)
{
	bool code64 = g->long_mode && g->rights[SEG_CS] & RIGHTS_L;
	u32 type = g->event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;
	bool event = g->event & EVENT_VALID;

	REQUIRE(code64 || !(g->rip >> 32), GUEST_RIP, "above 4 GiB outside 64-bit code");
	REQUIRE(!code64 || is_canonical(g->rip), GUEST_RIP, "not canonical");
	REQUIRE(!(g->rflags & RFLAGS_RESERVED) && g->rflags & RFLAGS_FIXED, GUEST_RFLAGS,
		"reserved bits");
	REQUIRE(!g->v8086 || (!g->long_mode && g->cr0 & CR0_PE), GUEST_RFLAGS,
		"VM in long mode or real mode");
	REQUIRE(!event || type != EVENT_TYPE_INTR || g->rflags & RFLAGS_IF, GUEST_RFLAGS,
		"an interrupt is injected with IF=0");
	REQUIRE(!event || type != EVENT_TYPE_INTR ||
			!(g->blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)),
		GUEST_INTERRUPTIBILITY, "an interrupt is injected in a shadow");
	REQUIRE((g->blocked & 3) != 3, GUEST_INTERRUPTIBILITY, "blocking by STI and by MOV SS");
	REQUIRE(!(g->blocked & BLOCKED_BY_STI) || g->rflags & RFLAGS_IF, GUEST_INTERRUPTIBILITY,
		"blocking by STI with IF=0");
	REQUIRE(vmcs_read64(VMCS_LINK_POINTER) == ~0ull, LINK_POINTER, "not all ones");
	REQUIRE(is_canonical(vmcs_read_natural(VMCS_GUEST_GDTR_BASE)), GUEST_GDTR_BASE,
		"not canonical");
	REQUIRE(is_canonical(vmcs_read_natural(VMCS_GUEST_IDTR_BASE)), GUEST_IDTR_BASE,
		"not canonical");
	REQUIRE(!(vmcs_read32(VMCS_GUEST_GDTR_LIMIT) >> 16), GUEST_GDTR_LIMIT,
		"bits 31:16 must be 0");
	REQUIRE(!(vmcs_read32(VMCS_GUEST_IDTR_LIMIT) >> 16), GUEST_IDTR_LIMIT,
		"bits 31:16 must be 0");
	return all_hold;
}

const char *vmx_check_guest(char *buf, size_t size)
{
	struct guest g;
	struct rule rule;

	read_guest(&g);
	rule = check_control_registers(&g);
	if (!rule.text)
		rule = check_segments(&g);
	if (!rule.text)
		rule = check_rest(&g);
	if (!rule.text)
		return NULL;
	str_printf(buf, size, "%s (it is %llx)", rule.text,
		   (unsigned long long)vmcs_read_raw(rule.field));
	return buf;
}
