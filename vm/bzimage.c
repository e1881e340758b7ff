/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads a Linux bzImage: reads its setup header, chooses where the kernel and the initrd
 * go, and only when all fits writes them, the command line and boot_params into guest memory.
 * A kernel with a 64-bit entry starts there, others at their 32-bit one; real-mode code is
 * never run. No state; the VM does not run yet, so no lock.
 */
#include "vm/bzimage.h"

#include "lib/string.h"

/* Offsets in the file, and the same ones in boot_params. */
#define HDR_SETUP_SECTS 0x1f1u
#define HDR_SYSSIZE 0x1f4u
#define HDR_VID_MODE 0x1fau
#define HDR_BOOT_FLAG 0x1feu
#define HDR_JUMP_LENGTH 0x201u
#define HDR_MAGIC 0x202u
#define HDR_VERSION 0x206u
#define HDR_TYPE_OF_LOADER 0x210u
#define HDR_LOADFLAGS 0x211u
#define HDR_CODE32_START 0x214u
#define HDR_RAMDISK_IMAGE 0x218u
#define HDR_RAMDISK_SIZE 0x21cu
#define HDR_CMD_LINE_PTR 0x228u
#define HDR_INITRD_ADDR_MAX 0x22cu
#define HDR_KERNEL_ALIGNMENT 0x230u
#define HDR_RELOCATABLE 0x234u
#define HDR_MIN_ALIGNMENT 0x235u
#define HDR_XLOADFLAGS 0x236u
#define HDR_CMDLINE_SIZE 0x238u
#define HDR_SETUP_DATA 0x250u
#define HDR_PREF_ADDRESS 0x258u
#define HDR_INIT_SIZE 0x260u
/* Offsets in boot_params only. */
#define PARAMS_RSDP 0x070u
#define PARAMS_E820_ENTRIES 0x1e8u
#define PARAMS_HEADER_ROOM_END 0x290u
#define PARAMS_E820_TABLE 0x2d0u

#define BOOT_FLAG 0xaa55u
#define MAGIC_HDRS 0x53726448u /* "HdrS" */
#define SECTOR 512u
#define SETUP_SECTS_DEFAULT 4u
#define LOADFLAG_HIGH 0x01u
#define LOADFLAG_KEEP_SEGMENTS 0x40u
#define XLOADFLAG_KERNEL_64 0x01u
#define LOADER_UNDEFINED 0xffu
#define VID_MODE_NORMAL 0xffffu
#define ENTRY64_OFFSET 0x200u
#define CMDLINE_MAX_DEFAULT 255u
/* Before 2.10 a kernel does not say what it needs: a guess at unpacked size over packed size. */
#define INIT_SIZE_GUESS 4u
/* Archives in one initrd start at multiples of this. */
#define INITRD_ALIGN 4u

struct bzimage_plan {
	u64 load, load_end;
	u64 alignment; /* that load has, at most the preferred one */
	u64 initrd, initrd_size;
	u64 cmdline_len;
};

_Static_assert(PARAMS_E820_TABLE + GUEST_E820_MAX * sizeof(struct e820_entry) <= PAGE_SIZE,
	       "boot_params are one page");
_Static_assert(LOAD_INFO + PAGE_SIZE <= LOAD_CMDLINE, "boot_params end before the command line");

bool bzimage_is(struct bytes file)
{
	return bytes_u16(file, HDR_BOOT_FLAG) == BOOT_FLAG &&
	       bytes_u32(file, HDR_MAGIC) == MAGIC_HDRS;
}

u64 bzimage_setup_size(struct bytes file)
{
	u64 sects = bytes_u8(file, HDR_SETUP_SECTS);

	return ((sects ? sects : SETUP_SECTS_DEFAULT) + 1) * SECTOR;
}

u64 bzimage_initrd_max(struct bytes file)
{
	return bytes_u32(file, HDR_INITRD_ADDR_MAX);
}

/* Where the fields end that a header of this protocol version must have. */
static u64 header_least_end(u16 version)
{
	if (version >= 0x20a)
		return HDR_INIT_SIZE + 4;
	if (version >= 0x206)
		return HDR_CMDLINE_SIZE + 4;
	return HDR_XLOADFLAGS + 2;
}

/* The setup header ends within two sectors at most: one byte says how far it goes. */
_Static_assert(HDR_MAGIC + 0xff <= 2 * SECTOR, "the setup header lies in any file that parses");

static int parse_version(const struct load_request *req, struct bytes file, struct bzimage *image)
{
	image->version = bytes_u16(file, HDR_VERSION);
	image->header_end = HDR_MAGIC + (u64)bytes_u8(file, HDR_JUMP_LENGTH);
	if (!bytes_has(file, 0, 2 * SECTOR)) {
		load_error(req, "truncated bzImage: the file has %lu bytes, setup at least %u",
			   file.len, 2 * SECTOR);
		return E_INVAL;
	}
	if (image->version < 0x205) {
		load_error(req, "boot protocol %u.%02u is too old, 2.05 is the least",
			   image->version >> 8, image->version & 0xff);
		return E_UNSUPPORTED;
	}
	if (!(bytes_u8(file, HDR_LOADFLAGS) & LOADFLAG_HIGH)) {
		load_error(req, "a zImage, which loads below 1 MiB: a bzImage is needed");
		return E_UNSUPPORTED;
	}
	if (image->header_end < header_least_end(image->version)) {
		load_error(req,
			   "corrupt bzImage: setup header ends at 0x%lx, not 0x%lx as in %u.%02u",
			   image->header_end, header_least_end(image->version), image->version >> 8,
			   image->version & 0xff);
		return E_INVAL;
	}
	return 0;
}

static int parse_sizes(const struct load_request *req, struct bytes file, struct bzimage *image)
{
	u64 said = (u64)bytes_u32(file, HDR_SYSSIZE) * 16;
	/* Images from before the checksum (2.08) are not padded to the 16 bytes they count in. */
	u64 slack = image->version < 0x208 ? 15 : 0;
	u64 rest;

	image->setup_size = bzimage_setup_size(file);
	rest = file.len > image->setup_size ? file.len - image->setup_size : 0;
	if (rest == 0 || rest + slack < said) {
		load_error(req, "truncated bzImage: setup says %lu bytes, the file has %lu",
			   image->setup_size + said, file.len);
		return E_INVAL;
	}
	image->kernel_size = MIN(said, rest);
	if (image->kernel_size <= ENTRY64_OFFSET) {
		load_error(req, "corrupt bzImage: setup says the kernel has %lu bytes", said);
		return E_INVAL;
	}
	return 0;
}

static int parse_alignment(const struct load_request *req, struct bytes file, struct bzimage *image)
{
	u32 min_shift = bytes_u8(file, HDR_MIN_ALIGNMENT);

	image->alignment = image->min_alignment = 1;
	image->relocatable = bytes_u8(file, HDR_RELOCATABLE) != 0;
	if (!image->relocatable)
		return 0;
	image->alignment = image->min_alignment = bytes_u32(file, HDR_KERNEL_ALIGNMENT);
	if (image->alignment == 0 || !is_aligned(image->alignment, image->alignment)) {
		load_error(req, "corrupt bzImage: kernel alignment 0x%lx is not a power of two",
			   image->alignment);
		return E_INVAL;
	}
	if (image->version >= 0x20a && min_shift < 32)
		image->min_alignment = MIN(image->alignment, (u64)BIT(min_shift));
	return 0;
}

int bzimage_parse(const struct load_request *req, struct bzimage *image)
{
	struct bytes file = { .data = req->kernel, .len = req->kernel_size };
	int err;

	*image = (struct bzimage){ .version = 0 };
	err = parse_version(req, file, image);
	if (!err)
		err = parse_sizes(req, file, image);
	if (!err)
		err = parse_alignment(req, file, image);
	if (err)
		return err;
	image->pref_address = GUEST_EXT_BASE;
	image->init_size = image->kernel_size * INIT_SIZE_GUESS;
	if (image->version >= 0x20a) {
		image->init_size = bytes_u32(file, HDR_INIT_SIZE);
		if (bytes_u64(file, HDR_PREF_ADDRESS) != 0)
			image->pref_address = bytes_u64(file, HDR_PREF_ADDRESS);
	}
	image->init_size = MAX(image->init_size, image->kernel_size);
	image->entry64 = image->version >= 0x20c &&
			 (bytes_u16(file, HDR_XLOADFLAGS) & XLOADFLAG_KERNEL_64);
	image->initrd_max = bzimage_initrd_max(file);
	image->cmdline_max = image->version >= 0x206 ? bytes_u32(file, HDR_CMDLINE_SIZE)
						     : CMDLINE_MAX_DEFAULT;
	return 0;
}

/*
 * A relocatable kernel goes to the lowest place from its preferred address on that has its
 * preferred alignment, or as much less of it as lets it fit. Nothing is tried below: Linux
 * moves itself up to its preferred address from there, whether there is memory or not.
 */
static int plan_kernel(const struct load_request *req, const struct bzimage *image,
		       struct bzimage_plan *plan)
{
	u64 low_end = guest_low_size(req->mem_size);
	u64 base = image->relocatable ? MAX(image->pref_address, GUEST_EXT_BASE)
				      : image->pref_address;

	for (u64 align = image->alignment; align >= image->min_alignment && base < low_end;
	     align >>= 1) {
		u64 load = align_up(base, align);

		if (load < GUEST_EXT_BASE || load > low_end || image->init_size > low_end - load)
			continue;
		plan->load = load;
		plan->load_end = load + image->init_size;
		plan->alignment = align;
		return 0;
	}
	load_error(req, "does not fit: it needs %lu KiB at 0x%lx, memory is from 0x%lx to 0x%lx",
		   image->init_size >> 10, base, GUEST_EXT_BASE, low_end);
	return E_NOMEM;
}

/* All modules, one behind the other, as high as the kernel and its memory allow. */
static int plan_initrd(const struct load_request *req, const struct bzimage *image,
		       struct bzimage_plan *plan)
{
	u64 top = MIN(guest_low_size(req->mem_size), image->initrd_max + 1);
	u64 floor = align_up(plan->load_end, PAGE_SIZE);
	u64 room = top > floor ? align_down(top - floor, PAGE_SIZE) : 0;
	u64 total = 0;

	for (u32 i = 0; i < req->module_count; i++) {
		const struct load_module *module = &req->modules[i];

		if (module->size > room || align_up(module->size, INITRD_ALIGN) > room - total) {
			load_error(req,
				   "initrd %s of %lu KiB does not fit: %lu KiB are free at 0x%lx",
				   module->name, module->size >> 10, (room - total) >> 10, floor);
			return E_NOMEM;
		}
		total += align_up(module->size, INITRD_ALIGN);
	}
	plan->initrd_size = total;
	plan->initrd = total ? align_down(top - total, PAGE_SIZE) : 0;
	return 0;
}

static int plan_cmdline(const struct load_request *req, const struct bzimage *image,
			struct bzimage_plan *plan)
{
	u64 most = MIN(image->cmdline_max, LOAD_AREA_END - LOAD_CMDLINE - 1);

	plan->cmdline_len = req->cmdline ? strlen(req->cmdline) : 0;
	if (plan->cmdline_len <= most)
		return 0;
	load_error(req, "the command line has %lu characters, the kernel takes %lu",
		   plan->cmdline_len, most);
	return E_RANGE;
}

static int load_initrd(const struct load_request *req, const struct bzimage_plan *plan)
{
	u64 at = plan->initrd;

	for (u32 i = 0; i < req->module_count; i++) {
		const struct load_module *module = &req->modules[i];
		u64 padded = align_up(module->size, INITRD_ALIGN);
		int err = load_write(req, at, module->data, module->size);

		if (!err)
			err = load_zero(req, at + module->size, padded - module->size);
		if (err)
			return err;
		at += padded;
	}
	return 0;
}

static void put_u32(u8 *params, u64 offset, u64 value)
{
	u32 word = (u32)value;

	memcpy(params + offset, &word, sizeof(word));
}

static void put_u64(u8 *params, u64 offset, u64 value)
{
	memcpy(params + offset, &value, sizeof(value));
}

/* The setup header as the kernel has it, with the fields that a boot loader fills in. */
static void fill_header(const struct load_request *req, const struct bzimage *image,
			const struct bzimage_plan *plan, u8 *params)
{
	u64 end = MIN(image->header_end, (u64)PARAMS_HEADER_ROOM_END);

	memcpy(params + HDR_SETUP_SECTS, req->kernel + HDR_SETUP_SECTS, end - HDR_SETUP_SECTS);
	params[HDR_TYPE_OF_LOADER] = LOADER_UNDEFINED;
	params[HDR_LOADFLAGS] &= (u8)~LOADFLAG_KEEP_SEGMENTS;
	params[HDR_VID_MODE] = VID_MODE_NORMAL & 0xff;
	params[HDR_VID_MODE + 1] = VID_MODE_NORMAL >> 8;
	put_u32(params, HDR_CODE32_START, plan->load);
	put_u32(params, HDR_RAMDISK_IMAGE, plan->initrd);
	put_u32(params, HDR_RAMDISK_SIZE, plan->initrd_size);
	put_u32(params, HDR_CMD_LINE_PTR, LOAD_CMDLINE);
	if (image->relocatable)
		put_u32(params, HDR_KERNEL_ALIGNMENT, plan->alignment);
	if (image->version >= 0x209)
		put_u64(params, HDR_SETUP_DATA, 0);
}

static int load_params(const struct load_request *req, const struct bzimage *image,
		       const struct bzimage_plan *plan)
{
	u8 *params = guest_mem_ptr(req->mem, GPA(LOAD_INFO));
	struct guest_e820 map;

	if (!params) {
		load_error(req, "no guest memory for boot_params at 0x%lx", LOAD_INFO);
		return E_NOMEM;
	}
	memset(params, 0, PAGE_SIZE);
	fill_header(req, image, plan, params);
	/* An older kernel finds it by searching the firmware's memory. */
	if (image->version >= 0x20e)
		put_u64(params, PARAMS_RSDP, req->rsdp.raw);
	guest_e820_build(&map, req->mem_size);
	params[PARAMS_E820_ENTRIES] = (u8)map.count;
	memcpy(params + PARAMS_E820_TABLE, map.entries, map.count * sizeof(map.entries[0]));
	return 0;
}

int bzimage_load(const struct load_request *req, struct load_result *result)
{
	struct bzimage image;
	struct bzimage_plan plan = { .load = 0 };
	const char *cmdline = req->cmdline ? req->cmdline : "";
	int err = bzimage_parse(req, &image);

	if (!err)
		err = plan_kernel(req, &image, &plan);
	if (!err)
		err = plan_initrd(req, &image, &plan);
	if (!err)
		err = plan_cmdline(req, &image, &plan);
	if (!err)
		err = load_write(req, plan.load, req->kernel + image.setup_size, image.kernel_size);
	if (!err)
		err = load_initrd(req, &plan);
	if (!err)
		err = load_write(req, LOAD_CMDLINE, cmdline, plan.cmdline_len + 1);
	if (!err)
		err = load_params(req, &image, &plan);
	if (!err)
		err = load_set_entry(req, result, image.entry64 ? LOAD_LONG64 : LOAD_PROT32,
				     image.entry64 ? plan.load + ENTRY64_OFFSET : plan.load);
	if (err)
		return err;
	result->rsi = LOAD_INFO;
	return 0;
}
