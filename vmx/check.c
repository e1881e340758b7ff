/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manual's checks on the guest-state area at VM entry, as far as a guest or this hypervisor
 * could break them: they say which field the CPU did not like, and which rule. Those on segments
 * are in check_segments.c: they also say when VMX can take over from emulation.
 */
#include "vmx/check.h"

#include "arch/cpu.h"
#include "lib/printf.h"

#define RFLAGS_RESERVED (BIT(3) | BIT(5) | BIT(15) | BITS(63, 22))

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
	for (u32 i = 0; i < MAX_SEGMENT; i++) {
		g->rights[i] = vmcs_read32(VMCS_SEGMENT(VMCS_GUEST_ES_RIGHTS, i));
		g->selector[i] = vmcs_read16(VMCS_SEGMENT(VMCS_GUEST_ES, i));
	}
	g->long_mode = g->entry & ENTRY_GUEST_64_BIT;
	g->v8086 = g->rflags & RFLAGS_VM;
	g->restricted = vmx_restricted();
}

static struct rule check_control_registers(const struct guest *g)
{
	u64 cr0_on = vmx_cr0_fixed, cr4_on = vmx_cr4_fixed;
	bool paging = g->cr0 & CR0_PG;

	REQUIRE((g->cr0 & cr0_on) == cr0_on, GUEST_CR0, "a bit that VMX wants on is off");
	REQUIRE(!(g->cr0 >> 32), GUEST_CR0, "bits 63:32 must be 0");
	REQUIRE(!paging || g->cr0 & CR0_PE, GUEST_CR0, "PG without PE");
	REQUIRE((g->cr4 & cr4_on) == cr4_on, GUEST_CR4, "a bit that VMX wants on is off");
	REQUIRE(!(g->cr4 & ~vmx_cr4_allowed), GUEST_CR4, "a bit that this CPU does not have");
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

static struct rule check_tables(void)
{
	REQUIRE(check_canonical(vmcs_read_natural(VMCS_GUEST_GDTR_BASE)), GUEST_GDTR_BASE,
		"not canonical");
	REQUIRE(check_canonical(vmcs_read_natural(VMCS_GUEST_IDTR_BASE)), GUEST_IDTR_BASE,
		"not canonical");
	REQUIRE(!(vmcs_read32(VMCS_GUEST_GDTR_LIMIT) >> 16), GUEST_GDTR_LIMIT,
		"bits 31:16 must be 0");
	REQUIRE(!(vmcs_read32(VMCS_GUEST_IDTR_LIMIT) >> 16), GUEST_IDTR_LIMIT,
		"bits 31:16 must be 0");
	return all_hold;
}

static struct rule check_rest(const struct guest *g)
{
	bool code64 = g->long_mode && g->rights[SEG_CS] & RIGHTS_L;
	u32 type = g->event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;
	bool interrupt = g->event & EVENT_VALID && type == EVENT_TYPE_INTR;

	REQUIRE(code64 || !(g->rip >> 32), GUEST_RIP, "above 4 GiB outside 64-bit code");
	REQUIRE(!code64 || check_canonical(g->rip), GUEST_RIP, "not canonical");
	REQUIRE(!(g->rflags & RFLAGS_RESERVED) && g->rflags & RFLAGS_FIXED, GUEST_RFLAGS,
		"reserved bits");
	REQUIRE(!g->v8086 || (!g->long_mode && g->cr0 & CR0_PE), GUEST_RFLAGS,
		"VM in long mode or real mode");
	REQUIRE(!interrupt || g->rflags & RFLAGS_IF, GUEST_RFLAGS,
		"an interrupt is injected with IF=0");
	REQUIRE(!interrupt || !(g->blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)),
		GUEST_INTERRUPTIBILITY, "an interrupt is injected in a shadow");
	REQUIRE((g->blocked & 3) != 3, GUEST_INTERRUPTIBILITY, "blocking by STI and by MOV SS");
	REQUIRE(!(g->blocked & BLOCKED_BY_STI) || g->rflags & RFLAGS_IF, GUEST_INTERRUPTIBILITY,
		"blocking by STI with IF=0");
	REQUIRE(vmcs_read64(VMCS_LINK_POINTER) == ~0ull, LINK_POINTER, "not all ones");
	return all_hold;
}

const char *vmx_check_guest(char *buf, size_t size)
{
	struct guest g;
	struct rule rule;

	read_guest(&g);
	rule = check_control_registers(&g);
	if (!rule.text)
		rule = vmx_check_segments(&g);
	if (!rule.text)
		rule = check_tables();
	if (!rule.text)
		rule = check_rest(&g);
	if (!rule.text)
		return NULL;
	str_printf(buf, size, "%s %llx: %s", vmcs_field_name(rule.field),
		   (unsigned long long)vmcs_read_raw(rule.field), rule.text);
	return buf;
}

bool vmx_segments_fit(void)
{
	struct guest g;

	read_guest(&g);
	return !vmx_check_segments(&g).text;
}
