/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manual's checks on the guest-state area at VM entry, as far as a guest or this hypervisor
 * could break them: they say which field the CPU did not like, and which rule. Here those on control
 * registers, MSRs and tables; the injected event, which the CPU counts among the controls, is in
 * check_event.c, instruction pointer, flags and what is no register in check_activity.c, segments
 * are in check_segments.c: they also say when VMX can take over from emulation.
 */
#include "vmx/check.h"

#include "arch/cpu.h"
#include "arch/features.h"
#include "lib/printf.h"

#define CR4_CET BIT(23)
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define DEBUGCTL_RESERVED (BITS(5, 3) | BITS(63, 16))

#define PDPTE_PRESENT BIT(0)
#define PDPTE_RESERVED (BITS(2, 1) | BITS(8, 5))

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
	g->activity = vmcs_read32(VMCS_GUEST_ACTIVITY);
	g->debugctl = vmcs_read64(VMCS_GUEST_DEBUGCTL);
	for (u32 i = 0; i < MAX_SEGMENT; i++) {
		g->rights[i] = vmcs_read32(VMCS_SEGMENT(VMCS_GUEST_ES_RIGHTS, i));
		g->selector[i] = vmcs_read16(VMCS_SEGMENT(VMCS_GUEST_ES, i));
	}
	g->long_mode = g->entry & ENTRY_GUEST_64_BIT;
	g->v8086 = g->rflags & RFLAGS_VM;
	g->restricted = vmx_restricted();
}

static bool beyond_physical(u64 value)
{
	return value >> cpu_features.phys_bits;
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
	REQUIRE(!(g->cr4 & CR4_CET) || g->cr0 & CR0_WP, GUEST_CR4, "CET without WP");
	REQUIRE(!g->long_mode || (paging && g->cr4 & CR4_PAE), ENTRY_CONTROLS,
		"64-bit guest without paging and PAE");
	REQUIRE(g->long_mode || !(g->cr4 & CR4_PCIDE), GUEST_CR4, "PCIDE outside long mode");
	REQUIRE(!beyond_physical(vmcs_read_natural(VMCS_GUEST_CR3)), GUEST_CR3,
		"beyond the physical width");
	REQUIRE(!(vmcs_read_natural(VMCS_GUEST_DR7) >> 32), GUEST_DR7, "bits 63:32 must be 0");
	return all_hold;
}

/* Only some memory types have a number. */
static bool pat_is_valid(u64 pat)
{
	for (u32 i = 0; i < 8; i++, pat >>= 8) {
		u8 type = (u8)pat;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static struct rule check_msrs(const struct guest *g)
{
	REQUIRE(!(g->efer & ~EFER_KNOWN), GUEST_EFER, "reserved bits");
	REQUIRE(!!(g->efer & EFER_LMA) == g->long_mode, GUEST_EFER,
		"LMA differs from the entry control");
	REQUIRE(!(g->cr0 & CR0_PG) || !!(g->efer & EFER_LME) == g->long_mode, GUEST_EFER,
		"LME differs from LMA with paging on");
	REQUIRE(pat_is_valid(vmcs_read64(VMCS_GUEST_PAT)), GUEST_PAT,
		"a memory type that does not exist");
	REQUIRE(!(g->debugctl & DEBUGCTL_RESERVED), GUEST_DEBUGCTL, "reserved bits");
	REQUIRE(check_canonical(vmcs_read_natural(VMCS_GUEST_SYSENTER_ESP)), GUEST_SYSENTER_ESP,
		"not canonical");
	REQUIRE(check_canonical(vmcs_read_natural(VMCS_GUEST_SYSENTER_EIP)), GUEST_SYSENTER_EIP,
		"not canonical");
	return all_hold;
}

/* With PAE paging the four entries that CR3 points to are state too. */
static struct rule check_pdptes(const struct guest *g)
{
	if (!(g->cr0 & CR0_PG) || !(g->cr4 & CR4_PAE) || g->long_mode)
		return all_hold;
	for (u32 i = 0; i < 4; i++) {
		enum vmcs_field field = VMCS_SEGMENT(VMCS_GUEST_PDPTE0, i);
		u64 pdpte = vmcs_read64(field);

		REQUIRE_FIELD(!(pdpte & PDPTE_PRESENT) ||
				      (!(pdpte & PDPTE_RESERVED) && !beyond_physical(pdpte)),
			      field, "reserved bits");
	}
	return all_hold;
}

static struct rule check_tables(const struct guest *g __unused)
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

const char *vmx_check_guest(char *buf, size_t size)
{
	/* In the order of the CPU's own: first what it counts among the controls. */
	static struct rule (*const checks[])(const struct guest *g) = {
		vmx_check_event,    check_control_registers, check_msrs,
		check_pdptes,       vmx_check_segments,      check_tables,
		vmx_check_activity,
	};
	struct guest g;
	struct rule rule = all_hold;

	read_guest(&g);
	for (u32 i = 0; !rule.text && i < ARRAY_SIZE(checks); i++)
		rule = checks[i](&g);
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
