/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads a multiboot 1 kernel. Its header's address fields, where it has them, or else its ELF
 * program headers become one list of segments; that is checked against the guest's memory
 * map before anything is written. Modules follow the kernel, each on its own pages; the
 * information structure lies in the load area. No state; the VM does not run yet, so no lock.
 */
#include "vm/mbguest.h"

#include "lib/elf.h"
#include "lib/string.h"
#include "vm/mbinfo.h"

#define HEADER_MAGIC 0x1badb002u
#define HEADER_SEARCH 8192u
#define HEADER_SIZE 12u
/* Offsets in the header. */
#define HEADER_FLAGS 4u
#define HEADER_CHECKSUM 8u
#define HEADER_ADDRESS 12u
#define HEADER_LOAD 16u
#define HEADER_LOAD_END 20u
#define HEADER_BSS_END 24u
#define HEADER_ENTRY 28u
#define HEADER_FIELDS_SIZE 32u

/* Page-aligned modules, memory information, video: the first two always done, the last never. */
#define FLAGS_KNOWN 0x0007u
#define FLAGS_REQUIRED 0xffffu
#define FLAG_ADDRESS_FIELDS 0x10000u
#define BOOT_MAGIC 0x2badb002u

#define MAX_SEGMENTS 16u

struct mb_segment {
	u64 gpa, memsz;
	u64 offset, filesz; /* in the file */
};

struct mb_kernel {
	struct bytes file;
	u64 header; /* file offset */
	u32 flags;
	u64 entry;
	u32 count;
	struct mb_segment segments[MAX_SEGMENTS];
};

/* Returns the offset of the header, or file.len when there is none. */
static u64 mb_find_header(struct bytes file)
{
	u64 end = MIN(file.len, (u64)HEADER_SEARCH);

	for (u64 at = 0; at + HEADER_SIZE <= end; at += 4) {
		u32 flags = bytes_u32(file, at + HEADER_FLAGS);
		u32 checksum = bytes_u32(file, at + HEADER_CHECKSUM);

		if (bytes_u32(file, at) == HEADER_MAGIC &&
		    (u32)(HEADER_MAGIC + flags + checksum) == 0)
			return at;
	}
	return file.len;
}

bool mbguest_is(struct bytes file)
{
	return mb_find_header(file) != file.len;
}

/* The one segment that the header's address fields describe. */
static int mb_parse_fields(const struct load_request *req, struct mb_kernel *kernel)
{
	struct bytes fields = bytes_slice(kernel->file, kernel->header, HEADER_FIELDS_SIZE);
	u64 address = bytes_u32(fields, HEADER_ADDRESS), load = bytes_u32(fields, HEADER_LOAD);
	u64 load_end = bytes_u32(fields, HEADER_LOAD_END);
	u64 bss_end = bytes_u32(fields, HEADER_BSS_END);
	struct mb_segment *segment = &kernel->segments[0];

	if (fields.len == 0 || load > address || address - load > kernel->header) {
		load_error(req, "multiboot header at 0x%lx of the file: 0x%lx, load address 0x%lx",
			   kernel->header, address, load);
		return E_INVAL;
	}
	segment->gpa = load;
	segment->offset = kernel->header - (address - load);
	/* No end: all of the file. */
	if (load_end == 0)
		load_end = load + kernel->file.len - segment->offset;
	if (load_end < load || !bytes_has(kernel->file, segment->offset, load_end - load)) {
		load_error(req, "truncated: 0x%lx to 0x%lx is at 0x%lx in the file of 0x%lx bytes",
			   load, load_end, segment->offset, kernel->file.len);
		return E_INVAL;
	}
	if (bss_end != 0 && bss_end < load_end) {
		load_error(req, "multiboot header: bss ends at 0x%lx, before the data at 0x%lx",
			   bss_end, load_end);
		return E_INVAL;
	}
	segment->filesz = load_end - load;
	segment->memsz = (bss_end ? bss_end : load_end) - load;
	kernel->entry = bytes_u32(fields, HEADER_ENTRY);
	kernel->count = 1;
	return 0;
}

static int mb_open_elf(const struct load_request *req, struct bytes file, struct elf *elf)
{
	const char *why = elf_open(elf, file);

	if (!why && elf->type != ELF_TYPE_EXEC)
		why = "not an executable";
	if (!why && elf->machine != ELF_MACHINE_386 && elf->machine != ELF_MACHINE_X86_64)
		why = "not for x86";
	if (!why)
		return 0;
	load_error(req,
		   "bad ELF: %s (type %u, machine %u, %u headers of %u bytes at 0x%lx of 0x%lx)",
		   why, elf->type, elf->machine, elf->phnum, elf->phentsize, elf->phoff, file.len);
	return E_INVAL;
}

static int mb_add_segment(const struct load_request *req, struct mb_kernel *kernel,
			  const struct elf *elf, u32 index)
{
	struct elf_segment segment = elf_segment_read(elf, index);
	const char *why = elf_segment_check(elf, &segment);

	if (segment.type != ELF_SEGMENT_LOAD || (!why && segment.memsz == 0))
		return 0;
	if (!why && kernel->count == MAX_SEGMENTS)
		why = "more segments than can be loaded";
	if (why) {
		load_error(req, "bad ELF: segment %u: %s (0x%lx at 0x%lx of 0x%lx, 0x%lx at 0x%lx)",
			   index, why, segment.filesz, segment.offset, kernel->file.len,
			   segment.memsz, segment.paddr);
		return E_INVAL;
	}
	/* The entry point is virtual; paging is off, so the guest needs the physical one. */
	if (elf->entry - segment.vaddr < segment.memsz)
		kernel->entry = elf->entry - segment.vaddr + segment.paddr;
	kernel->segments[kernel->count++] = (struct mb_segment){
		.gpa = segment.paddr,
		.memsz = segment.memsz,
		.offset = segment.offset,
		.filesz = segment.filesz,
	};
	return 0;
}

static int mb_parse_elf(const struct load_request *req, struct mb_kernel *kernel)
{
	struct elf elf;
	int err = mb_open_elf(req, kernel->file, &elf);

	kernel->entry = err ? 0 : elf.entry;
	for (u32 i = 0; !err && i < elf.phnum; i++)
		err = mb_add_segment(req, kernel, &elf, i);
	return err;
}

static int mb_parse(const struct load_request *req, struct mb_kernel *kernel)
{
	u32 unknown;

	*kernel = (struct mb_kernel){ .file = { .data = req->kernel, .len = req->kernel_size } };
	kernel->header = mb_find_header(kernel->file);
	kernel->flags = bytes_u32(kernel->file, kernel->header + HEADER_FLAGS);
	unknown = kernel->flags & FLAGS_REQUIRED & ~FLAGS_KNOWN;
	if (unknown) {
		load_error(req,
			   "multiboot header needs unknown features: flags 0x%x, of which 0x%x",
			   kernel->flags, unknown);
		return E_UNSUPPORTED;
	}
	if (kernel->flags & FLAG_ADDRESS_FIELDS)
		return mb_parse_fields(req, kernel);
	if (elf_is(kernel->file))
		return mb_parse_elf(req, kernel);
	load_error(req, "multiboot header (flags 0x%x) without address fields, and no ELF file",
		   kernel->flags);
	return E_INVAL;
}

/*
 * Each segment in usable memory and out of the load area up to info_end, the entry point
 * in one of them. *end is where the last of them ends.
 */
static int mb_check_place(const struct load_request *req, const struct mb_kernel *kernel,
			  u64 info_end, u64 *end)
{
	struct guest_e820 map;
	bool entry_found = false;

	guest_e820_build(&map, req->mem_size);
	*end = 0;
	for (u32 i = 0; i < kernel->count; i++) {
		const struct mb_segment *segment = &kernel->segments[i];
		u64 segment_end = segment->gpa + segment->memsz;

		if (!guest_e820_is_ram(&map, segment->gpa, segment->memsz)) {
			load_error(req, "does not fit: 0x%lx bytes at 0x%lx, memory ends at 0x%lx",
				   segment->memsz, segment->gpa, guest_low_size(req->mem_size));
			return E_NOMEM;
		}
		if (segment->gpa < info_end && segment_end > LOAD_AREA_BASE) {
			load_error(req,
				   "0x%lx to 0x%lx overlaps boot information at 0x%lx to 0x%lx",
				   segment->gpa, segment_end, LOAD_AREA_BASE, info_end);
			return E_NOMEM;
		}
		if (kernel->entry - segment->gpa < segment->memsz)
			entry_found = true;
		*end = MAX(*end, segment_end);
	}
	if (entry_found && kernel->entry <= UINT32_MAX)
		return 0;
	load_error(req, "entry point 0x%lx lies outside of what is loaded", kernel->entry);
	return E_INVAL;
}

/* Would all modules fit from gpa start on? */
static int mb_check_modules(const struct load_request *req, u64 start)
{
	u64 low_end = guest_low_size(req->mem_size);
	u64 at = start;

	for (u32 i = 0; i < req->module_count; i++) {
		const struct load_module *module = &req->modules[i];

		if (at > low_end || module->size > low_end - at) {
			load_error(req, "module %s of %lu KiB does not fit: 0x%lx to 0x%lx is free",
				   module->name, module->size >> 10, MIN(at, low_end), low_end);
			return E_NOMEM;
		}
		at = mbinfo_module_next(at, module->size);
	}
	return 0;
}

static int mb_load(const struct load_request *req, const struct mb_kernel *kernel, u64 modules)
{
	u64 at = modules;
	int err = 0;

	for (u32 i = 0; !err && i < kernel->count; i++) {
		const struct mb_segment *segment = &kernel->segments[i];

		err = load_write(req, segment->gpa, kernel->file.data + segment->offset,
				 segment->filesz);
		if (!err)
			err = load_zero(req, segment->gpa + segment->filesz,
					segment->memsz - segment->filesz);
	}
	for (u32 i = 0; !err && i < req->module_count; i++) {
		err = load_write(req, at, req->modules[i].data, req->modules[i].size);
		at = mbinfo_module_next(at, req->modules[i].size);
	}
	return err;
}

int mbguest_load(const struct load_request *req, struct load_result *result)
{
	struct mb_kernel kernel;
	u64 info_end, end, modules;
	int err = mb_parse(req, &kernel);

	if (!err)
		err = mbinfo_plan(req, &info_end);
	if (!err)
		err = mb_check_place(req, &kernel, info_end, &end);
	if (err)
		return err;
	modules = align_up(MAX(end, GUEST_EXT_BASE), PAGE_SIZE);
	err = mb_check_modules(req, modules);
	if (!err)
		err = mb_load(req, &kernel, modules);
	if (!err)
		err = mbinfo_write(req, modules);
	if (!err)
		err = load_set_entry(req, result, LOAD_PROT32, kernel.entry);
	if (err)
		return err;
	result->rax = BOOT_MAGIC;
	result->rbx = LOAD_INFO;
	return 0;
}
