/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dirty logs against a book: random writes by the guest and by the hypervisor, next to all else
 * that is done to a tree and its slots. Every harvest must be what the book says, to the page.
 */
#include "dirty_fixture.h"

#include <stdlib.h>

#define STEPS 2500u

struct setting {
	const struct spte_format *fmt;
	unsigned int max_leaf_level;
	enum dirty_means means;
	bool eager, hw_ad, nx_huge;
};

static u64 random_below(u64 limit)
{
	return ((u64)rand() << 31 | (u64)rand()) % limit;
}

/* Mostly in a few places, so that the same pages and tables are met again. */
static u64 random_gpa(void)
{
	static const u64 hot[] = { 0, MIB(2) - KIB(64), MIB(512), GIB(1) - KIB(128), GIB(1) };
	u64 spot = hot[rand() % 5];

	if (rand() % 16 == 0)
		return book.base + random_below(book.npages * PAGE_SIZE);
	return book.base + (spot + random_below(KIB(256))) % (book.npages * PAGE_SIZE);
}

static void write_across_pages(void)
{
	static u8 bytes[KIB(20)];
	u64 len = 1 + random_below(sizeof(bytes));
	u64 gpa = MIN(random_gpa(), book.base + book.npages * PAGE_SIZE - len);

	if (rand() % 2)
		assert_int_equal(guest_mem_write(&fixture_mem, GPA(gpa), bytes, len), 0);
	else
		assert_int_equal(guest_mem_zero(&fixture_mem, GPA(gpa), len), 0);
	book_note(gpa, len);
}

/* Whatever else there is, of some pages or of many. */
static void disturb(void)
{
	gfn_t start = live_gfn(random_gpa());
	gfn_t end = GFN(start.raw + random_below(1u << rand() % 20));

	switch (rand() % 6) {
	case 0:
		tdp_zap(&tdp, start, end);
		break;
	case 1:
		tdp_write_protect(&tdp, start, end);
		break;
	case 2:
		assert_int_equal(tdp_split(&tdp, start, end), 0);
		break;
	case 3:
		tdp_collapse(&tdp, start, end);
		break;
	case 4:
		tdp_age(&tdp, start, end);
		break;
	default:
		/* Another slot comes and goes. */
		assert_int_equal(add(MIB(2), MIB(2)), 0);
		assert_int_equal(slot_remove(&tdp, live_gfn(MIB(2))), 0);
	}
}

/* The slot is at another place, and all of it is news there. */
static void move_slot(void)
{
	static const u64 places[] = { GIB(4), GIB(6) + MIB(2), GIB(8) - MIB(4), GIB(512) };
	u64 to = places[rand() % 4];

	assert_int_equal(slot_move(&tdp, live_gfn(book.base), live_gfn(to)), 0);
	book.base = to;
	book_note(to, book.npages * PAGE_SIZE);
}

static void harvest(void)
{
	bool any = book_count(book.dirty) != 0;
	u64 rounds = book_harvest();

	assert_true(rounds <= (any || book.means == DIRTY_BITS));
	/* What is reported is not reported again. */
	assert_int_equal(book_harvest(), 0);
}

static void step(bool *readonly)
{
	u64 gpa = random_gpa();
	int what = rand() % 1000;

	if (what < 400) {
		assert_int_equal(cpu_write(gpa), !*readonly);
	} else if (what < 600) {
		cpu_read(gpa);
	} else if (what < 750) {
		assert_int_equal(host_write(gpa), !*readonly);
	} else if (what < 850) {
		write_across_pages();
	} else if (what < 920) {
		disturb();
	} else if (what < 980) {
		harvest();
	} else if (what < 995) {
		*readonly = !*readonly;
		assert_int_equal(slot_set_readonly(&tdp, live_gfn(book.base), *readonly), 0);
	} else {
		move_slot();
	}
}

static void run(const struct setting *setting)
{
	struct tdp_config config = {
		.fmt = setting->fmt,
		.max_leaf_level = setting->max_leaf_level,
		.hw_ad = setting->hw_ad,
		.nx_huge = setting->nx_huge,
		.pml = setting->means == DIRTY_PML,
	};
	bool readonly = false;

	live_start_with(&config, GIB(3), 48);
	assert_int_equal(add(GIB(4), GIB(1) + MIB(8)), 0);
	book_open(GIB(4), GIB(1) + MIB(8), setting->means);
	for (u32 i = 0; i < 20; i++)
		i % 2 ? cpu_read(random_gpa()) : (void)cpu_write(random_gpa());
	memset(book.dirty, 0, sizeof(book.dirty));
	assert_int_equal(dirty_log_start(&tdp, live_gfn(book.base), setting->means, setting->eager),
			 0);
	assert_int_equal(book_harvest(), 0);
	for (u32 i = 0; i < STEPS; i++) {
		step(&readonly);
		if (i % 500 == 0)
			live_check();
	}
	harvest();
	assert_int_equal(dirty_log_stop(&tdp, live_gfn(book.base)), 0);
	live_check();
	live_end();
}

static void run_both(struct setting setting)
{
	static const unsigned int levels[] = { LEVEL_1G, LEVEL_2M, LEVEL_4K };

	for (u32 i = 0; i < ARRAY_SIZE(levels); i++) {
		setting.max_leaf_level = levels[i];
		setting.eager = false;
		setting.nx_huge = i == 1;
		run(&setting);
		setting.eager = true;
		setting.nx_huge = i == 0;
		run(&setting);
	}
}

static void test_protect(void **state)
{
	(void)state;
	srand(1);
	run_both(
		(struct setting){ .fmt = &spte_format_npt, .means = DIRTY_PROTECT, .hw_ad = true });
}

/* A CPU without accessed and dirty bits, whose entries are aged by taking them away. */
static void test_protect_no_ad(void **state)
{
	(void)state;
	srand(2);
	run_both((struct setting){ .fmt = &spte_format_ept, .means = DIRTY_PROTECT });
}

static void test_bits(void **state)
{
	(void)state;
	srand(3);
	run_both((struct setting){ .fmt = &spte_format_ept, .means = DIRTY_BITS, .hw_ad = true });
	run_both((struct setting){ .fmt = &spte_format_npt, .means = DIRTY_BITS, .hw_ad = true });
}

static void test_pml(void **state)
{
	(void)state;
	srand(4);
	run_both((struct setting){ .fmt = &spte_format_ept, .means = DIRTY_PML, .hw_ad = true });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protect),
		cmocka_unit_test(test_protect_no_ad),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_pml),
	};

	return cmocka_run_group_tests_name("dirty_log_model", tests, NULL, NULL);
}
