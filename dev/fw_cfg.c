/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ports of the firmware configuration device: see fw_cfg.h. What it tells is put together in
 * fw_cfg_items.c.
 */
#include "dev/fw_cfg.h"

#include "arch/clock.h"
#include "dev/byte_regs.h"
#include "dev/fw_cfg_items.h"
#include "lib/err.h"
#include "lib/string.h"

#define REG_DATA 1u
/* A key may say that it is for writing, which changes nothing for who reads. */
#define KEY_WRITE 0x4000u

#define DMA_ERROR BIT(0)
#define DMA_READ BIT(1)
#define DMA_SKIP BIT(2)
#define DMA_SELECT BIT(3)
#define DMA_WRITE BIT(4)

/* In guest memory, big-endian. */
struct dma_request {
	u32 control; /* DMA_*, and the key in the upper half */
	u32 length;
	u64 address;
};

/* How much of piece is behind offset at, with zeros in *data's place when it has no more bytes. */
static u64 piece_run(const struct fw_cfg_piece *piece, u64 at, const u8 **data)
{
	if (at < piece->size) {
		*data = piece->data + at;
		return piece->size - at;
	}
	*data = NULL;
	return piece->room - at;
}

/*
 * Bytes of the selected item from the offset on that are in one place, or zeros (data is NULL), at
 * most len: how many. Past its end zeros go on for ever.
 */
static u64 item_run(const struct fw_cfg *fw, const u8 **data, u64 len)
{
	const struct fw_cfg_item *item = fw->selected;
	u64 at = fw->offset;

	*data = NULL;
	if (!item || at >= item->size)
		return len;
	for (u32 i = 0; i < item->count; i++) {
		const struct fw_cfg_piece *piece = &fw->pieces[item->first + i];

		if (at < piece->room)
			return MIN(len, piece_run(piece, at, data));
		at -= piece->room;
	}
	return len;
}

static void select(struct fw_cfg *fw, u32 key)
{
	fw->selected = fw_cfg_find(fw, key & ~KEY_WRITE);
	fw->offset = 0;
}

static u8 read_reg(void *dev, u32 reg)
{
	struct fw_cfg *fw = dev;
	const u8 *data;

	if (reg != REG_DATA)
		return 0xff;
	item_run(fw, &data, 1);
	fw->offset++;
	return data ? *data : 0;
}

static u64 fw_cfg_read(void *dev, u64 offset, unsigned int size)
{
	return byte_regs_read(read_reg, dev, FW_CFG_PORTS, offset, size);
}

/* The selector takes words only, and bytes of data nobody. */
static void fw_cfg_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	if (offset == 0 && size == 2)
		select(dev, (u16)value);
}

const struct io_ops fw_cfg_io = { .read = fw_cfg_read, .write = fw_cfg_write };

/* data, or zeros when it is NULL, to where the guest itself may write. E_FAULT: it may not. */
static int to_guest(struct fw_cfg *fw, u64 gpa, const u8 *data, u64 len)
{
	while (len) {
		u64 piece = MIN(len, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));
		u8 *to = guest_mem_ptr_write(fw->mem, GPA(gpa));

		if (!to)
			return E_FAULT;
		if (data)
			memcpy(to, data, piece);
		else
			memset(to, 0, piece);
		guest_mem_written(fw->mem, GPA(gpa));
		data = data ? data + piece : NULL;
		gpa += piece;
		len -= piece;
	}
	return 0;
}

static void dma_end(struct fw_cfg *fw, u64 request, u32 control)
{
	u32 word = __builtin_bswap32(control);

	/* Where it cannot be told, nobody waits for it. */
	(void)!to_guest(fw, request, (const u8 *)&word, sizeof(word));
}

/* Up to FW_CFG_DMA_STEP bytes. E_FAULT: the guest has no memory there. */
static int dma_copy(struct fw_cfg *fw)
{
	u32 step = MIN(fw->dma.left, FW_CFG_DMA_STEP);

	fw->dma.left -= step;
	while (step) {
		const u8 *data;
		u64 run = item_run(fw, &data, step);

		if (to_guest(fw, fw->dma.to, data, run))
			return E_FAULT;
		fw->offset += run;
		fw->dma.to += run;
		step -= (u32)run;
	}
	return 0;
}

static void dma_step(struct fw_cfg *fw)
{
	if (dma_copy(fw)) {
		fw->dma.left = 0;
		dma_end(fw, fw->dma.request, DMA_ERROR);
	} else if (!fw->dma.left) {
		dma_end(fw, fw->dma.request, 0);
	} else {
		timer_arm(&fw->timer, clock_ns() + FW_CFG_DMA_PAUSE_NS);
	}
}

static void dma_go_on(struct timer *timer)
{
	struct fw_cfg *fw = container_of(timer, struct fw_cfg, timer);

	tlb_walk_begin(fw->space);
	dma_step(fw);
	tlb_walk_end();
}

static void dma_run(struct fw_cfg *fw, u64 gpa, const struct dma_request *request)
{
	u32 control = __builtin_bswap32(request->control),
	    length = __builtin_bswap32(request->length);

	if (control & DMA_SELECT)
		select(fw, control >> 16);
	if (control & DMA_READ && length) {
		fw->dma.request = gpa;
		fw->dma.to = __builtin_bswap64(request->address);
		fw->dma.left = length;
		dma_step(fw);
		return;
	}
	if (control & DMA_SKIP && !(control & (DMA_READ | DMA_WRITE)))
		fw->offset += length;
	/* No item can be written. */
	dma_end(fw, gpa, control & DMA_WRITE && !(control & DMA_READ) && length ? DMA_ERROR : 0);
}

static void dma_start(struct fw_cfg *fw, u64 gpa)
{
	struct dma_request request;

	/* One after the other: who does not wait for the first is told of the second's failure. */
	if (fw->dma.left || guest_mem_read(fw->mem, GPA(gpa), &request, sizeof(request)))
		dma_end(fw, gpa, DMA_ERROR);
	else
		dma_run(fw, gpa, &request);
}

static u8 dma_read_reg(void *dev __unused, u32 reg)
{
	return (u8) "QEMU CFG"[reg];
}

static u64 dma_read(void *dev, u64 offset, unsigned int size)
{
	return byte_regs_read(dma_read_reg, dev, FW_CFG_DMA_PORTS, offset, size);
}

/* The address is big-endian: first the upper half, then the lower one, which starts it. */
static void dma_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct fw_cfg *fw = dev;
	u32 half = __builtin_bswap32((u32)value);
	u64 gpa;

	if (size != 4)
		return;
	if (offset == 0)
		fw->address_high = half;
	if (offset != 4)
		return;
	gpa = (u64)fw->address_high << 32 | half;
	fw->address_high = 0;
	dma_start(fw, gpa);
}

const struct io_ops fw_cfg_dma_io = { .read = dma_read, .write = dma_write };

void fw_cfg_reset(struct fw_cfg *fw)
{
	timer_cancel(&fw->timer);
	fw->dma.left = 0;
	fw->address_high = 0;
	fw->selected = NULL;
	fw->offset = 0;
}

void fw_cfg_init(struct fw_cfg *fw, const struct fw_cfg_config *config)
{
	*fw = (struct fw_cfg){ .mem = config->mem, .space = config->space };
	timer_init(&fw->timer, config->timers, dma_go_on);
	fw_cfg_items(fw, config);
}
