/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware configuration device: each item by port and by DMA, kernels and initrds from where
 * they lie, ends of items, transfers in steps, and guests that give it bad addresses.
 */
#include "tests/unit/bzimage_fixture.h"

#include "arch/clock.h"
#include "dev/acpi_tables.h"
#include "dev/fw_cfg.h"
#include "dev_fixture.h"

#define RAM MIB(8)
#define ROM MIB(16)
#define REQUEST 0x7000ull
#define TARGET 0x1fffe5ull /* odd, and across two pieces of the slot */
#define ERROR 1u
#define READ 2u
#define SKIP 4u
#define SELECT 8u
#define WRITE 16u

static struct timer_queue queue;
static struct tlb_space space;
static struct fw_cfg fw;
static struct fw_cfg_config config;
static struct acpi_files acpi;
static const u8 initrd0[] = { 1, 2, 3, 4, 5 }, initrd1[] = { 9, 8, 7 };

static int start(void **state)
{
	struct mem_slot *rom;

	setup(state);
	fixture_setup(RAM, "vmlinuz");
	host_memory_reset(RAM + MIB(2));
	fixture_add_slot(ROM, MIB(2), RAM);
	rom = &fixture_slots.slots[fixture_slots.table.count - 1];
	rom->readonly = true;
	host_clock_ns = 0;
	timer_queue_init(&queue);
	tlb_space_init(&space);
	assert_int_equal(acpi_files_build(&acpi, (const u8[]){ 0, 1, 2 }, 3), 0);
	config = (struct fw_cfg_config){
		.mem = &fixture_mem,
		.space = &space,
		.timers = &queue,
		.mem_size = GIB(5),
		.cpus = 3,
		.acpi = &acpi,
		.kernel = { .data = image, .len = IMAGE_SIZE },
		.cmdline = CMDLINE,
		.initrd_count = 2,
		.initrds = { { initrd0, sizeof(initrd0) }, { initrd1, sizeof(initrd1) } },
	};
	memset(&fw, 0xa5, sizeof(fw));
	fw_cfg_init(&fw, &config);
	fw_cfg_reset(&fw);
	return 0;
}

/* Of guest memory, to the end of the page, or of the 2 MiB that it lies in. */
static u8 *guest(u64 gpa)
{
	return guest_mem_ptr(&fixture_mem, GPA(gpa));
}

static void choose(unsigned int key)
{
	fw_cfg_io.write(&fw, 0, 2, key);
}

static u64 next(unsigned int size)
{
	u64 value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (u64)in8(&fw_cfg_io, &fw, 1) << 8 * i;
	return value;
}

static u64 number(unsigned int key, unsigned int size)
{
	u64 value;

	choose(key);
	value = next(size);
	for (int i = 0; i < 20; i++) /* behind the end */
		assert_int_equal(next(1), 0);
	return value;
}

/* Ask for a transfer by a request at gpa. */
static void dma(u64 gpa, u32 control, u32 length, u64 address)
{
	u32 words[4] = { __builtin_bswap32(control), __builtin_bswap32(length),
			 __builtin_bswap32((u32)(address >> 32)), __builtin_bswap32((u32)address) };

	(void)!guest_mem_write(&fixture_mem, GPA(gpa), words, sizeof(words));
	fw_cfg_dma_io.write(&fw, 0, 4, __builtin_bswap32((u32)(gpa >> 32)));
	fw_cfg_dma_io.write(&fw, 4, 4, __builtin_bswap32((u32)gpa));
}

static u32 control_word(u64 gpa)
{
	return __builtin_bswap32((u32)fixture_get(gpa, 4));
}

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(next(8), 0); /* nothing is selected */
	assert_int_equal(number(0x00, 4), 0x554d4551); /* "QEMU" */
	assert_int_equal(number(0x01, 4), 3);
	assert_int_equal(number(0x03, 8), GIB(5));
	assert_int_equal(number(0x05, 2), 3);
	assert_int_equal(number(0x0f, 2), 3);
	assert_int_equal(number(0x8002, 4), 1);
	assert_int_equal(number(0x4005, 2), 3); /* for writing, which nobody can */
	assert_int_equal(number(0x1234, 8), 0);
	assert_int_equal(number(0xffff, 8), 0);
}

static void test_kernel(void **state)
{
	u64 size;

	(void)state;
	assert_int_equal(number(0x17, 4), SETUP_SIZE);
	assert_int_equal(number(0x08, 4), KERNEL_SIZE);
	choose(0x18);
	for (u32 i = 0; i < SETUP_SIZE; i++)
		assert_int_equal(next(1), image[i]);
	assert_int_equal(next(1), 0);
	choose(0x11);
	for (u32 i = 0; i < KERNEL_SIZE; i++)
		assert_int_equal(next(1), image[SETUP_SIZE + i]);
	assert_int_equal(next(1), 0);
	assert_int_equal(number(0x07, 4), 0x100000);
	assert_int_equal(number(0x10, 4), 0x100000);
	size = number(0x14, 4);
	assert_int_equal(size, sizeof(CMDLINE));
	choose(0x15);
	for (u32 i = 0; i < size; i++)
		assert_int_equal(next(1), CMDLINE[i]);
	assert_int_equal(number(0x13, 4), 0x20000);
	/* Both, each with zeros up to a multiple of 4, where the kernel can have them. */
	assert_int_equal(number(0x0b, 4), 12);
	choose(0x12);
	assert_int_equal(next(8), 0x0000000504030201);
	assert_int_equal(next(4), 0x00070809);
	assert_int_equal(next(4), 0);
	assert_int_equal(number(0x0a, 4), 0x80000000 - 4096);
}

/* What is no bzImage, and one that claims to have more setup than file. */
static void test_other_kernels(void **state)
{
	(void)state;
	config.kernel.len = 100;
	config.initrd_count = 0;
	fw_cfg_init(&fw, &config);
	assert_int_equal(number(0x17, 4), 0);
	assert_int_equal(number(0x18, 4), 0);
	assert_int_equal(number(0x08, 4), 100);
	choose(0x11);
	for (u32 i = 0; i < 100; i++)
		assert_int_equal(next(1), image[i]);
	assert_int_equal(number(0x07, 4), 0);
	assert_int_equal(number(0x0b, 4), 0);
	assert_int_equal(number(0x0a, 4), 0);
	assert_int_equal(number(0x12, 4), 0);
	image[0x1f1] = 0xff;
	config.kernel.len = IMAGE_SIZE;
	fw_cfg_init(&fw, &config);
	assert_int_equal(number(0x17, 4), IMAGE_SIZE);
	assert_int_equal(number(0x08, 4), 0);
	assert_int_equal(number(0x11, 4), 0);
}

static void expect_e820(u32 count)
{
	struct guest_e820 map;

	guest_e820_build(&map, GIB(5));
	assert_int_equal(count, map.count);
	for (u32 i = 0; i < map.count * sizeof(map.entries[0]); i++)
		assert_int_equal(next(1), ((const u8 *)map.entries)[i]);
	assert_int_equal(next(1), 0);
}

/* The next entry of the directory: the size, of a file with this name and key. */
static u32 directory_entry(const char *name, u32 key)
{
	u32 size = __builtin_bswap32((u32)next(4));

	assert_int_equal(__builtin_bswap16((u16)next(2)), key);
	next(2);
	for (u32 i = 0; i < 56; i++)
		assert_int_equal(next(1), i < strlen(name) ? name[i] : 0);
	return size;
}

static void expect_item(u32 key, struct bytes file)
{
	choose(key);
	for (u64 i = 0; i < file.len; i++)
		assert_int_equal(next(1), file.data[i]);
	assert_int_equal(next(1), 0);
}

static void test_directory(void **state)
{
	u32 size;

	(void)state;
	choose(0x19);
	assert_int_equal(next(4), 0x04000000);
	size = directory_entry("etc/e820", 0x20);
	assert_int_equal(directory_entry("etc/acpi/rsdp", 0x21), 36);
	assert_int_equal(directory_entry("etc/acpi/tables", 0x22), acpi.tables.len);
	assert_int_equal(directory_entry("etc/table-loader", 0x23), acpi.loader.len);
	assert_int_equal(next(1), 0);
	choose(0x20);
	expect_e820(size / 20);
	choose(0x8003);
	expect_e820((u32)next(4));
	expect_item(0x21, acpi.rsdp);
	expect_item(0x22, acpi.tables);
	expect_item(0x23, acpi.loader);
}

static void test_widths(void **state)
{
	(void)state;
	choose(0);
	out8(&fw_cfg_io, &fw, 0, 3); /* keys come as words only */
	out8(&fw_cfg_io, &fw, 1, 0);
	fw_cfg_io.write(&fw, 0, 4, 3);
	assert_int_equal(dev_read(&fw_cfg_io, &fw, 0, 1), 0xff);
	assert_int_equal(dev_read(&fw_cfg_io, &fw, 1, 2), 0xff51);
	assert_int_equal(dev_read(&fw_cfg_io, &fw, 0, 2), 0x45ff);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(in8(&fw_cfg_dma_io, &fw, i), "QEMU CFG"[i]);
	assert_int_equal(dev_read(&fw_cfg_dma_io, &fw, 4, 4), 0x47464320);
	assert_int_equal(dev_read(&fw_cfg_dma_io, &fw, 6, 4), 0xffff4746);
	/* Only whole dwords are halves of an address. */
	dma(REQUEST, SELECT, 0, 0);
	memset(guest(REQUEST), 0x11, 4);
	out8(&fw_cfg_dma_io, &fw, 4, 0);
	fw_cfg_dma_io.write(&fw, 4, 2, 0x70);
	fw_cfg_dma_io.write(&fw, 0, 8, 0x70);
	fw_cfg_dma_io.write(&fw, 2, 4, 0x70);
	assert_int_equal(control_word(REQUEST), 0x11111111);
}

static void test_dma(void **state)
{
	(void)state;
	dma(REQUEST, 0x11 << 16 | SELECT | READ, 5000, TARGET);
	assert_int_equal(control_word(REQUEST), 0);
	fixture_expect_bytes(TARGET, image + SETUP_SIZE, 5000);
	/* It goes on where it was; behind the end are zeros, and not a byte more. */
	memset(guest(0x20000), 0x77, 4096);
	dma(REQUEST, READ, 4000, 0x20000);
	fixture_expect_bytes(0x20000, image + SETUP_SIZE + 5000, KERNEL_SIZE - 5000);
	assert_int_equal(guest(0x20000)[KERNEL_SIZE - 5000], 0);
	assert_int_equal(guest(0x20000)[3999], 0);
	assert_int_equal(guest(0x20000)[4000], 0x77);
	/* Skipped, and mixed with the port; across the initrds. */
	dma(REQUEST, 0x12 << 16 | SELECT | SKIP, 3, 0);
	assert_int_equal(control_word(REQUEST), 0);
	assert_int_equal(next(1), 4);
	dma(REQUEST, READ, 8, TARGET);
	fixture_expect_bytes(TARGET, (const u8[]){ 5, 0, 0, 0, 9, 8, 7, 0 }, 8);
	dma(REQUEST, SKIP, 0xffffffff, 0);
	dma(REQUEST, SKIP, 0xffffffff, 0);
	assert_int_equal(next(4), 0);
	/* Read goes before skip; nothing asked, nothing done. */
	dma(REQUEST, 0x12 << 16 | SELECT | READ | SKIP, 1, TARGET);
	assert_int_equal(next(1), 2);
	dma(REQUEST, 0, 77, TARGET);
	assert_int_equal(control_word(REQUEST), 0);
	assert_int_equal(next(1), 3);
	/* No item can be written. */
	dma(REQUEST, WRITE, 1, TARGET);
	assert_int_equal(control_word(REQUEST), ERROR);
	assert_int_equal(next(1), 4);
}

static void test_dma_steps(void **state)
{
	const u32 length = 10 * FW_CFG_DMA_STEP + 1;
	u32 request = 0x11 << 16 | SELECT | READ;

	(void)state;
	memset(guest(0x400000 - MIB(2)), 0x77, MIB(2));
	dma(REQUEST, request, length, 0x200000);
	/* The first step is done in the exit, and says that it goes on. */
	fixture_expect_bytes(0x200000, image + SETUP_SIZE, KERNEL_SIZE);
	assert_int_equal(guest(0x200000)[FW_CFG_DMA_STEP - 1], 0);
	assert_int_equal(guest(0x200000)[FW_CFG_DMA_STEP], 0x77);
	assert_int_equal(control_word(REQUEST), request);
	/* Another one meanwhile fails, and the first does not notice. */
	dma(REQUEST + 16, request, 4, 0x100000);
	assert_int_equal(control_word(REQUEST + 16), ERROR);
	assert_int_equal(run_until(&queue, 9 * FW_CFG_DMA_PAUSE_NS), 9);
	assert_int_equal(control_word(REQUEST), request);
	assert_int_equal(run_until(&queue, NS_PER_SEC), 1);
	assert_int_equal(control_word(REQUEST), 0);
	assert_int_equal(guest(0x200000)[length - 1], 0);
	assert_int_equal(guest(0x200000)[length], 0x77);
	/* A reset ends one. */
	dma(REQUEST, request, length, 0x200000);
	fw_cfg_reset(&fw);
	assert_int_equal(run_until(&queue, 2 * NS_PER_SEC), 0);
	assert_int_equal(control_word(REQUEST), request);
	dma(REQUEST, request, 4, 0x200000);
	assert_int_equal(control_word(REQUEST), 0);
}

static void test_bad_addresses(void **state)
{
	static const u64 bad[] = { RAM, RAM - 1, ROM, ROM - 1, GIB(4), BIT(48), ~0ull, ~0ull - 2 };
	u8 before[16];

	(void)state;
	memset(guest(ROM), 0x42, 16);
	memcpy(before, guest(ROM), 16);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		dma(REQUEST, 0x11 << 16 | SELECT | READ, 100, bad[i]);
		assert_int_equal(control_word(REQUEST), ERROR);
		assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	}
	assert_memory_equal(guest(ROM), before, 16);
	/* In the midst of a transfer: what is before it has come. */
	dma(REQUEST, 0x11 << 16 | SELECT | READ, 0xffffffff, RAM - FW_CFG_DMA_STEP - 4096);
	assert_int_equal(run_until(&queue, NS_PER_SEC), 1);
	assert_int_equal(control_word(REQUEST), ERROR);
	fixture_expect_bytes(RAM - FW_CFG_DMA_STEP - 4096, image + SETUP_SIZE, KERNEL_SIZE);
	/* Requests that cannot be read, or not be answered. */
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		dma(bad[i], 0x11 << 16 | SELECT | READ, 4, TARGET);
	dma(REQUEST, 0x11 << 16 | SELECT | READ, 4, TARGET);
	assert_int_equal(control_word(REQUEST), 0);
	/* It overwrites itself. */
	dma(REQUEST, 0x11 << 16 | SELECT | READ, 4096, REQUEST);
	assert_int_equal(control_word(REQUEST), 0);
}

static void test_hostile(void **state)
{
	u64 random = 510;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		u64 r = test_random(&random);
		u32 length = r % 3 ? (u32)(r >> 8) % 0x30000 : (u32)(r >> 8);

		choose((unsigned int)(r >> 3) % 0x25 | (r >> 9 & 0x8000));
		dma(test_random(&random) % (RAM + MIB(12)), (u32)(r >> 20) & 0x001b001f, length,
		    test_random(&random) % (RAM + MIB(12)));
		hammer(&fw_cfg_io, &fw, FW_CFG_PORTS, &queue, &random, 4);
		hammer(&fw_cfg_dma_io, &fw, FW_CFG_DMA_PORTS, &queue, &random, 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_numbers, start, teardown),
		cmocka_unit_test_setup_teardown(test_kernel, start, teardown),
		cmocka_unit_test_setup_teardown(test_other_kernels, start, teardown),
		cmocka_unit_test_setup_teardown(test_directory, start, teardown),
		cmocka_unit_test_setup_teardown(test_widths, start, teardown),
		cmocka_unit_test_setup_teardown(test_dma, start, teardown),
		cmocka_unit_test_setup_teardown(test_dma_steps, start, teardown),
		cmocka_unit_test_setup_teardown(test_bad_addresses, start, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, start, teardown),
	};

	return cmocka_run_group_tests_name("fw_cfg", tests, NULL, NULL);
}
