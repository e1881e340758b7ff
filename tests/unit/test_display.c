/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which screen the console gets: above all, that a framebuffer in the wrong place is not drawn on.
 */
#include <string.h>

#include "arch/console.h"
#include "arch/direct_map.h"
#include "arch/features.h"
#include "arch/log.h"
#include "boot/display.h"
#include "mm/host_tables.h"
#include "tests/unit/host/host.h"

struct cpu_features cpu_features = { .phys_bits = 40 };

/* What the console was told to use. */
static enum { NOTHING, VGA, FRAMEBUFFER } used;
static volatile u8 *used_pixels;
static struct boot_info info;

void console_use_vga(volatile u16 *va)
{
	assert_ptr_equal(va, hpa_to_ptr(HPA(0xb8000)));
	used = VGA;
}

void console_use_framebuffer(const struct framebuffer *fb, volatile u8 *pixels)
{
	assert_int_equal(fb->addr.raw, info.framebuffer.addr.raw);
	used = FRAMEBUFFER;
	used_pixels = pixels;
}

void console_move_framebuffer(volatile u8 *pixels)
{
	used_pixels = pixels;
}

void console_write_screen(const char *text, size_t len)
{
	assert_memory_equal(text, "log", len);
}

size_t log_copy(char *buf, size_t size)
{
	assert_true(size >= 3);
	memcpy(buf, "log", 3);
	return 3;
}

volatile void *host_map_framebuffer(hpa_t hpa, u64 len)
{
	assert_int_equal(hpa.raw, info.framebuffer.addr.raw);
	assert_int_equal(len, (u64)info.framebuffer.pitch * info.framebuffer.height);
	return (volatile void *)0x1000;
}

static void reset(void)
{
	memset(&info, 0, sizeof(info));
	info.framebuffer = (struct boot_framebuffer){ .addr = HPA(0x80000000),
						      .width = 1024,
						      .height = 768,
						      .pitch = 4096,
						      .bpp = 32,
						      .type = 1 };
	info.memory[0] = (struct boot_memory){ .start = 0, .len = 0x9fc00, .type = 1 };
	info.memory[1] = (struct boot_memory){ .start = MIB(1), .len = GIB(1), .type = 1 };
	info.memory[2] = (struct boot_memory){ .start = GIB(4), .len = GIB(4), .type = 1 };
	info.memory_count = 3;
	used = NOTHING;
	used_pixels = NULL;
	host_log_clear();
}

static void test_framebuffer(void **state)
{
	(void)state;
	reset();
	info.efi_memory_map = true;
	display_init(&info);
	assert_int_equal(used, FRAMEBUFFER);
	assert_ptr_equal(used_pixels, hpa_to_ptr(info.framebuffer.addr));
	assert_string_equal(host_log, "");
	display_map();
	display_move();
	assert_ptr_equal(used_pixels, 0x1000);
}

/* The first page tables end at 4 GiB. */
static void check_early(u64 addr, bool reachable)
{
	reset();
	info.framebuffer.addr = HPA(addr);
	info.framebuffer.pitch = 4096;
	display_init(&info);
	assert_int_equal(used, FRAMEBUFFER);
	assert_true((used_pixels != NULL) == reachable);
}

static void test_high_framebuffer(void **state)
{
	(void)state;
	check_early(0xfec00000 - MIB(3), true);
	check_early(GIB(8), false);
	check_early((1ull << 40) - MIB(3), false);
}

static void check_refused(const char *why)
{
	display_init(&info);
	assert_int_equal(used, VGA);
	assert_non_null(strstr(host_log, why));
	display_map();
	display_move();
	assert_null(used_pixels);
}

static void check_place(u64 addr, const char *why)
{
	reset();
	info.framebuffer.addr = HPA(addr);
	check_refused(why);
}

static void test_wrong_places(void **state)
{
	(void)state;
	check_place(MIB(1), "overlaps memory");
	check_place(MIB(1) + GIB(1) - 4, "overlaps memory");
	check_place(MIB(512), "overlaps memory");
	check_place(GIB(8) - 4, "overlaps memory");
	check_place(0x9fbfc, "overlaps memory");
	check_place(GIB(4) - MIB(3), "overlaps interrupt controllers");
	check_place(0xfee00000, "overlaps interrupt controllers");
	check_place(0xfec00000 - MIB(3) + 4, "overlaps interrupt controllers");
	check_place(1ull << 40, "beyond");
	check_place(UINT64_MAX - 3, "beyond");
	check_place(0, "no address");
	/* A range that ends with the address space. */
	reset();
	info.memory[2] = (struct boot_memory){ .start = 1ull << 63, .len = 1ull << 63, .type = 1 };
	info.memory[1] = (struct boot_memory){ .start = 0, .len = UINT64_MAX, .type = 1 };
	check_refused("overlaps memory");
}

static void test_other_kinds(void **state)
{
	(void)state;
	reset();
	info.framebuffer.type = 0;
	check_refused("palette");
	reset();
	info.framebuffer.type = 3;
	check_refused("palette");
	reset();
	info.framebuffer.bpp = 16;
	check_refused("neither 24 nor 32");
}

static void test_text_screens(void **state)
{
	(void)state;
	reset();
	info.framebuffer =
		(struct boot_framebuffer){ .width = 80, .height = 25, .type = 2, .bpp = 16 };
	display_init(&info);
	assert_int_equal(used, VGA);
	reset();
	info.framebuffer.width = 0;
	display_init(&info);
	assert_int_equal(used, VGA);
	assert_string_equal(host_log, "");
	reset();
	display_init(NULL);
	assert_int_equal(used, VGA);
}

static void test_efi_without_framebuffer(void **state)
{
	(void)state;
	reset();
	info.framebuffer.width = 0;
	info.efi_system_table = 0x1000;
	display_init(&info);
	assert_int_equal(used, NOTHING);
	display_log();
	assert_non_null(strstr(host_log, "no screen"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_framebuffer),  cmocka_unit_test(test_high_framebuffer),
		cmocka_unit_test(test_wrong_places), cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_text_screens), cmocka_unit_test(test_efi_without_framebuffer),
	};

	host_memory_reset(GIB(5));
	return cmocka_run_group_tests_name("display", tests, NULL, NULL);
}
