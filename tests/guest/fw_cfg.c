/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware configuration device: found as firmware finds it, what it tells against what the boot
 * loader told, by port, by string I/O and by DMA. Also runs on QEMU.
 */
#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/smp64.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"

#define PORT_SELECT 0x510
#define PORT_DATA 0x511
#define PORT_DMA 0x514

#define KEY_SIGNATURE 0x00
#define KEY_ID 0x01
#define KEY_RAM_SIZE 0x03
#define KEY_CPUS 0x05
#define KEY_KERNEL_SIZE 0x08
#define KEY_INITRD_SIZE 0x0b
#define KEY_MAX_CPUS 0x0f
#define KEY_KERNEL_DATA 0x11
#define KEY_INITRD_DATA 0x12
#define KEY_CMDLINE_SIZE 0x14
#define KEY_CMDLINE_DATA 0x15
#define KEY_DIRECTORY 0x19
#define KEY_ABSENT 0x3000

#define DMA_ERROR 1u
#define DMA_READ 2u
#define DMA_SKIP 4u
#define DMA_SELECT 8u
#define DMA_WRITE 16u

#define HOLE 0xd0000000u
#define E820_MAX 16u
#define COMMAND_SIZE 128u

struct dma_request {
	u32 control, length;
	u64 address;
};

struct e820_entry {
	u64 base, size;
	u32 type;
} __packed;

static volatile struct dma_request request __aligned(16);
static u8 buffer[0x40000] __aligned(4096);

static void choose(u32 key)
{
	outw(PORT_SELECT, (u16)key);
}

static u64 number(u32 key, u32 size)
{
	u64 value = 0;

	choose(key);
	for (u32 i = 0; i < size; i++)
		value |= (u64)inb(PORT_DATA) << 8 * i;
	return value;
}

static void read_string(void *to, ulong len)
{
	asm volatile("rep insb" : "+D"(to), "+c"(len) : "d"(PORT_DATA) : "memory");
}

/* The control word in the end, or ~0 when there is none within two seconds. */
static u32 dma(u32 control, u32 length, ulong address)
{
	ulong at = (ulong)&request;

	request.control = __builtin_bswap32(control);
	request.length = __builtin_bswap32(length);
	request.address = __builtin_bswap64(address);
	outl(PORT_DMA, __builtin_bswap32((u32)(at >> 32)));
	outl(PORT_DMA + 4, __builtin_bswap32((u32)at));
	if (!WAIT_FOR(!(__builtin_bswap32(request.control) & ~DMA_ERROR)))
		return ~0u;
	return __builtin_bswap32(request.control);
}

static u32 dma_read(u32 key, u32 length)
{
	return dma(key << 16 | DMA_SELECT | DMA_READ, length, (ulong)buffer);
}

static void test_found(void)
{
	tap_eq(number(KEY_SIGNATURE, 4), 0x554d4551, "the signature says QEMU");
	tap_eq(number(KEY_ID, 4), 3, "its revision has ports and DMA");
	tap_eq(inl(PORT_DMA), 0x554d4551, "the DMA port reads as QEMU");
	tap_eq(inl(PORT_DMA + 4), 0x47464320, "and CFG");
}

static u64 ram_by_loader(void)
{
	u64 total = 0;

	for (const struct mb_mmap *e = boot_mmap_next(NULL); e; e = boot_mmap_next(e)) {
		if (e->type == MB_MMAP_RAM)
			total += e->length;
	}
	return total;
}

static void test_machine(void)
{
	u64 ram = number(KEY_RAM_SIZE, 8), listed = ram_by_loader();

	tap_ok(ram >= listed && ram - listed <= MIB(1), "RAM: 0x%llx bytes",
	       (unsigned long long)ram);
	tap_eq(number(KEY_CPUS, 2), MAX(smp_count(), 1u), "as many CPUs as the MADT has");
	tap_ok(number(KEY_MAX_CPUS, 2) >= number(KEY_CPUS, 2), "no more than there can be");
}

/* Each of the loader's entries is in the device's list. */
static bool same_map(const struct e820_entry *entries, u32 count)
{
	u32 seen = 0;

	for (const struct mb_mmap *e = boot_mmap_next(NULL); e; e = boot_mmap_next(e)) {
		for (u32 i = 0; i < count; i++) {
			if (entries[i].base == e->base && entries[i].size == e->length &&
			    entries[i].type == e->type)
				seen++;
		}
	}
	return seen == count && count;
}

struct file {
	u32 size;
	u16 key, reserved;
	char name[56];
} __packed;

/* A file's entry of the directory, in the machine's byte order; of size 0 when there is none. */
static struct file find(const char *name)
{
	u32 count = __builtin_bswap32((u32)number(KEY_DIRECTORY, 4));
	struct file file;

	for (u32 i = 0; i < count; i++) {
		read_string(&file, sizeof(file));
		if (memcmp(file.name, name, strlen(name) + 1) == 0) {
			file.key = __builtin_bswap16(file.key);
			file.size = __builtin_bswap32(file.size);
			return file;
		}
	}
	return (struct file){ 0 };
}

static void test_files(void)
{
	static struct e820_entry entries[E820_MAX];
	struct file file = find("etc/e820");
	u32 size = MIN(file.size, (u32)sizeof(entries));

	tap_ok(file.key >= 0x20, "the directory has etc/e820");
	choose(file.key);
	read_string(entries, size);
	if (on_sill())
		tap_ok(same_map(entries, size / 20), "it is the map that the loader has given");
	else
		tap_skip(SKIP_NOT_SILL, "it is the map that the loader has given");
}

static bool has_signature(u32 offset, const char *signature)
{
	return memcmp(buffer + offset, signature, strlen(signature)) == 0;
}

/* How many of the script's commands, which are in the buffer, are of a type. */
static u32 commands(u32 size, u32 type)
{
	u32 count = 0;

	for (u32 i = 0; i < size; i += COMMAND_SIZE)
		count += memcmp(buffer + i, &type, sizeof(type)) == 0;
	return count;
}

/* What firmware makes ACPI tables of. Each pointer is an offset, and no checksum is there yet. */
static void test_acpi(void)
{
	struct file rsdp = find("etc/acpi/rsdp"), tables = find("etc/acpi/tables"),
		    script = find("etc/table-loader");
	u32 rsdt;

	tap_ok(rsdp.size >= 20 && tables.size && script.size, "there are ACPI's files");
	tap_eq(dma_read(rsdp.key, MIN(rsdp.size, 36u)), 0, "the RSDP is read");
	memcpy(&rsdt, buffer + 16, sizeof(rsdt));
	tap_ok(has_signature(0, "RSD PTR "), "it has the signature");
	tap_eq(buffer[8], 0, "and no checksum");
	tap_eq(dma_read(tables.key, MIN(tables.size, (u32)sizeof(buffer))), 0, "so are the tables");
	tap_ok(rsdt < tables.size && has_signature(rsdt, "RSDT"), "to whose RSDT it points");
	tap_eq(script.size % COMMAND_SIZE, 0, "the script is whole commands");
	tap_eq(dma_read(script.key, MIN(script.size, (u32)sizeof(buffer))), 0, "it is read");
	tap_ok(commands(script.size, 1) >= 2 && commands(script.size, 2) >= 5 &&
		       commands(script.size, 3) >= 5,
	       "files, pointers and checksums");
}

static void test_kernel(void)
{
	u32 size = (u32)number(KEY_CMDLINE_SIZE, 4), initrd = 0;

	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "kernel, command line, initrd");
		return;
	}
	choose(KEY_CMDLINE_DATA);
	read_string(buffer, MIN(size, 256u));
	tap_ok(memcmp(buffer, "some words", 11) == 0 && size == 11, "the guest's command line");
	tap_ok(number(KEY_KERNEL_SIZE, 4) > 4096, "the kernel's size");
	tap_eq(number(KEY_KERNEL_DATA, 4), 0x464c457f, "which is an ELF file");
	/* Two modules, each padded to a multiple of 4; the first's bytes are 7 i + 1, 7 i + 2. */
	tap_eq(number(KEY_INITRD_SIZE, 4), 4100 + 70004, "both modules are the initrd");
	memset(buffer, 0xee, sizeof(buffer));
	tap_eq(dma_read(KEY_INITRD_DATA, 4100 + 70004 + 4096), 0, "read by DMA, and beyond");
	for (u32 i = 0; i < 70001; i++)
		initrd += buffer[4100 + i] != (u8)(7 * i + 2) ||
			  (i < 4097 && buffer[i] != (u8)(7 * i + 1));
	tap_eq(initrd, 0, "each byte is the modules'");
	tap_ok(buffer[4097] == 0 && buffer[4100 + 70001] == 0 && buffer[4100 + 70004 + 4095] == 0,
	       "and zero between and behind");
	tap_eq(buffer[4100 + 70004 + 4096], 0xee, "no more than was asked for");
}

static void test_ends(void)
{
	number(KEY_SIGNATURE, 4);
	tap_eq(inb(PORT_DATA), 0, "a read behind the end is 0");
	tap_eq(number(KEY_ABSENT, 8), 0, "so is an item that does not exist");
	memset(buffer, 0xee, sizeof(buffer));
	tap_eq(dma_read(KEY_SIGNATURE, 0x30000), 0, "DMA of much more than there is");
	tap_ok(buffer[0] == 'Q' && buffer[3] == 'U' && buffer[4] == 0 && buffer[0x2ffff] == 0 &&
		       buffer[0x30000] == 0xee,
	       "zeros follow");
	tap_eq(dma(KEY_SIGNATURE << 16 | DMA_SELECT | DMA_SKIP, 2, 0), 0, "DMA skips");
	tap_eq(inb(PORT_DATA), 'M', "to where the port reads on");
}

static void test_refused(void)
{
	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "DMA to where there is no memory");
		return;
	}
	tap_eq(dma(KEY_SIGNATURE << 16 | DMA_SELECT | DMA_READ, 4, HOLE), DMA_ERROR,
	       "DMA to where there is no memory");
	tap_eq(dma(KEY_SIGNATURE << 16 | DMA_SELECT | DMA_READ, 0xffffffff, ~0ul), DMA_ERROR,
	       "and to the end of all addresses");
	tap_eq(dma(KEY_SIGNATURE << 16 | DMA_SELECT | DMA_WRITE, 4, (ulong)buffer), DMA_ERROR,
	       "nothing can be written");
	outl(PORT_DMA, ~0u);
	outl(PORT_DMA + 4, ~0u);
	tap_eq(number(KEY_SIGNATURE, 4), 0x554d4551, "a request that cannot be read is ignored");
}

void guest_main(void)
{
	if (number(KEY_SIGNATURE, 4) != 0x554d4551 && !on_sill())
		tap_skip_all("a machine without it");
	test_found();
	test_machine();
	test_files();
	test_acpi();
	test_kernel();
	test_ends();
	test_refused();
}
