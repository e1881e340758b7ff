/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's steal time and the flush hint beside it: vCPUs that leave and come back, slots that are gone or
 * read-only when they do, and the dirty log of all such pages.
 */
#include "pv_fixture.h"

#include "mm/dirty_log.h"

static volatile struct pv_steal_page *steal(void)
{
	return guest_mem_ptr(&vm.mem, GPA(STEAL));
}

static void test_steal(void **state)
{
	struct vcpu *vcpu = &vcpus[1];

	(void)state;
	/* What was before it is turned on does not count. */
	pv_add_steal(vcpu, 1000);
	pv_vcpu_out(vcpu);
	pv_vcpu_in(vcpu);
	memset((void *)(uintptr_t)steal(), 0x33, 64);
	assert_true(pv_msr_write(vcpu, MSR_KVM_STEAL_TIME, STEAL | 1));
	assert_int_equal(steal()->steal, 0);
	assert_int_equal(steal()->version & 1, 0);
	assert_int_equal(steal()->preempted, 0);
	assert_int_equal(steal()->pad[10], 0x33333333);
	pv_add_steal(vcpu, 30);
	pv_add_steal(vcpu, 12);
	assert_int_equal(steal()->steal, 0);
	steal()->version = 7; /* the guest's nonsense */
	steal()->steal = 99999;
	pv_vcpu_in(vcpu);
	assert_int_equal(steal()->steal, 42);
	assert_int_equal(steal()->version, 10);
	pv_vcpu_out(vcpu);
	pv_vcpu_in(vcpu);
	assert_int_equal(steal()->version, 10); /* no news */
	pv_add_steal(vcpu, 1);
	pv_vcpu_in(vcpu);
	assert_int_equal(steal()->steal, 43);
	assert_int_equal(flushes, 0);
	pv_msr_write(vcpu, MSR_KVM_STEAL_TIME, STEAL);
	pv_add_steal(vcpu, 1);
	pv_vcpu_out(vcpu);
	pv_vcpu_in(vcpu);
	assert_int_equal(steal()->steal, 43);
	pv_vcpu_reset(vcpu);
	assert_int_equal(vcpu->pv.steal_ns, 0);
}

static void test_flush_when_back(void **state)
{
	struct vcpu *vcpu = &vcpus[1];

	(void)state;
	assert_true(pv_msr_write(vcpu, MSR_KVM_STEAL_TIME, STEAL | 1));
	pv_vcpu_out(vcpu);
	assert_int_equal(steal()->preempted, PV_PREEMPTED);
	pv_vcpu_in(vcpu);
	assert_int_equal(steal()->preempted, 0);
	assert_int_equal(flushes, 0);
	/* Asked for while it is out, and not forgotten by its being put out once more. */
	pv_vcpu_out(vcpu);
	steal()->preempted |= PV_FLUSH_TLB;
	pv_vcpu_out(vcpu);
	vcpu->memo.rip_page = 0x1000;
	pv_vcpu_in(vcpu);
	assert_int_equal(flushes, 1);
	assert_ptr_equal(flushed, vcpu);
	assert_true(vcpu->memo.rip_page == FETCH_MEMO_NONE);
	assert_int_equal(steal()->preempted, 0);
	pv_vcpu_in(vcpu);
	assert_int_equal(flushes, 1);
	/* Nonsense in its place counts as asking. */
	pv_vcpu_out(vcpu);
	steal()->preempted = 0;
	pv_vcpu_in(vcpu);
	assert_int_equal(flushes, 2);
	/* Another page meanwhile: the guest itself runs then. */
	pv_vcpu_out(vcpu);
	pv_vcpu_in(vcpu);
	assert_true(pv_msr_write(vcpu, MSR_KVM_STEAL_TIME, (STEAL + 64) | 1));
	pv_vcpu_out(vcpu);
	assert_int_equal(steal()->preempted, 0);
	assert_int_equal(steal()[1].preempted, PV_PREEMPTED);
	pv_vcpu_in(vcpu);
	assert_int_equal(flushes, 2);
}

/* The slot goes, is read-only, or another one comes: before and while the vCPU is out. */
static void test_slots_change(void **state)
{
	struct vcpu *vcpu = &vcpus[0];

	(void)state;
	turn_on_clocks();
	assert_true(pv_msr_write(vcpu, MSR_KVM_STEAL_TIME, STEAL | 1));
	for (u32 i = 0; i < 2; i++) {
		struct mem_slot *slot = &fixture_slots.slots[0], was = *slot;

		flushes = 0;
		pv_vcpu_out(vcpu);
		pv_add_steal(vcpu, 5);
		if (i == 0)
			slot->npages = 0;
		else
			slot->readonly = true;
		pv_vcpu_in(vcpu);
		assert_int_equal(flushes, 1);
		pv_vcpu_out(vcpu);
		pv_tsc_written(vcpu);
		assert_false(pv_msr_write(vcpu, MSR_KVM_STEAL_TIME, STEAL | 1));
		*slot = was;
		/* It was never told that the vCPU is out: there is nothing to take back. */
		steal()->preempted = 0;
		pv_add_steal(vcpu, 5);
		pv_vcpu_in(vcpu);
		assert_int_equal(flushes, 1);
		assert_int_equal(steal()->steal, (i + 1) * 10);
	}
}

/* What is written on this way is in the log of who wants to know. */
static void test_dirty_log(void **state)
{
	static u64 chunk[DIRTY_CHUNK_WORDS], *chunks[] = { chunk };
	static struct dirty_log log = { .words = RAM / PAGE_SIZE / 64, .live = chunks };
	struct vcpu *vcpu = &vcpus[0];

	(void)state;
	chunk[0] = 0;
	fixture_slots.slots[0].log = &log;
	assert_true(pv_msr_write(vcpu, MSR_KVM_SYSTEM_TIME, CLOCK | 1));
	assert_true(pv_msr_write(vcpu, MSR_KVM_WALL_CLOCK, WALL));
	assert_int_equal(chunk[0], BIT(CLOCK / PAGE_SIZE) | BIT(WALL / PAGE_SIZE));
	chunk[0] = 0;
	assert_true(pv_msr_write(vcpu, MSR_KVM_STEAL_TIME, STEAL | 1));
	assert_int_equal(chunk[0], BIT(STEAL / PAGE_SIZE));
	chunk[0] = 0;
	pv_vcpu_out(vcpu);
	assert_int_equal(chunk[0], BIT(STEAL / PAGE_SIZE));
	chunk[0] = 0;
	pv_vcpu_in(vcpu);
	assert_int_equal(chunk[0], BIT(STEAL / PAGE_SIZE));
	chunk[0] = 0;
	pv_vcpu_in(vcpu);
	assert_int_equal(chunk[0], 0);
	pv_add_steal(vcpu, 1);
	pv_vcpu_in(vcpu);
	assert_int_equal(chunk[0], BIT(STEAL / PAGE_SIZE));
	chunk[0] = 0;
	pv_tsc_written(vcpu);
	assert_int_equal(chunk[0], BIT(CLOCK / PAGE_SIZE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_steal),
		FIXTURE_TEST(test_flush_when_back),
		FIXTURE_TEST(test_slots_change),
		FIXTURE_TEST(test_dirty_log),
	};

	return cmocka_run_group_tests_name("pv_steal", tests, NULL, NULL);
}
