/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TDP tree: faults at every level in both formats, zaps and the rounds they cost,
 * running out of table frames, and random sequences against a model.
 */
#include "tdp_fixture.h"

#include <stdlib.h>

static void test_create(void **state)
{
	struct tdp_config config = { .fmt = &spte_format_ept };
	struct tdp other;

	(void)state;
	assert_int_equal(tdp_create(&other, &config, &fixture_mem), E_INVAL);
	config.max_leaf_level = 4;
	assert_int_equal(tdp_create(&other, &config, &fixture_mem), E_INVAL);
	assert_int_equal(stats().table_pages, 1);
	assert_true(tdp.tlb.generation > 0);
	tree_check();
}

static void check_fault(u64 gpa)
{
	unsigned int level = fixture_leaf_level(gpa);
	u64 fixed = stats().pf_fixed, rounds = tdp.tlb.stats.remote_tlb_flush,
	    spurious = stats().pf_spurious;
	struct tdp_walk_step step;
	pfn_t pfn = mem_slot_pfn(guest_mem_slot(&fixture_mem, gpa_to_gfn(GPA(gpa))),
				 gpa_to_gfn(GPA(gpa)));

	assert_int_equal(tdp_fault(&tdp, GPA(gpa), ACCESS_WRITE), TDP_FIXED);
	step = walk_end(gpa);
	assert_int_equal(step.level, level);
	assert_true(spte_is_leaf(tdp.fmt, step.spte, level));
	assert_int_equal(spte_access(tdp.fmt, step.spte), ACCESS_ALL);
	assert_int_equal(spte_pfn(tdp.fmt, step.spte).raw, align_down(pfn.raw, level_pages(level)));
	assert_int_equal(tdp_fault(&tdp, GPA(gpa), ACCESS_EXEC), TDP_SPURIOUS);
	assert_int_equal(stats().pf_fixed, fixed + 1);
	assert_int_equal(stats().pf_spurious, spurious + 1);
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, rounds);
	tree_check();
}

static void test_fault_levels(void **state)
{
	static const struct spte_format *const formats[] = { &spte_format_npt, &spte_format_ept };

	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		for (unsigned int max = LEVEL_4K; max <= LEVEL_1G; max++) {
			fixture_start(formats[f], max);
			for (u32 i = 0; i < FIXTURE_SLOTS; i++) {
				const struct fixture_slot *slot = &fixture_slots[i];

				check_fault(slot->gpa);
				if (i != 1 || max < LEVEL_1G)
					check_fault(slot->gpa + MIB(6) + 0x5678);
				check_fault(slot->gpa + slot->len - 1);
			}
			assert_int_equal(stats().pf_taken, 2 * stats().pf_fixed);
			end(state);
		}
	}
	fixture_start(&spte_format_npt, LEVEL_1G);
}

static void test_fault_no_slot(void **state)
{
	static const u64 outside[] = { GIB(3),
				       GIB(8),
				       GIB(8) + MIB(2) - 1,
				       GIB(9) + MIB(2),
				       BIT(48) - MIB(8) - 1,
				       BIT(48),
				       BIT(48) + GIB(1),
				       BIT(52),
				       BIT(63),
				       ~0ull };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(outside); i++)
		assert_int_equal(fault(outside[i]), TDP_EMULATE);
	assert_int_equal(stats().pf_emulate, ARRAY_SIZE(outside));
	assert_int_equal(tree_check().tables, 1);
	/* Marks take no tables, and there is none beside slots. */
	assert_int_equal(stats().pf_mmio_spte_created, 0);
	assert_false(is_mapped(0));
	assert_int_equal(tdp_walk(&tdp, GPA(BIT(48)), NULL), 0);
	assert_int_equal(fault(GIB(512)), TDP_EMULATE);
	assert_int_equal(fault(GIB(513)), TDP_EMULATE);
	assert_true(spte_is_mmio(walk_end(GIB(600)).spte));
	assert_int_equal(stats().pf_mmio_spte_created, 1);
	assert_true(tdp_mmio_is_current(&tdp));
	/* Another table of slots: it is renewed, when it is met. */
	fixture_slot_table()->generation++;
	assert_false(tdp_mmio_is_current(&tdp));
	assert_int_equal(fault(GIB(513)), TDP_EMULATE);
	assert_int_equal(stats().pf_mmio_spte_created, 2);
	assert_int_equal(tree_check().tables, 1);
}

static void test_fault_denied(void **state)
{
	struct mem_slot *slot = &fixture_slot_table()->slots[1];

	(void)state;
	slot->readonly = true;
	slot->plain = false;
	assert_int_equal(tdp_fault(&tdp, GPA(GIB(1)), ACCESS_WRITE), TDP_FIXED);
	assert_int_equal(tdp_fault(&tdp, GPA(GIB(1)), ACCESS_WRITE), TDP_EMULATE);
	assert_int_equal(tdp_fault(&tdp, GPA(GIB(1)), ACCESS_EXEC), TDP_SPURIOUS);
	assert_int_equal(tdp_fault(&tdp, GPA(GIB(1)), ACCESS_READ), TDP_SPURIOUS);
	/* Writable from now on: the next write is told so. */
	slot->readonly = false;
	assert_int_equal(tdp_fault(&tdp, GPA(GIB(1)), ACCESS_READ), TDP_SPURIOUS);
	assert_int_equal(tdp_fault(&tdp, GPA(GIB(1)), ACCESS_WRITE), TDP_FIXED);
	assert_int_equal(tdp_fault(&tdp, GPA(GIB(1)), ACCESS_WRITE), TDP_SPURIOUS);
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 0);
}

/* A table where a large leaf would fit (as left by a split) is filled, not replaced. */
static void test_fault_below_table(void **state)
{
	(void)state;
	tdp.max_leaf_level = LEVEL_4K;
	assert_int_equal(fault(GIB(1)), TDP_FIXED);
	tdp.max_leaf_level = LEVEL_1G;
	assert_int_equal(fault(GIB(1)), TDP_SPURIOUS);
	assert_int_equal(fault(GIB(1) + MIB(4)), TDP_FIXED);
	assert_int_equal(fault(GIB(1) + 0x1000), TDP_FIXED);
	assert_int_equal(walk_end(GIB(1) + MIB(4)).level, LEVEL_2M);
	assert_int_equal(walk_end(GIB(1) + 0x1000).level, LEVEL_4K);
	assert_int_equal(stats().pages_1g, 0);
}

static void test_zap_costs(void **state)
{
	u64 top = fixture_slots[4].gpa;

	(void)state;
	/* Nothing there, or an empty or senseless range: no round. */
	zap(0, BIT(48));
	zap(GIB(1), GIB(1));
	zap(GIB(2), GIB(1));
	tdp_zap(&tdp, GFN(BIT(36)), GFN(~0ull));
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 0);

	for (u64 gpa = 0; gpa < GIB(1); gpa += MIB(2))
		assert_int_equal(fault(gpa), TDP_FIXED);
	assert_int_equal(fault(GIB(1)), TDP_FIXED);
	for (u64 offset = 0; offset < MIB(8); offset += PAGE_SIZE)
		assert_int_equal(fault(top + offset), TDP_FIXED);
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 0);
	/* Root; 0..512 GiB and its GiB 0; the other end, its GiB, and four tables of pages. */
	assert_int_equal(tree_check().tables, 1 + 2 + 2 + 4);

	zap(MIB(2), MIB(4)); /* one leaf */
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 1);
	assert_int_equal(tree_check().leaves[LEVEL_2M], 511);
	zap(MIB(2), MIB(4));
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 1);
	zap(top + MIB(1), BIT(48)); /* half a table of pages and three whole ones */
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 2);
	assert_int_equal(tree_check().leaves[LEVEL_4K], 256);
	assert_int_equal(stats().table_pages, 1 + 2 + 2 + 1);
	zap(0, ~0ull << 12); /* all the rest */
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 3);
	assert_int_equal(tree_check().tables, 1);
	assert_int_equal(tdp.tlb.generation, 4);
}

/* Part of a large leaf in the range takes the whole leaf away; a fault brings back the rest. */
static void test_zap_part_of_leaf(void **state)
{
	(void)state;
	assert_int_equal(fault(GIB(1)), TDP_FIXED);
	assert_int_equal(fault(GIB(2)), TDP_FIXED);
	assert_int_equal(fault(MIB(2)), TDP_FIXED);
	zap(GIB(1) + MIB(3), GIB(1) + MIB(3) + PAGE_SIZE);
	assert_false(is_mapped(GIB(1)));
	assert_true(is_mapped(GIB(2)));
	assert_int_equal(fault(GIB(1) + MIB(512)), TDP_FIXED);
	assert_int_equal(stats().pages_1g, 2);

	zap(MIB(4) - PAGE_SIZE, GIB(1) + PAGE_SIZE); /* the ends of two leaves */
	assert_false(is_mapped(MIB(2)));
	assert_false(is_mapped(GIB(1)));
	assert_true(is_mapped(GIB(2)));
	assert_int_equal(tree_check().empty, 0);
	zap(GIB(3) - PAGE_SIZE, GIB(3));
	assert_int_equal(tree_check().tables, 1);
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 3);
}

/* The last leaf of a table takes its table with it, and that the one above, in the same round. */
static void test_zap_frees_empty_tables(void **state)
{
	u64 top = fixture_slots[4].gpa;

	(void)state;
	assert_int_equal(fault(top + MIB(3)), TDP_FIXED);
	assert_int_equal(fault(top + MIB(3) + PAGE_SIZE), TDP_FIXED);
	assert_int_equal(fault(top + MIB(5)), TDP_FIXED);
	zap(top + MIB(3), top + MIB(3) + PAGE_SIZE);
	assert_int_equal(tree_check().tables, 5);
	zap(top + MIB(3) + PAGE_SIZE, top + MIB(3) + 2 * PAGE_SIZE);
	assert_int_equal(tree_check().tables, 4);
	zap(top + MIB(5) - PAGE_SIZE, top + MIB(5) + PAGE_SIZE);
	assert_int_equal(tree_check().tables, 1);
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 3);
}

/* With n table frames left for every n: a fault needs three, and creation one. */
static void test_every_failure(void **state)
{
	static const struct tdp_config config = { .fmt = &spte_format_ept,
						  .max_leaf_level = LEVEL_1G };
	static hpa_t held[MIB(64) / PAGE_SIZE];
	u64 gpa = fixture_slots[4].gpa;

	(void)state;
	for (u32 left = 0; left <= 3; left++) {
		struct frame_owner hog;
		struct tdp other;
		u32 count = 0;

		assert_int_equal(frame_owner_register(&hog, "hog"), 0);
		while (frame_alloc(&hog, LEVEL_4K, &held[count]) == 0)
			count++;
		assert_int_equal(tdp_create(&other, &config, &fixture_mem), E_NOMEM);
		for (u32 i = 0; i < left; i++)
			frame_free(&hog, LEVEL_4K, held[--count]);
		assert_int_equal(fault(gpa), left < 3 ? TDP_NOMEM : TDP_FIXED);
		assert_int_equal(tree_check().tables, 1 + left);
		while (count)
			frame_free(&hog, LEVEL_4K, held[--count]);
		frame_owner_unregister(&hog);
		assert_int_equal(fault(gpa), left < 3 ? TDP_FIXED : TDP_SPURIOUS);
		assert_int_equal(tree_check().tables, 4);
		zap(0, BIT(48));
		assert_int_equal(tree_check().tables, 1);
	}
}

struct leaf {
	u64 start, end; /* gpa */
};

/* Remove the model's leaves that a zap of [start, end) must remove; returns how many. */
static u32 model_zap(struct leaf *leaves, u32 *count, u64 start, u64 limit)
{
	u32 removed = 0;

	for (u32 i = 0; i < *count;) {
		if (leaves[i].start < limit && start < leaves[i].end) {
			leaves[i] = leaves[--*count];
			removed++;
		} else {
			i++;
		}
	}
	return removed;
}

static void random_run(struct leaf *leaves, u32 room, u32 steps)
{
	u32 count = 0;

	for (u32 step = 0; step < steps; step++) {
		const struct fixture_slot *slot = &fixture_slots[rand() % (int)FIXTURE_SLOTS];
		u64 gpa = slot->gpa + (u64)rand() % MIN(slot->len, (u64)MIB(64));
		u64 size = level_size(fixture_leaf_level(gpa)),
		    rounds = tdp.tlb.stats.remote_tlb_flush;

		if (rand() % 8 && count < room) {
			enum tdp_result result = fault(gpa);

			if (result == TDP_FIXED)
				leaves[count++] = (struct leaf){ align_down(gpa, size),
								 align_down(gpa, size) + size };
			else
				assert_int_equal(result, TDP_SPURIOUS);
			assert_int_equal(tdp.tlb.stats.remote_tlb_flush, rounds);
		} else {
			u64 start = align_down(gpa, PAGE_SIZE);
			u64 limit = start + ((u64)rand() % (1u << (u32)rand() % 16)) * PAGE_SIZE;
			u32 removed = start < limit ? model_zap(leaves, &count, start, limit) : 0;

			zap(start, limit);
			assert_int_equal(tdp.tlb.stats.remote_tlb_flush, rounds + (removed != 0));
		}
		if (step % 16 == 0) {
			struct tree_count tree = tree_check();

			assert_int_equal(tree_leaves(&tree), count);
			assert_int_equal(tree.empty, 0);
		}
	}
	for (u32 i = 0; i < count; i++)
		assert_true(is_mapped(leaves[i].start) && is_mapped(leaves[i].end - 1));
}

static void test_random(void **state)
{
	static struct leaf leaves[1500];

	(void)state;
	srand(4);
	random_run(leaves, ARRAY_SIZE(leaves), 4000);
	end(state);
	fixture_start(&spte_format_ept, LEVEL_2M);
	random_run(leaves, ARRAY_SIZE(leaves), 4000);
	end(state);
	fixture_start(&spte_format_ept, LEVEL_4K);
	random_run(leaves, ARRAY_SIZE(leaves), 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, start_npt, end),
		cmocka_unit_test_setup_teardown(test_fault_levels, start_npt, end),
		cmocka_unit_test_setup_teardown(test_fault_no_slot, start_npt, end),
		cmocka_unit_test_setup_teardown(test_fault_denied, start_npt, end),
		cmocka_unit_test_setup_teardown(test_fault_below_table, start_npt, end),
		cmocka_unit_test_setup_teardown(test_zap_costs, start_npt, end),
		cmocka_unit_test_setup_teardown(test_zap_part_of_leaf, start_npt, end),
		cmocka_unit_test_setup_teardown(test_zap_frees_empty_tables, start_npt, end),
		cmocka_unit_test_setup_teardown(test_every_failure, start_npt, end),
		cmocka_unit_test_setup_teardown(test_random, start_npt, end),
	};

	return cmocka_run_group_tests_name("tdp", tests, NULL, NULL);
}
