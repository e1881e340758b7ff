/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a multiboot loader owes its kernel: machine state, memory map, command line, modules.
 * The command line must hold the words check "two words apart by  two spaces" as below, and
 * mods=N with mod0=SIZE mod1=SIZE; byte i of module n is (7 * i + n + 1) mod 256.
 */
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

extern const char image_start[], image_end[];

#define CMDLINE_TAIL "check  two  spaces key=a=b,c end"

struct range {
	u64 start, end;
};

static bool overlaps(struct range a, struct range b)
{
	return a.start < b.end && b.start < a.end;
}

static struct range image_range(void)
{
	return (struct range){ (uintptr_t)image_start, (uintptr_t)image_end };
}

static struct range mmap_range(const struct mb_mmap *e)
{
	return (struct range){ e->base, e->base + e->length };
}

static bool in_ram(struct range what)
{
	for (const struct mb_mmap *e = NULL; (e = boot_mmap_next(e));) {
		struct range r = mmap_range(e);

		if (e->type == MB_MMAP_RAM && r.start <= what.start && what.end <= r.end)
			return true;
	}
	return false;
}

static void test_state(void)
{
	const struct boot_state *s = &boot_state;

	tap_eq(s->magic, MB_BOOT_MAGIC, "eax holds the loader's magic");
	tap_eq(s->cr0 & (CR0_PG | CR0_PE), CR0_PE, "protected mode, paging off");
	tap_eq(s->eflags & (FLAGS_IF | 0x20000), 0, "interrupts off, not virtual-8086");
	tap_ok(s->ds == s->es && s->ds == s->ss && s->ds == s->fs && s->ds == s->gs,
	       "one data segment in all of ds es fs gs ss");
	tap_ok(s->cs && s->ds && s->cs != s->ds, "a code segment, another for data");
}

/* Both places are behind this image; a module there survives, being restored. */
static void test_a20(void)
{
	volatile u32 *low = (u32 *)0x208000;
	volatile u32 *high = (u32 *)0x308000;
	u32 saved = *low, saved_high = *high;

	*high = 0x12345678;
	*low = ~*high;
	tap_ok(*low != *high, "A20 is on");
	*low = saved;
	*high = saved_high;
}

static void test_flags(void)
{
	const struct mb_info *info = boot_info();
	u32 want = (u32)(MB_INFO_MEMORY | MB_INFO_CMDLINE | MB_INFO_MMAP);

	tap_diag("flags 0x%x mem_lower %u mem_upper %u", info->flags, info->mem_lower,
		 info->mem_upper);
	tap_eq(info->flags & want, want, "memory sizes, command line and memory map are there");
	tap_ok(info->mem_lower > 0 && info->mem_lower <= 640, "lower memory is at most 640 KiB");
	tap_ok(info->mem_upper >= 1024, "there is upper memory");
	tap_ok(in_ram((struct range){ MIB(1), MIB(1) + KIB(1) }), "the map has RAM at 1 MiB");
	if (info->flags & MB_INFO_LOADER)
		tap_diag("loader %s", (const char *)(uintptr_t)info->loader_name);
}

/* Ascending order is what every loader gives and what the kernels of old rely on. */
static void test_mmap(void)
{
	u64 end = 0, ram = 0, above_1m = 0;
	bool ordered = true, sound = true;

	for (const struct mb_mmap *e = NULL; (e = boot_mmap_next(e));) {
		tap_diag("mmap 0x%llx + 0x%llx type %u", (unsigned long long)e->base,
			 (unsigned long long)e->length, e->type);
		ordered &= e->base >= end;
		sound &= e->size >= 20 && e->length && e->base + e->length > e->base;
		end = e->base + e->length;
		if (e->type != MB_MMAP_RAM)
			continue;
		ram += e->length;
		if (e->base == MIB(1))
			above_1m = e->length;
		if (overlaps(mmap_range(e), (struct range){ 0xa0000, MIB(1) }))
			sound = false;
		if (overlaps(mmap_range(e), (struct range){ 0xfec00000, GIB(4) }))
			sound = false;
	}
	tap_ok(ordered, "the map is ascending and without overlaps");
	tap_ok(sound, "no empty range, no RAM in the legacy hole or at the APICs");
	tap_ok(ram >= MIB(16), "there are at least 16 MiB of RAM");
	tap_ok(in_ram(image_range()), "this image lies in RAM");
	tap_ok(boot_info()->mem_upper <= above_1m / 1024,
	       "upper memory is within the range at 1 MiB");
}

static void test_cmdline(void)
{
	const char *line = boot_cmdline();
	size_t len = strlen(line), tail = strlen(CMDLINE_TAIL);

	tap_diag("command line: %s", line);
	tap_ok(len >= tail && memcmp(line + len - tail, CMDLINE_TAIL, tail) == 0,
	       "the command line ends with \"%s\"", CMDLINE_TAIL);
	tap_ok(in_ram((struct range){ (uintptr_t)line, (uintptr_t)line + len + 1 }),
	       "the command line lies in RAM");
	tap_ok(boot_option_is("key", "a=b,c"), "a value with = and , in it");
}

static bool contents_ok(const struct mb_module *mod, u32 n)
{
	const u8 *bytes = (const u8 *)(uintptr_t)mod->start;

	for (u32 i = 0; i < mod->end - mod->start; i++) {
		if (bytes[i] != (u8)(7 * i + n + 1))
			return false;
	}
	return true;
}

static void test_module(const struct mb_module *mod, u32 n, u32 size)
{
	struct range r = { mod->start, mod->end };

	tap_diag("module %u: 0x%x..0x%x \"%s\"", n, mod->start, mod->end,
		 mod->string ? (const char *)(uintptr_t)mod->string : "");
	tap_eq(mod->end - mod->start, size, "module %u has its size", n);
	tap_ok(mod->end - mod->start == size && contents_ok(mod, n), "module %u has its contents",
	       n);
	tap_ok(is_aligned(mod->start, 4096), "module %u is page-aligned", n);
	tap_ok(in_ram(r), "module %u lies in RAM", n);
	tap_ok(!overlaps(r, image_range()), "module %u is not in this image", n);
}

static void test_modules(void)
{
	const struct mb_info *info = boot_info();
	const struct mb_module *mods = (const struct mb_module *)(uintptr_t)info->mods_addr;
	u32 count = info->flags & MB_INFO_MODS ? info->mods_count : 0;
	char key[] = "mod0";

	if (!boot_option("mods")) {
		tap_skip("no mods= on the command line", "modules");
		return;
	}
	tap_eq(count, boot_option_number("mods", 0), "all modules are there");
	for (u32 n = 0; n < count && n < 10; n++) {
		key[3] = (char)('0' + n);
		test_module(&mods[n], n, boot_option_number(key, 0));
	}
	if (count >= 2)
		tap_ok(!overlaps((struct range){ mods[0].start, mods[0].end },
				 (struct range){ mods[1].start, mods[1].end }),
		       "modules do not overlap");
}

void guest_main(void)
{
	test_state();
	test_a20();
	test_flags();
	test_mmap();
	test_cmdline();
	test_modules();
}
