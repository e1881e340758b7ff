/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's firmware configuration device, by which firmware and test kernels learn what machine they
 * run on and get the kernel they are to start: a list of items, each read by the number that is
 * its key. Selected by port 510h, read byte by byte at port 511h, or by DMA from 514h on.
 *
 * What lies in the boot loader's modules is read from there. The ACPI tables are in guest memory
 * when it starts; for firmware that sets up memory by itself they are told a second time, as files
 * without an address and the script that places them. Nothing can be written. All calls, and the timer's
 * function, under the VM's device lock.
 */
#pragma once

#include "dev/fw_cfg_file.h"
#include "lib/bytes.h"
#include "mm/guest_mem.h"
#include "mm/tlb.h"
#include "vm/config.h"
#include "vm/guest_e820.h"
#include "vm/io.h"
#include "vm/timer.h"

#define FW_CFG_PORT 0x510u
#define FW_CFG_PORTS 2u
#define FW_CFG_DMA_PORT 0x514u
#define FW_CFG_DMA_PORTS 8u

#define FW_CFG_MAX_ITEMS 32u
#define FW_CFG_MAX_FILES 4u

/*
 * A DMA transfer is done in steps of this much, the first in the exit that asks for it and the
 * others so much apart: as long as that takes the guest sees by the control word that it is not
 * done.
 */
#define FW_CFG_DMA_STEP 0x10000u
#define FW_CFG_DMA_PAUSE_NS 20000u

struct acpi_files;

/* What an item consists of; behind size bytes come zeros up to room. */
struct fw_cfg_piece {
	const u8 *data;
	u64 size, room;
};

struct fw_cfg_item {
	u16 key;
	u16 first, count; /* of fw_cfg's pieces */
	u64 size;
};

/* What the device tells; the memory that it points to must stay. */
struct fw_cfg_config {
	struct guest_mem *mem;
	const struct tlb_space *space; /* whose walks keep mem's slots */
	struct timer_queue *timers;
	u64 mem_size; /* bytes */
	u32 cpus;
	const struct acpi_files *acpi;
	struct bytes kernel;
	const char *cmdline;
	u32 initrd_count;
	struct bytes initrds[VM_MAX_INITRDS]; /* which a bzImage gets as one */
};

struct fw_cfg {
	struct guest_mem *mem; /* [const] */
	const struct tlb_space *space; /* [const] */
	/* [const] from here to numbers */
	struct fw_cfg_item items[FW_CFG_MAX_ITEMS];
	u32 item_count, piece_count, number_count, file_count;
	struct fw_cfg_piece pieces[FW_CFG_MAX_ITEMS + VM_MAX_INITRDS];
	struct guest_e820 e820;
	struct {
		u32 count; /* big-endian */
		struct fw_cfg_file files[FW_CFG_MAX_FILES];
	} __packed directory;
	u64 numbers[FW_CFG_MAX_ITEMS];

	const struct fw_cfg_item *selected; /* NULL: one that does not exist, all zeros */
	u64 offset; /* of the next byte */
	u32 address_high; /* as written to 514h, for the transfer that 518h starts */
	struct {
		u64 request; /* gpa of what asked for it; its control word tells of the end */
		u64 to; /* gpa */
		u32 left; /* bytes; 0: none is under way */
	} dma;
	struct timer timer; /* the next step of a transfer */
};

/* The device of both is the struct fw_cfg. */
extern const struct io_ops fw_cfg_io, fw_cfg_dma_io;

void fw_cfg_init(struct fw_cfg *fw, const struct fw_cfg_config *config);

/* Nothing selected, no transfer under way. */
void fw_cfg_reset(struct fw_cfg *fw);
