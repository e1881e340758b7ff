/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bzImage loader on what does not fit, is cut off, corrupt, odd but legal, or damaged
 * at random: it loads or it refuses with one line, and touches nothing that is not its own.
 */
#include "tests/unit/bzimage_fixture.h"

static void test_initrd_limits(void **state)
{
	u64 room = MIB(32) - MIB(16) - INIT_SIZE;
	u8 *data = calloc(1, room + 1);
	struct load_module modules[] = {
		{ .data = data, .size = room, .name = "initrd.gz" },
		{ .data = data, .size = 1, .name = "more.gz" },
	};

	(void)state;
	fixture_req.modules = modules;
	fixture_req.module_count = 1;
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x218, 4), MIB(16) + INIT_SIZE);
	modules[0].size = room + 1;
	expect_refused(E_NOMEM, "initrd initrd.gz of 13312 KiB does not fit: 13312 KiB");
	modules[0].size = room;
	fixture_req.module_count = 2; /* each alone would fit */
	expect_refused(E_NOMEM, "initrd more.gz of 0 KiB does not fit: 0 KiB");
	fixture_req.module_count = 1;
	modules[0].size = UINT64_MAX - 1;
	expect_refused(E_NOMEM, "does not fit");
	modules[0].size = 4096;
	put(image, 0x22c, 4, MIB(16)); /* initrd_addr_max inside the kernel */
	expect_refused(E_NOMEM, "initrd initrd.gz of 4 KiB does not fit: 0 KiB");
	put(image, 0x22c, 4, UINT32_MAX);
	expect_loaded_at(MIB(16));
	modules[0].size = 0;
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x218, 8), 0);
	free(data);
}

static void test_cmdline_limits(void **state)
{
	char *cmdline = malloc(1 << 20);

	(void)state;
	memset(cmdline, 'a', 1 << 20);
	cmdline[2047] = '\0';
	fixture_req.cmdline = cmdline;
	expect_loaded_at(MIB(16));
	fixture_expect_bytes(LOAD_CMDLINE, cmdline, 2048);
	cmdline[2047] = 'a';
	cmdline[2048] = '\0';
	expect_refused(E_RANGE, "the command line has 2048 characters, the kernel takes 2047");
	put(image, 0x238, 4, 0);
	expect_refused(E_RANGE, "has 2048 characters, the kernel takes 0");
	put(image, 0x238, 4, UINT32_MAX);
	expect_loaded_at(MIB(16));
	cmdline[2048] = 'a';
	cmdline[(1 << 20) - 1] = '\0';
	expect_refused(E_RANGE, "has 1048575 characters, the kernel takes 491519");
	make_image(0x205);
	cmdline[256] = '\0';
	expect_refused(E_RANGE, "has 256 characters, the kernel takes 255");
	free(cmdline);
}

static const struct {
	u32 offset, size;
	u64 value;
	int err;
	const char *words;
} bad_fields[] = {
	{ 0x202, 4, 0x53726449, E_INVAL, "neither a bzImage nor a multiboot kernel (9216 bytes)" },
	{ 0x1fe, 2, 0, E_INVAL, "neither a bzImage nor a multiboot kernel" },
	{ 0x206, 2, 0x204, E_UNSUPPORTED, "boot protocol 2.04 is too old" },
	{ 0x206, 2, 0, E_UNSUPPORTED, "boot protocol 0.00 is too old" },
	{ 0x211, 1, 0, E_UNSUPPORTED, "zImage" },
	{ 0x201, 1, 0, E_INVAL, "setup header ends at 0x202, not 0x264 as in 2.15" },
	{ 0x201, 1, 0x61, E_INVAL, "setup header ends at 0x263" },
	{ 0x1f1, 1, 0, E_INVAL, "truncated bzImage: setup says 10752 bytes, the file has 9216" },
	{ 0x1f1, 1, 255, E_INVAL, "truncated bzImage" },
	{ 0x1f1, 1, 17, E_INVAL, "truncated bzImage: setup says 17408 bytes" },
	{ 0x1f4, 4, KERNEL_SIZE / 16 + 1, E_INVAL, "truncated bzImage: setup says 9232 bytes" },
	{ 0x1f4, 4, UINT32_MAX, E_INVAL, "truncated bzImage: setup says 68719477744 bytes" },
	{ 0x1f4, 4, 0, E_INVAL, "setup says the kernel has 0 bytes" },
	{ 0x1f4, 4, 32, E_INVAL, "setup says the kernel has 512 bytes" },
	{ 0x230, 4, 0, E_INVAL, "kernel alignment 0x0 is not a power of two" },
	{ 0x230, 4, 0x30000, E_INVAL, "kernel alignment 0x30000 is not a power of two" },
	{ 0x258, 8, MIB(30), E_NOMEM, "does not fit: it needs 3072 KiB at 0x1e00000" },
	{ 0x258, 8, GIB(4), E_NOMEM, "does not fit: it needs 3072 KiB at 0x100000000" },
	{ 0x258, 8, UINT64_MAX, E_NOMEM, "does not fit" },
	{ 0x260, 4, UINT32_MAX, E_NOMEM, "does not fit: it needs 4194303 KiB at 0x1000000" },
	{ 0x260, 4, MIB(16) + 1, E_NOMEM, "memory is from 0x100000 to 0x2000000" },
};

static void test_bad_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_fields); i++) {
		make_image(0x20f);
		put(image, bad_fields[i].offset, bad_fields[i].size, bad_fields[i].value);
		expect_refused(bad_fields[i].err, bad_fields[i].words);
	}
	make_image(0x20f);
	put(image, 0x234, 1, 0);
	put(image, 0x258, 8, 0xf0000);
	expect_refused(E_NOMEM, "does not fit: it needs 3072 KiB at 0xf0000");
}

/* Odd but legal. */
static void test_good_fields(void **state)
{
	(void)state;
	put(image, 0x260, 4, MIB(16)); /* all that there is */
	expect_loaded_at(MIB(16));
	put(image, 0x260, 4, 0); /* less than the kernel itself */
	expect_loaded_at(MIB(16));
	put(image, 0x230, 4, BIT(31)); /* more than the VM has, but less will do */
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x230, 4), MIB(16));
	make_image(0x20f);
	put(image, 0x235, 1, 200); /* a senseless least alignment */
	expect_loaded_at(MIB(16));
	put(image, 0x201, 1, 0xff); /* a longer header than boot_params have room for */
	put(image, 0x290, 8, UINT64_MAX);
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x290, 8), 0);
	make_image(0x20f);
	memmove(image + 2560, image + SETUP_SIZE, KERNEL_SIZE - 1536); /* setup_sects 0 means 4 */
	put(image, 0x1f1, 1, 0);
	put(image, 0x1f4, 4, (KERNEL_SIZE - 1536) / 16);
	assert_int_equal(fixture_load(image, IMAGE_SIZE), 0);
	fixture_expect_bytes(MIB(16), image + 2560, KERNEL_SIZE - 1536);
}

static void test_truncated(void **state)
{
	(void)state;
	for (u64 len = 0; len < IMAGE_SIZE; len += len < 0x280 ? 1 : 61) {
		assert_int_equal(fixture_load(image, len), E_INVAL);
		fixture_expect_line(len < 0x206 ? "neither a bzImage" : "");
	}
	assert_int_equal(fixture_load(image, IMAGE_SIZE - 1), E_INVAL);
	fixture_expect_line("truncated bzImage: setup says 9216 bytes, the file has 9215");
	/* Before 2.08 the last 16 bytes need not all be there. */
	make_image(0x207);
	assert_int_equal(fixture_load(image, IMAGE_SIZE - 15), 0);
	assert_int_equal(fixture_load(image, IMAGE_SIZE - 16), E_INVAL);
}

/* The map promises memory that the slots do not have: the caller's mistake, still only a line. */
static void test_missing_slots(void **state)
{
	(void)state;
	fixture_slots.slots[0].npages = MIB(16) / PAGE_SIZE;
	expect_refused(E_NOMEM, "no guest memory for 8192 bytes at 0x1000000");
	put(image, 0x258, 8, MIB(2));
	fixture_slots.slots[0].base = GFN(MIB(2) / PAGE_SIZE);
	expect_refused(E_NOMEM, "no guest memory for 29 bytes at 0x18000");
	fixture_req.mem_size = MIB(1);
	expect_refused(E_NOMEM, "the VM has 1024 KiB of memory");
	fixture_req.mem_size = 0;
	expect_refused(E_NOMEM, "the VM has 0 KiB of memory");
}

static void test_mutations(void **state)
{
	u32 loaded;

	(void)state;
	put(image, 0x258, 8, MIB(2));
	loaded = fixture_mutate(image, IMAGE_SIZE, 0x1f0, 0x270);
	assert_in_range(loaded, FIXTURE_MUTATIONS / 10, FIXTURE_MUTATIONS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_initrd_limits), FIXTURE_TEST(test_cmdline_limits),
		FIXTURE_TEST(test_bad_fields),    FIXTURE_TEST(test_good_fields),
		FIXTURE_TEST(test_truncated),     FIXTURE_TEST(test_missing_slots),
		FIXTURE_TEST(test_mutations),
	};

	return cmocka_run_group_tests_name("bzimage_bad", tests, NULL, NULL);
}
