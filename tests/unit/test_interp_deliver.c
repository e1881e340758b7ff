/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's delivery of events by the manuals: through the IVT, and through the IDT between
 * privilege levels and out of virtual-8086 mode, and IRET.
 */
#include "interp_expect.h"

static void test_ivt(void **state __unused)
{
	struct vm_event event = { .kind = EVENT_EXCEPTION, .vector = 13, .has_error = true };

	real_mode(&m);
	put_u32(&m, 0x21 * 4, 0x20001234);
	put_u32(&m, 13 * 4, 0x20005678);
	m.regs.gpr[GPR_RSP] = 0x100;
	m.regs.rflags |= RFLAGS_IF | RFLAGS_TF | RFLAGS_CF;
	CODE(&m, 0xcd, 0x21);
	DONE(); /* no trap: TF is over */
	assert_int_equal(m.regs.rip, 0x1234);
	assert_int_equal(m.in.seg[SEG_CS].base, 0x20000);
	assert_int_equal(m.regs.rflags, RFLAGS_FIXED | RFLAGS_CF);
	assert_int_equal(m.regs.gpr[GPR_RSP], 0xfa);
	assert_int_equal(get_u16(&m, m.in.seg[SEG_SS].base + 0xfa), 2);
	assert_int_equal(get_u16(&m, m.in.seg[SEG_SS].base + 0xfc), 0x111);
	assert_int_equal(get_u16(&m, m.in.seg[SEG_SS].base + 0xfe), 0x303);
	CODE(&m, 0xcf);
	DONE();
	assert_true(m.in.iret);
	assert_int_equal(m.regs.rip, 2);
	assert_int_equal(m.regs.rflags, 0x303);
	assert_int_equal(interp_deliver(&m.in, &event), INTERP_DONE);
	assert_int_equal(m.regs.rip, 0x5678);
	assert_int_equal(m.regs.gpr[GPR_RSP], 0xfa);
	m.in.idtr.limit = 13 * 4 + 2;
	assert_fault(interp_deliver(&m.in, &event), 13, -1);
	m.in.idtr.limit = 0x3ff;
	m.regs.gpr[GPR_RSP] = 1;
	assert_fault(interp_deliver(&m.in, &event), 12, -1);
	assert_int_equal(m.regs.rip, 0x5678);
}

static void gate(u8 vector, u32 selector, u32 attr)
{
	put_u64(&m, IDT + 8 * vector, make_gate(selector, 0x2000, attr));
}

static enum interp_result deliver(u8 kind, u8 vector, int error)
{
	struct vm_event event = {
		.kind = kind,
		.vector = vector,
		.has_error = error >= 0,
		.error = (u32)error,
	};

	return interp_deliver(&m.in, &event);
}

static void test_idt_same_level(void **state __unused)
{
	for (u32 attr = 0x86; attr <= 0x8f; attr++) {
		u32 size = attr & 8 ? 4 : 2;

		if ((attr & 7) < 6)
			continue;
		protected_mode(&m, 0);
		gate(14, SEL_CODE, attr);
		m.regs.rflags |= RFLAGS_IF | RFLAGS_TF | RFLAGS_NT;
		assert_int_equal(deliver(EVENT_EXCEPTION, 14, 0x1234), INTERP_DONE);
		assert_int_equal(m.regs.rip, 0x2000);
		assert_int_equal(m.regs.rflags, RFLAGS_FIXED | (attr & 1 ? RFLAGS_IF : 0));
		assert_int_equal(m.regs.gpr[GPR_RSP], 0x7000 - 4 * size);
		assert_int_equal(get_u16(&m, 0x7000 - 4 * size), 0x1234);
		assert_int_equal(get_u16(&m, 0x7000 - 3 * size), 0x1000);
		assert_int_equal(get_u16(&m, 0x7000 - 2 * size), SEL_CODE);
		assert_int_equal(get_u16(&m, 0x7000 - size), 0x4302);
		if (size == 4)
			assert_int_equal(get_u32(&m, 0x7000 - 4), 0x14302);
		/* Back. */
		m.regs.gpr[GPR_RSP] += size;
		if (size == 4)
			CODE(&m, 0xcf);
		else
			CODE(&m, 0x66, 0xcf);
		DONE();
		assert_int_equal(m.regs.rip, 0x1000);
		assert_int_equal(m.regs.rflags, size == 4 ? 0x14302 : 0x4302);
	}
}

static void test_idt_faults(void **state __unused)
{
	static const struct {
		u32 selector, attr;
		u8 kind, vector, cpl, fault;
		u32 error;
	} cases[] = {
		{ SEL_CODE, 0x8c, EVENT_INTR, 0x30, 0, 13, 0x183 }, /* not a gate for this */
		{ SEL_CODE, 0x9e, EVENT_INTR, 0x30, 0, 13, 0x183 },
		{ SEL_CODE, 0x0e, EVENT_INTR, 0x30, 0, 11, 0x183 },
		{ SEL_CODE, 0x0e, EVENT_SOFT_INTR, 0x30, 0, 11, 0x182 },
		{ SEL_CODE, 0x8e, EVENT_SOFT_INTR, 0x30, 3, 13, 0x182 },
		{ SEL_CODE, 0x8e, EVENT_EXCEPTION, 3, 3, 13, 0x1b },
		{ SEL_CODE, 0x8e, EVENT_INTR, 0xff, 0, NO_FAULT, 0 },
		{ SEL_CODE, 0x85, EVENT_INTR, 0x30, 0, LEFT, 0 },
		{ 0, 0x8e, EVENT_INTR, 0x30, 0, 13, 1 },
		{ 0, 0x8e, EVENT_SOFT_INTR, 0x30, 0, 13, 0 },
		{ 0x100, 0x8e, EVENT_INTR, 0x30, 0, 13, 0x101 },
		{ SEL_DATA, 0x8e, EVENT_INTR, 0x30, 0, 13, SEL_DATA | 1 },
		{ SEL_CODE3, 0x8e, EVENT_INTR, 0x30, 0, 13, (SEL_CODE3 & ~3u) | 1 },
		{ SEL_FREE, 0x8e, EVENT_NMI, 2, 0, 11, SEL_FREE | 1 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vcpu_regs start;
		enum interp_result result;

		protected_mode(&m, cases[i].cpl);
		put_u64(&m, GDT + SEL_FREE, make_desc(0, 0xfffff, 0xc1b));
		gate(cases[i].vector, cases[i].selector, cases[i].attr);
		start = m.regs;
		result = deliver(cases[i].kind, cases[i].vector, -1);
		if (cases[i].fault == NO_FAULT) {
			assert_int_equal(result, INTERP_DONE);
			continue;
		}
		if (cases[i].fault == LEFT)
			assert_int_equal(result, INTERP_UNSUPPORTED);
		else
			assert_fault(result, cases[i].fault, (int)cases[i].error);
		assert_memory_equal(&m.regs, &start, sizeof(start));
		assert_int_equal(m.in.seg_changed, 0);
	}
	protected_mode(&m, 0);
	m.in.idtr.limit = 0x186;
	assert_fault(deliver(EVENT_INTR, 0x30, -1), 13, 0x183);
}

static void test_inner_and_outer(void **state __unused)
{
	protected_mode(&m, 3);
	gate(0x80, SEL_CODE, 0xee);
	put_u32(&m, TSS + 4, 0x5000);
	put_u32(&m, TSS + 8, SEL_DATA);
	m.regs.rflags |= RFLAGS_IF;
	CODE(&m, 0xcd, 0x80);
	DONE();
	assert_int_equal(m.how, INTERP_SUPERVISOR);
	assert_int_equal(interp_cpl(&m.in), 0);
	assert_int_equal(m.in.seg[SEG_CS].selector, SEL_CODE);
	assert_int_equal(m.in.seg[SEG_SS].selector, SEL_DATA);
	assert_int_equal(m.regs.gpr[GPR_RSP], 0x5000 - 20);
	assert_int_equal(get_u32(&m, 0x4ffc), SEL_DATA3);
	assert_int_equal(get_u32(&m, 0x4ff8), 0x7000);
	assert_int_equal(get_u32(&m, 0x4ff4), RFLAGS_FIXED | RFLAGS_IF);
	assert_int_equal(get_u32(&m, 0x4ff0), SEL_CODE3);
	assert_int_equal(get_u32(&m, 0x4fec), 0x1002);
	put_seg(&m, SEG_GS, SEL_DATA, 0xc93, ~0u, 0); /* not for level 3 */
	CODE(&m, 0xcf);
	DONE();
	assert_int_equal(interp_cpl(&m.in), 3);
	assert_int_equal(m.regs.rip, 0x1002);
	assert_int_equal(m.regs.gpr[GPR_RSP], 0x7000);
	assert_int_equal(m.regs.rflags, RFLAGS_FIXED | RFLAGS_IF);
	assert_int_equal(m.in.seg[SEG_GS].selector, 0);
	assert_int_equal(m.in.seg[SEG_DS].selector, SEL_DATA3);
	/* Bad stacks in the TSS, and no TSS. */
	put_u32(&m, TSS + 8, 0);
	assert_fault(deliver(EVENT_INTR, 0x80, -1), 10, 1);
	put_u32(&m, TSS + 8, SEL_DATA3);
	assert_fault(deliver(EVENT_INTR, 0x80, -1), 10, (SEL_DATA3 & ~3u) | 1);
	put_u32(&m, TSS + 8, SEL_CODE);
	assert_fault(deliver(EVENT_SOFT_INTR, 0x80, -1), 10, SEL_CODE);
	put_u64(&m, GDT + SEL_FREE, make_desc(0, 0xfffff, 0xc13));
	put_u32(&m, TSS + 8, SEL_FREE);
	assert_fault(deliver(EVENT_INTR, 0x80, -1), 12, SEL_FREE | 1);
	put_u64(&m, GDT + SEL_FREE, make_desc(0, 0x4ff0, 0x493));
	assert_fault(deliver(EVENT_INTR, 0x80, -1), 12, SEL_FREE | 1);
	m.in.seg[SEG_TR].limit = 8;
	assert_fault(deliver(EVENT_INTR, 0x80, -1), 10, SEL_TSS | 1);
}

static void test_v8086(void **state __unused)
{
	v8086_mode(&m, 3);
	gate(0x21, SEL_CODE, 0xee);
	put_u32(&m, TSS + 4, 0x5000);
	put_u32(&m, TSS + 8, SEL_DATA);
	m.regs.rip = 0x100;
	CODE(&m, 0xcd, 0x21);
	DONE();
	assert_int_equal(interp_cpl(&m.in), 0);
	assert_false(m.regs.rflags & RFLAGS_VM);
	assert_int_equal(m.regs.gpr[GPR_RSP], 0x5000 - 36);
	assert_int_equal(get_u32(&m, 0x4ffc), 0x511);
	assert_int_equal(get_u32(&m, 0x4ff0), 0x011);
	assert_int_equal(get_u32(&m, 0x4fec), 0x211);
	assert_int_equal(get_u32(&m, 0x4fe4), 0x23002);
	assert_int_equal(get_u32(&m, 0x4fdc), 0x102);
	assert_int_equal(m.in.seg[SEG_DS].attr, 0);
	CODE(&m, 0xcf);
	DONE();
	assert_true(m.regs.rflags & RFLAGS_VM);
	assert_int_equal(m.regs.rip, 0x102);
	for (unsigned int seg = SEG_ES; seg <= SEG_GS; seg++) {
		assert_int_equal(m.in.seg[seg].base, 0x1000 * seg + 0x110);
		assert_int_equal(m.in.seg[seg].attr, 0xf3);
	}
	/* Handlers of other levels are refused. */
	gate(0x21, SEL_CODE3, 0xee);
	assert_fault(deliver(EVENT_INTR, 0x21, -1), 13, (SEL_CODE3 & ~3u) | 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ivt),        cmocka_unit_test(test_idt_same_level),
		cmocka_unit_test(test_idt_faults), cmocka_unit_test(test_inner_and_outer),
		cmocka_unit_test(test_v8086),
	};

	return cmocka_run_group_tests_name("interp_deliver", tests, NULL, NULL);
}
