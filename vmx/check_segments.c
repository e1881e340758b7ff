/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manual's rules for segment registers at VM entry. A guest that is not unrestricted has to
 * obey more of them: real mode, and what it leaves behind in protected mode until all registers are
 * loaded again, breaks some.
 */
#include "arch/cpu.h"
#include "vmx/check.h"

#define RIGHTS_TYPE(rights) ((rights)&15u)
#define RIGHTS_S BIT(4)
#define RIGHTS_P BIT(7)
#define RIGHTS_DB BIT(14)
#define RIGHTS_G BIT(15)
#define RIGHTS_RESERVED (BITS(11, 8) | BITS(31, 17))
#define RIGHTS_V8086 0xf3u

#define TYPE_ACCESSED 1u
#define TYPE_READABLE 2u /* of code */
#define TYPE_CONFORMING 4u /* of code */
#define TYPE_CODE 8u
#define TYPE_DATA_RW 3u /* accessed */
#define TYPE_DATA_RW_DOWN 7u /* accessed, expand-down */
#define TYPE_LDT 2u
#define TYPE_TSS16_BUSY 3u
#define TYPE_TSS32_BUSY 11u

#define SELECTOR_RPL(selector) ((selector)&3u)
#define SELECTOR_TI 4u

#define SELECTOR(seg) VMCS_SEGMENT(VMCS_GUEST_ES, seg)
#define BASE(seg) VMCS_SEGMENT(VMCS_GUEST_ES_BASE, seg)
#define LIMIT(seg) VMCS_SEGMENT(VMCS_GUEST_ES_LIMIT, seg)
#define RIGHTS(seg) VMCS_SEGMENT(VMCS_GUEST_ES_RIGHTS, seg)

static struct rule check_v8086(const struct guest *g)
{
	for (u32 seg = SEG_ES; seg <= SEG_GS; seg++) {
		REQUIRE_FIELD(vmcs_read_natural(BASE(seg)) == (u64)g->selector[seg] << 4, BASE(seg),
			      "not 16 times the selector in V8086 mode");
		REQUIRE_FIELD(vmcs_read32(LIMIT(seg)) == 0xffff, LIMIT(seg),
			      "not FFFF in V8086 mode");
		REQUIRE_FIELD(g->rights[seg] == RIGHTS_V8086, RIGHTS(seg), "not F3 in V8086 mode");
	}
	return all_hold;
}

static struct rule check_cs(const struct guest *g)
{
	u32 cs = g->rights[SEG_CS], type = RIGHTS_TYPE(cs), dpl = RIGHTS_DPL(cs);
	u32 ss_dpl = RIGHTS_DPL(g->rights[SEG_SS]);
	bool code = type & TYPE_CODE;

	REQUIRE(!(cs & RIGHTS_UNUSABLE), GUEST_CS_RIGHTS, "unusable");
	REQUIRE(cs & RIGHTS_S && cs & RIGHTS_P, GUEST_CS_RIGHTS, "not a present code segment");
	REQUIRE(type & TYPE_ACCESSED, GUEST_CS_RIGHTS, "not accessed");
	REQUIRE(code || !g->restricted, GUEST_CS_RIGHTS, "not code");
	REQUIRE(code || type == TYPE_DATA_RW, GUEST_CS_RIGHTS, "neither code nor read-write data");
	REQUIRE(code || dpl == 0, GUEST_CS_RIGHTS, "read-write data with a DPL that is not 0");
	REQUIRE(!code || type & TYPE_CONFORMING || dpl == ss_dpl, GUEST_CS_RIGHTS,
		"its DPL is not that of SS");
	REQUIRE(!code || !(type & TYPE_CONFORMING) || dpl <= ss_dpl, GUEST_CS_RIGHTS,
		"conforming, and its DPL is above that of SS");
	REQUIRE(!g->long_mode || !(cs & RIGHTS_L) || !(cs & RIGHTS_DB), GUEST_CS_RIGHTS,
		"L and D both set");
	return all_hold;
}

static struct rule check_ss(const struct guest *g)
{
	u32 ss = g->rights[SEG_SS], type = RIGHTS_TYPE(ss), rpl = SELECTOR_RPL(g->selector[SEG_SS]);
	bool must_be_0 = RIGHTS_TYPE(g->rights[SEG_CS]) == TYPE_DATA_RW || !(g->cr0 & CR0_PE);

	REQUIRE(!g->restricted || rpl == SELECTOR_RPL(g->selector[SEG_CS]), GUEST_SS,
		"its RPL is not that of CS");
	REQUIRE(!g->restricted || RIGHTS_DPL(ss) == rpl, GUEST_SS_RIGHTS, "its DPL is not its RPL");
	REQUIRE(!must_be_0 || RIGHTS_DPL(ss) == 0, GUEST_SS_RIGHTS,
		"its DPL must be 0 with such a CS");
	REQUIRE(ss & RIGHTS_UNUSABLE || type == TYPE_DATA_RW || type == TYPE_DATA_RW_DOWN,
		GUEST_SS_RIGHTS, "not writable, accessed data");
	return all_hold;
}

static struct rule check_data(const struct guest *g, u32 seg)
{
	u32 rights = g->rights[seg], type = RIGHTS_TYPE(rights);
	bool conforming = (type & (TYPE_CODE | TYPE_CONFORMING)) == (TYPE_CODE | TYPE_CONFORMING);

	REQUIRE_FIELD(type & TYPE_ACCESSED, RIGHTS(seg), "not accessed");
	REQUIRE_FIELD(!(type & TYPE_CODE) || type & TYPE_READABLE, RIGHTS(seg),
		      "code that cannot be read");
	REQUIRE_FIELD(!g->restricted || conforming ||
			      RIGHTS_DPL(rights) >= SELECTOR_RPL(g->selector[seg]),
		      RIGHTS(seg), "its DPL is below its RPL");
	return all_hold;
}

/* What holds for all that can be used. */
static struct rule check_usable(const struct guest *g, u32 seg)
{
	u32 rights = g->rights[seg], limit = vmcs_read32(LIMIT(seg));
	u64 base = vmcs_read_natural(BASE(seg));
	bool wide = seg >= SEG_FS; /* of LDTR; the others' are seen to below */

	REQUIRE_FIELD(!!(rights & RIGHTS_S) == (seg <= SEG_GS), RIGHTS(seg), "S is wrong");
	REQUIRE_FIELD(rights & RIGHTS_P, RIGHTS(seg), "not present");
	REQUIRE_FIELD(!(rights & RIGHTS_RESERVED), RIGHTS(seg), "reserved bits");
	REQUIRE_FIELD(!(rights & RIGHTS_G) || (limit & 0xfff) == 0xfff, LIMIT(seg),
		      "its low bits must be 1 with G");
	REQUIRE_FIELD(rights & RIGHTS_G || !(limit >> 20), LIMIT(seg),
		      "its high bits must be 0 without G");
	REQUIRE_FIELD(wide ? check_canonical(base) : !(base >> 32), BASE(seg), "too high");
	return all_hold;
}

/* Of these three whether they can be used or not. */
static struct rule check_wide_bases(void)
{
	static const u8 wide[] = { SEG_FS, SEG_GS, SEG_TR };

	for (u32 i = 0; i < ARRAY_SIZE(wide); i++)
		REQUIRE_FIELD(check_canonical(vmcs_read_natural(BASE(wide[i]))), BASE(wide[i]),
			      "not canonical");
	return all_hold;
}

static struct rule check_system(const struct guest *g)
{
	u32 tr = g->rights[SEG_TR], type = RIGHTS_TYPE(tr), ldtr = g->rights[SEG_LDTR];

	REQUIRE(!(tr & RIGHTS_UNUSABLE), GUEST_TR_RIGHTS, "unusable");
	REQUIRE(type == TYPE_TSS32_BUSY || (type == TYPE_TSS16_BUSY && !g->long_mode),
		GUEST_TR_RIGHTS, "not a busy TSS");
	REQUIRE(!(g->selector[SEG_TR] & SELECTOR_TI), GUEST_TR, "a selector of the LDT");
	if (ldtr & RIGHTS_UNUSABLE)
		return all_hold;
	REQUIRE(RIGHTS_TYPE(ldtr) == TYPE_LDT, GUEST_LDTR_RIGHTS, "not an LDT");
	REQUIRE(!(g->selector[SEG_LDTR] & SELECTOR_TI), GUEST_LDTR, "a selector of the LDT");
	return all_hold;
}

static struct rule check_protected(const struct guest *g)
{
	struct rule rule = check_cs(g);

	if (!rule.text)
		rule = check_ss(g);
	for (u32 seg = SEG_ES; !rule.text && seg <= SEG_GS; seg++) {
		if (seg != SEG_CS && seg != SEG_SS && !(g->rights[seg] & RIGHTS_UNUSABLE))
			rule = check_data(g, seg);
	}
	return rule;
}

struct rule vmx_check_segments(const struct guest *g)
{
	struct rule rule = g->v8086 ? check_v8086(g) : check_protected(g);

	if (!rule.text)
		rule = check_wide_bases();
	if (!rule.text)
		rule = check_system(g);
	for (u32 seg = SEG_ES; !rule.text && seg <= SEG_TR; seg++) {
		if (!(g->rights[seg] & RIGHTS_UNUSABLE))
			rule = check_usable(g, seg);
	}
	return rule;
}
