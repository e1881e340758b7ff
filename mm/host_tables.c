/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own page tables. See host_tables.h.
 *
 * Table pages are taken first from one range set aside at start-up, before there is a
 * frame allocator, and from the allocator afterwards. Tables are reached through the direct
 * map: the first 4 GiB of it exist from the first instruction on.
 */
#include "mm/host_tables.h"

#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "arch/features.h"
#include "arch/layout.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_PWT BIT(3) /* alone: entry 1 of the PAT, write-combining */
#define PTE_PCD BIT(4)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)
#define PTE_G BIT(8)
#define PTE_NX BIT(63)
#define PTE_FRAME BITS(51, 12)

#define LOW_MIB MIB(1)

extern const u8 text_start[], text_end[], rodata_start[], rodata_end[], ro_after_init_start[],
	ro_after_init_end[], image_end[];

static struct {
	hpa_t next, end; /* what is left of the range set aside */
} early __ro_after_init;
static hpa_t root __ro_after_init;
static struct frame_owner table_owner;
static bool frames_ready __ro_after_init;
static u64 io_next = LAYOUT_IO;
static u64 stack_next = LAYOUT_STACKS;

static const u64 rights_bits[] = {
	[HOST_RO] = PTE_P | PTE_A | PTE_NX | PTE_G,
	[HOST_RW] = PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX | PTE_G,
	[HOST_RX] = PTE_P | PTE_A | PTE_G,
	[HOST_IO] = PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX | PTE_G | PTE_PCD | PTE_PWT,
	[HOST_WC] = PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX | PTE_G | PTE_PWT,
};

static int table_page(hpa_t *page)
{
	if (frames_ready)
		return frame_alloc_zeroed(&table_owner, page);
	if (early.next.raw == early.end.raw)
		return E_NOMEM;
	*page = early.next;
	early.next.raw += PAGE_SIZE;
	memset(hpa_to_ptr(*page), 0, PAGE_SIZE);
	return 0;
}

static u64 *entry_of(hpa_t table, u64 va, unsigned int level)
{
	return (u64 *)hpa_to_ptr(table) + (va >> level_shift(level) & (TABLE_ENTRIES - 1));
}

/* Replace a large leaf by a table of the same translation, so that a part can differ. */
static int split_leaf(u64 *entry, unsigned int level)
{
	u64 bits = *entry & ~PTE_FRAME;
	u64 frame = *entry & PTE_FRAME & ~(level_size(level) - 1);
	hpa_t page;
	int err = table_page(&page);

	if (err)
		return err;
	if (level == LEVEL_2M)
		bits &= ~PTE_PS;
	for (u32 i = 0; i < TABLE_ENTRIES; i++)
		((u64 *)hpa_to_ptr(page))[i] = (frame + i * level_size(level - 1)) | bits;
	*entry = page.raw | PTE_P | PTE_W;
	return 0;
}

/* Set the leaf for va at level, making the tables above it. */
static int map_leaf(u64 va, u64 hpa, unsigned int level, u64 bits)
{
	hpa_t table = root;

	for (unsigned int l = 4; l > level; l--) {
		u64 *entry = entry_of(table, va, l);
		int err = 0;

		if (!(*entry & PTE_P)) {
			hpa_t page;

			err = table_page(&page);
			if (!err)
				*entry = page.raw | PTE_P | PTE_W;
		} else if (*entry & PTE_PS) {
			err = split_leaf(entry, l);
		}
		if (err)
			return err;
		table = HPA(*entry & PTE_FRAME);
	}
	*entry_of(table, va, level) = hpa | bits | (level > LEVEL_4K ? PTE_PS : 0);
	invlpg((void *)va);
	return 0;
}

/* Map [va, va + len) in the largest pages that fit. All 4 KiB aligned. */
static int map_range(u64 va, u64 hpa, u64 len, enum host_rights rights)
{
	unsigned int top = cpu_features.page1g ? LEVEL_1G : LEVEL_2M;

	while (len) {
		unsigned int level = top;
		int err;

		while (level > LEVEL_4K &&
		       (!is_aligned(va | hpa, level_size(level)) || len < level_size(level)))
			level--;
		err = map_leaf(va, hpa, level, rights_bits[rights]);
		if (err)
			return err;
		va += level_size(level);
		hpa += level_size(level);
		len -= level_size(level);
	}
	return 0;
}

/* The same rights at the linked address and in the direct map, where code is never executable. */
static int map_section(const u8 *start, const u8 *end, enum host_rights rights)
{
	u64 hpa = (u64)start - KERNEL_OFFSET;
	u64 len = align_up((u64)(end - start), PAGE_SIZE);
	int err = map_range((u64)start, hpa, len, rights);

	if (err)
		return err;
	return map_range(DIRECT_MAP_BASE + hpa, hpa, len, rights == HOST_RX ? HOST_RO : rights);
}

static int map_image(void)
{
	int err = map_section(text_start, text_end, HOST_RX);

	if (!err)
		err = map_section(rodata_start, rodata_end, HOST_RO);
	if (!err)
		err = map_section(ro_after_init_start, image_end, HOST_RW);
	return err;
}

/* Would [start, start + len) touch a reserved range? *past is where the conflict ends. */
static bool conflicts(u64 start, u64 len, const struct mem_range *reserved, size_t count, u64 *past)
{
	for (size_t i = 0; i < count; i++) {
		u64 r_start = reserved[i].start.raw, r_end = r_start + reserved[i].len;

		if (r_end < r_start || start >= r_end || start + len <= r_start)
			continue;
		*past = r_end;
		return true;
	}
	return false;
}

/* The first place for len bytes in RAM between 1 MiB and 4 GiB. */
static int early_take(const struct mem_range *ram, size_t ram_count,
		      const struct mem_range *reserved, size_t reserved_count, u64 len)
{
	for (size_t i = 0; i < ram_count; i++) {
		u64 start = align_up(MAX(ram[i].start.raw, LOW_MIB), PAGE_SIZE);
		u64 end = MIN(ram[i].start.raw + ram[i].len, GIB(4));
		u64 past = 0;

		while (start < end && end - start >= len &&
		       conflicts(start, len, reserved, reserved_count, &past))
			start = align_up(past, PAGE_SIZE);
		if (start >= end || end - start < len)
			continue;
		early.next = HPA(start);
		early.end = HPA(start + len);
		return 0;
	}
	return E_NOMEM;
}

/* Table bytes that the direct map can need at most: tables of 2 MiB pages, and split edges. */
static u64 early_need(const struct mem_range *ram, size_t ram_count)
{
	u64 pages = 40;

	for (size_t i = 0; i < ram_count; i++) {
		u64 gigabytes = (ram[i].len >> level_shift(LEVEL_1G)) + 2;

		pages += 6 + (cpu_features.page1g ? gigabytes / TABLE_ENTRIES : gigabytes);
	}
	return pages * PAGE_SIZE;
}

int host_tables_init(const struct mem_range *ram, size_t ram_count,
		     const struct mem_range *reserved, size_t reserved_count,
		     struct mem_range *used)
{
	int err = early_take(ram, ram_count, reserved, reserved_count, early_need(ram, ram_count));

	if (err)
		return err;
	*used = (struct mem_range){ .start = early.next, .len = early.end.raw - early.next.raw };
	err = table_page(&root);
	if (!err)
		err = map_range(DIRECT_MAP_BASE, 0, LOW_MIB, HOST_RW);
	for (size_t i = 0; i < ram_count && !err; i++) {
		u64 start = align_down(ram[i].start.raw, PAGE_SIZE);
		u64 end = align_up(ram[i].start.raw + ram[i].len, PAGE_SIZE);

		err = map_range(DIRECT_MAP_BASE + start, start, end - start, HOST_RW);
	}
	if (!err)
		err = map_image();
	return err;
}

void host_tables_load(void)
{
	u64 cr4 = read_cr4();

	/* A write of CR3 keeps global translations: toggling PGE drops those of the scaffolding. */
	write_cr4(cr4 & ~CR4_PGE);
	write_cr3(root.raw);
	write_cr4(cr4);
}

hpa_t host_tables_root(void)
{
	return root;
}

static bool is_mapped(u64 va)
{
	hpa_t table = root;

	for (unsigned int level = 4; level >= LEVEL_4K; level--) {
		u64 entry = *entry_of(table, va, level);

		if (!(entry & PTE_P))
			return false;
		if (level == LEVEL_4K || (entry & PTE_PS))
			return true;
		table = HPA(entry & PTE_FRAME);
	}
	return false;
}

static bool in_width(hpa_t hpa, u64 len)
{
	u64 limit = 1ull << cpu_features.phys_bits;

	return len && hpa.raw < limit && len <= limit - hpa.raw;
}

int host_map_firmware(hpa_t hpa, u64 len)
{
	u64 start = align_down(hpa.raw, PAGE_SIZE);

	if (!in_width(hpa, len) || hpa.raw + len > LAYOUT_IO - LAYOUT_DIRECT_MAP)
		return E_RANGE;
	for (u64 at = start; at < hpa.raw + len; at += PAGE_SIZE) {
		int err = 0;

		if (!is_mapped(DIRECT_MAP_BASE + at))
			err = map_leaf(DIRECT_MAP_BASE + at, at, LEVEL_4K, rights_bits[HOST_RO]);
		if (err)
			return err;
	}
	return 0;
}

volatile void *host_map_io(hpa_t hpa, u64 len)
{
	u64 start = align_down(hpa.raw, PAGE_SIZE);
	u64 va = io_next;

	if (!in_width(hpa, len))
		return NULL;
	len = align_up(hpa.raw + len, PAGE_SIZE) - start;
	for (u64 at = 0; at < len; at += PAGE_SIZE) {
		if (map_leaf(va + at, start + at, LEVEL_4K, rights_bits[HOST_IO]))
			return NULL;
	}
	io_next += len + PAGE_SIZE;
	return (volatile u8 *)va + (hpa.raw - start);
}

volatile void *host_map_framebuffer(hpa_t hpa, u64 len)
{
	u64 large = level_size(LEVEL_2M);
	u64 start = align_down(hpa.raw, PAGE_SIZE);
	/* As far into a large page as the address: they can be used then. */
	u64 va = align_up(io_next, large) + (start & (large - 1));

	if (!in_width(hpa, len))
		return NULL;
	len = align_up(hpa.raw + len, PAGE_SIZE) - start;
	if (map_range(va, start, len, HOST_WC))
		return NULL;
	io_next = va + len + PAGE_SIZE;
	return (volatile u8 *)va + (hpa.raw - start);
}

int host_map_stack(u32 pages, struct stack *stack)
{
	u64 bottom = stack_next + PAGE_SIZE;

	for (u32 i = 0; i < pages; i++) {
		hpa_t frame;
		int err = frame_alloc_zeroed(&table_owner, &frame);

		if (!err)
			err = map_leaf(bottom + i * PAGE_SIZE, frame.raw, LEVEL_4K,
				       rights_bits[HOST_RW]);
		if (err)
			return err;
	}
	stack->bottom = bottom;
	stack->top = bottom + pages * PAGE_SIZE;
	stack_next = stack->top;
	return 0;
}

static u64 *trampoline_entry(hpa_t page)
{
	hpa_t table = root;

	for (unsigned int level = 4; level > LEVEL_4K; level--)
		table = HPA(*entry_of(table, page.raw, level) & PTE_FRAME);
	return entry_of(table, page.raw, LEVEL_4K);
}

int host_map_trampoline(hpa_t page)
{
	return map_leaf(page.raw, page.raw, LEVEL_4K, rights_bits[HOST_RX] & ~PTE_G);
}

void host_unmap_trampoline(hpa_t page)
{
	*trampoline_entry(page) = 0;
	invlpg((void *)page.raw);
}

int host_tables_use_frames(void)
{
	int err = frame_owner_register(&table_owner, "host tables and stacks");

	frames_ready = !err;
	return err;
}

void host_tables_seal(void)
{
	int err = map_section(ro_after_init_start, ro_after_init_end, HOST_RO);

	if (err)
		panic("read-only data could not be sealed: error %d", err);
}
