/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader told us, whichever protocol it speaks. Strings and the RSDP are
 * copies, so the loader's own memory may be reused; modules stay where it put them. How many
 * modules there may be depends on memory alone: the list of them is put into free RAM.
 */
#pragma once

#include "arch/acpi_parse.h"
#include "lib/addr.h"
#include "lib/types.h"
#include "mm/frames.h"
#include "vm/config.h"

#define BOOT_MAX_MEMORY 256u
/* Reserved ranges beside those of the modules: of the loader's map, and a few of our own. */
#define BOOT_MAX_RESERVED (BOOT_MAX_MEMORY + 4u)
/* Of the hypervisor's and of each module's command line. */
#define BOOT_CMDLINE_MAX 4095u

/* Types of memory as the loaders and ACPI number them; others are not usable either. */
#define BOOT_MEMORY_USABLE 1u
#define BOOT_MEMORY_RESERVED 2u
#define BOOT_MEMORY_ACPI 3u

struct boot_memory {
	u64 start, len; /* len > 0, and the last byte's address does not wrap */
	u32 type; /* BOOT_MEMORY_* */
};

struct boot_framebuffer {
	hpa_t addr;
	u32 width, height; /* in pixels, or in characters on a text screen; width 0: none */
	u32 pitch; /* bytes from line to line */
	u8 bpp;
	u8 type; /* 0 palette, 1 direct colour, 2 EGA text */
};

struct boot_info {
	const char *loader; /* its name; "" when it does not say */
	const char *cmdline; /* "" when there is none */
	u32 memory_count;
	struct boot_memory memory[BOOT_MAX_MEMORY]; /* in any order, may overlap */
	u32 module_count;
	/* In the loader's order. They do not overlap; a broken one has size 0. */
	struct config_module *modules;
	/* The RAM that modules, their strings and reserved take; len 0: none. */
	struct mem_range lists;
	/* Not filled: for the memory map. BOOT_MAX_RESERVED and one for each module. */
	struct mem_range *reserved;
	u32 rsdp_len; /* bytes of rsdp, 20 or 36; 0: the loader has none, search for it */
	u8 rsdp[ACPI_RSDP_SIZE]; /* as it came: not checked */
	struct boot_framebuffer framebuffer;
	u64 efi_system_table; /* 0: not started by 64-bit EFI firmware */
	bool efi_memory_map; /* the loader has EFI's own map besides memory above */
};

/* The memory that the reader of boot information finds itself in. */
struct boot_access {
	/* A pointer to len bytes of host-physical memory, or NULL when they cannot all be
	 * reached. It must stay valid during the call. */
	const void *(*map)(hpa_t addr, u64 len);
	/* The same for RAM that is free, to be written to. Its contents are anything. */
	void *(*take)(hpa_t addr, u64 len);
	struct mem_range image; /* RAM that is not free though the loader's map does not say so */
};

/*
 * Fill info from what a loader left: magic and info_addr are its EAX and EBX. A detail that is
 * wrong gets one log line and is left out, and so do all modules when there is no RAM for their
 * list below 4 GiB. E_INVAL: not a magic number we know; E_RANGE: the information as a whole
 * cannot be reached. Sill's own strings live in one pool: the next call reuses it.
 */
int __must_check boot_info_parse(struct boot_info *info, u32 magic, hpa_t info_addr,
				 const struct boot_access *access);
