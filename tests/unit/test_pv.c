/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's CPUID leaves by configuration, its MSRs with good and bad addresses, and its clocks. Steal
 * time is in test_pv_steal.c.
 */
#include "pv_fixture.h"

static void expect_cpuid(u32 leaf, u32 a, u32 b, u32 c, u32 d)
{
	struct cpuid r = pv_cpuid(&vm, leaf);

	assert_int_equal(r.eax, a);
	assert_int_equal(r.ebx, b);
	assert_int_equal(r.ecx, c);
	assert_int_equal(r.edx, d);
}

static void test_cpuid(void **state)
{
	static const u32 features[] = { 0,     0x01000008, 0x20,  0x01000028,
					0x200, 0x01000208, 0x220, 0x01000228 };

	(void)state;
	for (config.pv = 1; config.pv < 8; config.pv++) {
		expect_cpuid(0x40000000, 0x40000010, 0x4b4d564b, 0x564b4d56, 0x4d);
		expect_cpuid(0x40000001, features[config.pv], 0, 0, 0);
		expect_cpuid(0x40000010, 1000000, 1000000, 0, 0);
		expect_cpuid(0x40000100, 0x40000100, 0x6c6c6953, 0x6c6c6953, 0x6c6c6953);
		expect_cpuid(0x40000002, 0, 0, 0, 0);
		expect_cpuid(0x4000000f, 0, 0, 0, 0);
	}
	config.pv = 0;
	expect_cpuid(0x40000000, 0x40000000, 0x6c6c6953, 0x6c6c6953, 0x6c6c6953);
	expect_cpuid(0x40000001, 0, 0, 0, 0);
	expect_cpuid(0x40000010, 0, 0, 0, 0);
	expect_cpuid(0x40000100, 0x40000100, 0x6c6c6953, 0x6c6c6953, 0x6c6c6953);
}

static u64 msr(u32 number)
{
	u64 value = 42;

	assert_true(pv_msr_read(&vcpus[0], number, &value));
	return value;
}

static void expect_refused(u32 number, u64 value)
{
	u64 before = msr(number);

	assert_false(pv_msr_write(&vcpus[0], number, value));
	assert_int_equal(msr(number), before);
}

static void test_msrs(void **state)
{
	static const u64 bad[] = { RAM, ROM, ROM - 4, GIB(4), BIT(47), BIT(63), ~0ull & ~63ull };
	u64 value;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		expect_refused(MSR_KVM_SYSTEM_TIME, bad[i] | 1);
		expect_refused(MSR_KVM_WALL_CLOCK, bad[i]);
		expect_refused(MSR_KVM_STEAL_TIME, (bad[i] & ~63ull) | 1);
		/* Off they may be anything. */
		assert_true(pv_msr_write(&vcpus[0], MSR_KVM_SYSTEM_TIME, bad[i]));
		assert_int_equal(msr(MSR_KVM_SYSTEM_TIME), bad[i]);
	}
	expect_refused(MSR_KVM_SYSTEM_TIME, CLOCK | 3);
	expect_refused(MSR_KVM_WALL_CLOCK, WALL | 1);
	for (u64 bit = 1; bit <= 5; bit++) {
		expect_refused(MSR_KVM_STEAL_TIME, STEAL | BIT(bit) | 1);
		expect_refused(MSR_KVM_STEAL_TIME, STEAL | BIT(bit));
	}
	/* Up to the last byte of a page, and not a byte further; of memory likewise. */
	assert_true(pv_msr_write(&vcpus[0], MSR_KVM_SYSTEM_TIME, (RAM - 32) | 1));
	expect_refused(MSR_KVM_SYSTEM_TIME, (RAM - 28) | 1);
	expect_refused(MSR_KVM_SYSTEM_TIME, (0x4000 - 28) | 1);
	assert_true(pv_msr_write(&vcpus[0], MSR_KVM_WALL_CLOCK, RAM - 12));
	expect_refused(MSR_KVM_WALL_CLOCK, 0x4000 - 8);
	for (config.pv = 0; config.pv < 8; config.pv++) {
		assert_int_equal(pv_msr_read(&vcpus[0], MSR_KVM_WALL_CLOCK, &value), config.pv & 1);
		assert_int_equal(pv_msr_write(&vcpus[0], MSR_KVM_SYSTEM_TIME, 0), config.pv & 1);
		assert_int_equal(pv_msr_write(&vcpus[0], MSR_KVM_STEAL_TIME, 0),
				 config.pv >> 1 & 1);
	}
}

static struct pv_clock_page clock_page(u64 gpa)
{
	struct pv_clock_page page;

	assert_int_equal(guest_mem_read(&vm.mem, GPA(gpa), &page, sizeof(page)), 0);
	return page;
}

/* What a guest makes of the page at its TSC. */
static u64 guest_time(u32 vcpu, u64 tsc)
{
	struct pv_clock_page page = clock_page(CLOCK + vcpu * 64);
	u64 delta = tsc - page.tsc_timestamp;

	return (u64)((unsigned __int128)(delta << page.shift) * page.mul >> 32) + page.system_time;
}

static void test_clock(void **state)
{
	struct pv_clock_page page;

	(void)state;
	memset(guest_mem_ptr(&vm.mem, GPA(CLOCK)), 0x77, 4096);
	turn_on_clocks();
	page = clock_page(CLOCK);
	assert_int_equal(page.version, 0x7777777a); /* even, and another one */
	assert_int_equal(page.flags, PV_CLOCK_STABLE);
	assert_int_equal(page.pad0, 0);
	for (u32 i = 0; i < vm.vcpu_count; i++) {
		for (u64 tsc = 0; tsc < GIB(8); tsc += MIB(513) + 1)
			assert_true(guest_time(i, tsc) - (tsc - 1) <= 1); /* as the host: 1 GHz */
	}
	assert_int_equal(*(u8 *)guest_mem_ptr(&vm.mem, GPA(CLOCK + 32)), 0x77);
	/* The guest sets one TSC: time goes on with it, and no page promises one clock any more. */
	vcpus[1].tsc_offset += 123456789;
	pv_tsc_written(&vcpus[1]);
	for (u32 i = 0; i < vm.vcpu_count; i++) {
		assert_int_equal(clock_page(CLOCK + i * 64).flags, 0);
		assert_in_range(guest_time(i, 1000000000 + (i == 1 ? 123456789 : 0)), 999999999,
				1000000000);
	}
	/* And back: they do again. */
	vcpus[1].tsc_offset -= 123456789;
	pv_tsc_written(&vcpus[1]);
	assert_int_equal(clock_page(CLOCK).flags, PV_CLOCK_STABLE);
	cpus[3]->tsc_skew = 17; /* a CPU that is not in step */
	turn_on_clocks();
	assert_int_equal(clock_page(CLOCK + 64).flags, 0);
}

/* Off, or without a word of it, nothing is written. */
static void test_clock_off(void **state)
{
	struct pv_clock_page page;

	(void)state;
	turn_on_clocks();
	pv_msr_write(&vcpus[2], MSR_KVM_SYSTEM_TIME, CLOCK + 128);
	page = clock_page(CLOCK + 128);
	pv_tsc_written(&vcpus[1]);
	assert_int_equal(clock_page(CLOCK + 128).version, page.version);
	config.pv = VM_PV_STEAL;
	page = clock_page(CLOCK);
	pv_tsc_written(&vcpus[1]);
	assert_int_equal(clock_page(CLOCK).version, page.version);
	pv_vcpu_reset(&vcpus[0]);
	assert_int_equal(vcpus[0].pv.clock_msr, 0);
}

static void test_scale(void **state)
{
	struct pv_clock_page page;

	(void)state;
	pv_clock_scale(0x80000000, &page); /* 2 GHz */
	assert_int_equal(page.mul, 0x80000000);
	assert_int_equal(page.shift, 0);
	pv_clock_scale(1ull << 32, &page);
	assert_int_equal(page.mul, 0x80000000);
	assert_int_equal(page.shift, 1);
	pv_clock_scale(50ull << 32, &page); /* 20 MHz */
	assert_int_equal(page.shift, 6);
	assert_int_equal((u64)page.mul << page.shift, 50ull << 32);
}

/* A guest whose TSC counts two and a half times as fast has the same time. */
static void test_scaled_clock(void **state)
{
	(void)state;
	guest_tsc_init(&vm.tsc, clock_tsc_khz(), 2500000);
	assert_int_equal(pv_cpuid(&vm, CPUID_FREQUENCIES).eax, 2500000);
	turn_on_clocks();
	for (u64 tsc = 0; tsc < GIB(8); tsc += MIB(513) + 1) {
		s64 off = (s64)(guest_time(0, guest_tsc_at(&vm.tsc, tsc)) - tsc);

		assert_in_range(off + 16, 0, 32);
	}
}

static void test_wall_clock(void **state)
{
	u64 began = EPOCH * 1000000000 + 5000000123;

	(void)state;
	assert_true(pv_msr_write(&vcpus[0], MSR_KVM_WALL_CLOCK, WALL));
	assert_int_equal(msr(MSR_KVM_WALL_CLOCK), WALL);
	assert_int_equal(fixture_get(WALL, 4), 2);
	assert_int_equal(fixture_get(WALL + 4, 4), began / 1000000000);
	assert_int_equal(fixture_get(WALL + 8, 4), began % 1000000000);
	assert_int_equal(fixture_get(WALL + 12, 4), 0);
	assert_true(pv_msr_write(&vcpus[0], MSR_KVM_WALL_CLOCK, 0));
	assert_int_equal(fixture_get(WALL, 4), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_cpuid),      FIXTURE_TEST(test_msrs),
		FIXTURE_TEST(test_clock),      FIXTURE_TEST(test_clock_off),
		FIXTURE_TEST(test_scale),      FIXTURE_TEST(test_scaled_clock),
		FIXTURE_TEST(test_wall_clock),
	};

	return cmocka_run_group_tests_name("pv", tests, NULL, NULL);
}
