/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All memory that the map reports is there, zeroed, and distinct: a pattern at every 2 MiB.
 * Behind it there is none.
 */
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define STEP MIB(2)
#define FIRST MIB(16) /* this image, modules and the loader's data lie below */
#define PATTERN 0x9e3779b97f4a7c15ull

/* Two words of each step: its first and its last. */

static const u64 offsets[] = { 0, STEP - 8 };

/* A window of 2 MiB onto any physical address. */
static volatile u64 *window(u64 pa)
{
	pt_map(TEST_VA, align_down(pa, STEP) | PTE_P | PTE_W | PTE_PS, 2);
	return (volatile u64 *)(TEST_VA + (pa & (STEP - 1)));
}

static u64 pattern(u64 pa)
{
	return pa * PATTERN ^ PATTERN;
}

/* Calls fn for each word to be tested; returns how many calls said no. */
static u32 for_each_word(bool (*fn)(u64 pa), u32 *count)
{
	u32 wrong = 0;

	*count = 0;
	for (const struct mb_mmap *e = NULL; (e = boot_mmap_next(e));) {
		u64 from = MAX(align_up(e->base, STEP), FIRST);

		if (e->type != MB_MMAP_RAM)
			continue;
		for (u64 at = from; at + STEP <= e->base + e->length; at += STEP) {
			for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
				(*count)++;
				wrong += !fn(at + offsets[i]);
			}
		}
	}
	return wrong;
}

static bool is_zero(u64 pa)
{
	return *window(pa) == 0;
}

static bool put_pattern(u64 pa)
{
	*window(pa) = pattern(pa);
	return true;
}

static bool is_pattern(u64 pa)
{
	return *window(pa) == pattern(pa);
}

static bool put_inverse(u64 pa)
{
	*window(pa) = ~pattern(pa);
	return true;
}

static bool is_inverse(u64 pa)
{
	return *window(pa) == ~pattern(pa);
}

static u64 top_of_ram(void)
{
	u64 top = 0;

	for (const struct mb_mmap *e = NULL; (e = boot_mmap_next(e));) {
		if (e->type == MB_MMAP_RAM)
			top = MAX(top, e->base + e->length);
	}
	return top;
}

/* Every byte of one range, so that no page within 2 MiB is another one. */
static void test_every_page(void)
{
	volatile u64 *page = window(FIRST);
	u32 wrong = 0;

	for (u64 i = 0; i < STEP / 4096; i++)
		page[i * 512] = i;
	for (u64 i = 0; i < STEP / 4096; i++)
		wrong += page[i * 512] != i;
	tap_eq(wrong, 0, "512 pages of 4 KiB are distinct");
}

static void test_ram(void)
{
	u32 count, wrong;

	wrong = for_each_word(is_zero, &count);
	tap_diag("%u words, top of RAM 0x%llx", count, (unsigned long long)top_of_ram());
	tap_ok(count > 0, "there is RAM above 16 MiB");
	if (on_sill())
		tap_eq(wrong, 0, "a guest's memory is zeroed");
	else
		tap_skip(SKIP_NOT_SILL, "a guest's memory is zeroed");
	for_each_word(put_pattern, &count);
	tap_eq(for_each_word(is_pattern, &count), 0, "every word keeps its pattern");
	for_each_word(put_inverse, &count);
	tap_eq(for_each_word(is_inverse, &count), 0, "every word keeps its inverse");
}

/* Physical addresses at which no machine of this kind has anything. */
static void test_beyond(u64 pa, const char *where)
{
	volatile u64 *word = window(pa);
	volatile u32 *half = (volatile u32 *)word;
	volatile u8 *byte = (volatile u8 *)word;

	*half = 0x12345678;
	tap_ok(*half != 0x12345678, "%s: a write does not stay", where);
	if (on_sill()) {
		tap_eq(*half, 0xffffffff, "%s: 32 bits read all ones", where);
		tap_eq(*word, ~0ull, "%s: 64 bits read all ones", where);
		tap_eq(*byte, 0xff, "%s: 8 bits read all ones", where);
	} else {
		tap_skip(SKIP_NOT_SILL, "%s: reads all ones", where);
	}
}

void guest_main(void)
{
	u64 top = align_up(top_of_ram(), STEP);

	test_ram();
	test_every_page();
	test_beyond(top < GIB(3) ? MAX(top, MIB(64)) : GIB(4) + align_up(top, GIB(1)),
		    "behind RAM");
	test_beyond(GIB(3) + MIB(512), "in the hole below 4 GiB");
	test_beyond(GIB(200), "at 200 GiB");
}
