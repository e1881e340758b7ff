/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware configuration device as one of those to which anything is done: in guest memory full of
 * requests for transfers, so that an address of few bits finds one, beside memory that nobody may write.
 */
#pragma once

#include "dev_fixture.h"
#include "load_fixture.h"

#include "dev/acpi_tables.h"
#include "dev/fw_cfg.h"

#define FW_RAM MIB(2)
#define FW_ROM FW_RAM /* right behind it */
#define FW_ROM_BYTE 0x5a
#define FW_OFTEN KIB(64) /* of the memory where most addresses are */
#define FW_KEYS 0x28u /* and some more, that are for PCs only */
#define FW_CONTROL 0x1fu

static struct fw_cfg fw_cfg;
static struct tlb_space fw_space;
static struct acpi_files fw_acpi;
static u8 fw_kernel[9001];
static bool fw_goes_on;
static u64 fw_in_steps; /* transfers that went on after the exit that asked for them */

static inline u8 *fw_memory(u64 gpa)
{
	return guest_mem_ptr(&fixture_mem, GPA(gpa));
}

/* Of what exists, and into memory, but not always. */
static inline void fw_write_requests(u64 size, u64 *random)
{
	for (u64 gpa = 0; gpa < size; gpa += 16) {
		u64 r = test_random(random), to = (r >> 20) % (FW_RAM + KIB(256));
		u32 key = (u32)(r >> 5) % FW_KEYS | (r >> 60 ? 0 : 0x8000);
		u32 words[4] = { __builtin_bswap32(key << 16 | (r & FW_CONTROL)),
				 __builtin_bswap32((u32)(r >> 44) % (3 * FW_CFG_DMA_STEP)), 0,
				 __builtin_bswap32((u32)to) };

		memcpy(fw_memory(gpa), words, sizeof(words));
	}
}

static inline void fw_start(struct timer_queue *timers)
{
	struct fw_cfg_config config = {
		.mem = &fixture_mem,
		.space = &fw_space,
		.timers = timers,
		.mem_size = FW_RAM,
		.cpus = 3,
		.acpi = &fw_acpi,
		.kernel = { .data = fw_kernel, .len = sizeof(fw_kernel) },
		.cmdline = "some words",
		.initrd_count = 1,
		.initrds = { { fw_kernel, 3 } },
	};
	struct mem_slot *rom;
	u64 random = 0x510;

	fixture_setup(FW_RAM, "vmlinuz");
	host_memory_reset(FW_RAM + MIB(2));
	fixture_add_slot(FW_ROM, MIB(2), FW_RAM);
	rom = &fixture_slots.slots[fixture_slots.table.count - 1];
	rom->readonly = true;
	rom->plain = false;
	memset(fw_memory(FW_ROM), FW_ROM_BYTE, MIB(2));
	fw_write_requests(FW_RAM, &random);
	tlb_space_init(&fw_space);
	assert_int_equal(acpi_files_build(&fw_acpi, (const u8[]){ 0, 1, 2 }, 3), 0);
	memset(fw_kernel, 0xff, sizeof(fw_kernel));
	fw_cfg_init(&fw_cfg, &config);
	fw_cfg_reset(&fw_cfg);
}

static inline bool fw_holds(void)
{
	const struct fw_cfg_item *item = fw_cfg.selected;
	bool goes_on = timer_armed(&fw_cfg.timer);

	fw_in_steps += goes_on && !fw_goes_on;
	fw_goes_on = goes_on;
	return goes_on == (fw_cfg.dma.left != 0) &&
	       (!item || (item >= fw_cfg.items && item < fw_cfg.items + fw_cfg.item_count));
}

/* With a transfer under way, mostly; and there are requests again, where others have been overwritten. */
static inline void fw_reset(u64 *random)
{
	fw_write_requests(FW_OFTEN, random);
	fw_cfg_dma_io.write(&fw_cfg, 4, 4,
			    __builtin_bswap32(test_random(random) % (FW_OFTEN / 16) * 16));
	fw_cfg_reset(&fw_cfg);
}

static inline bool fw_wrote_no_rom(void)
{
	const u8 *rom = fw_memory(FW_ROM);

	for (u64 at = 0; at < MIB(2); at++) {
		if (rom[at] != FW_ROM_BYTE)
			return false;
	}
	return true;
}
