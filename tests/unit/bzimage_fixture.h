/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bzImage made by hand, and what the tests of its loader expect of it.
 */
#pragma once

#include "tests/unit/load_fixture.h"

#define SETUP_SIZE 1024u /* one sector and one of setup code */
#define KERNEL_SIZE 8192u
#define IMAGE_SIZE (SETUP_SIZE + KERNEL_SIZE)
#define INIT_SIZE MIB(3)
#define CMDLINE "console=ttyS0 root=/dev/ram0"

static u8 image[IMAGE_SIZE];

/* A relocatable kernel with a 64-bit entry that prefers 16 MiB; older versions see less of it. */
static inline void make_image(u16 version)
{
	memset(image, 0, SETUP_SIZE);
	for (u32 i = 0; i < KERNEL_SIZE; i++)
		image[SETUP_SIZE + i] = (u8)(i * 7 + (i >> 8));
	put(image, 0x1f1, 1, 1); /* setup_sects */
	put(image, 0x1f4, 4, KERNEL_SIZE / 16); /* syssize */
	put(image, 0x1fe, 2, 0xaa55);
	put(image, 0x200, 2, 0x6aeb); /* the jump: the header ends at 0x26c */
	put(image, 0x202, 4, 0x53726448);
	put(image, 0x206, 2, version);
	put(image, 0x211, 1, 0x41); /* loadflags: high, keep segments */
	put(image, 0x214, 4, 0x100000); /* code32_start */
	put(image, 0x22c, 4, 0x7fffffff); /* initrd_addr_max */
	put(image, 0x230, 4, MIB(2)); /* kernel_alignment */
	put(image, 0x234, 1, 1); /* relocatable */
	put(image, 0x235, 1, 21); /* min_alignment */
	put(image, 0x236, 2, 0x7f); /* xloadflags */
	put(image, 0x238, 4, 2047); /* cmdline_size */
	put(image, 0x250, 8, 0xdead); /* setup_data */
	put(image, 0x258, 8, MIB(16)); /* pref_address */
	put(image, 0x260, 4, INIT_SIZE);
}

static inline int setup(void **state)
{
	(void)state;
	fixture_setup(MIB(32), "vmlinuz");
	fixture_req.cmdline = CMDLINE;
	make_image(0x20f);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	fixture_teardown();
	return 0;
}

static inline void expect_loaded_at(u64 gpa)
{
	if (fixture_load(image, IMAGE_SIZE))
		fail_msg("does not load: %s", host_log);
	assert_string_equal(host_log, "");
	fixture_expect_bytes(gpa, image + SETUP_SIZE, KERNEL_SIZE);
	assert_int_equal(fixture_get(LOAD_INFO + 0x214, 4), gpa);
	assert_int_equal(fixture_result.rsi, LOAD_INFO);
}

static inline void expect_refused(int err, const char *words)
{
	int got = fixture_load(image, IMAGE_SIZE);

	if (got != err)
		fail_msg("expected %d and '%s', got %d: %s", err, words, got, host_log);
	fixture_expect_line(words);
}
