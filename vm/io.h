/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a device model is to a VM: ranges of ports or of guest-physical memory with
 * a read and a write function, and interrupt lines.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"

/*
 * offset is relative to the registered range, size is 1, 2, 4 (ports and MMIO) or 8
 * (MMIO only); offset + size may reach past the range by up to size - 1 bytes: a
 * device answers what it decodes and all-ones for the rest. A read returns its value
 * in the low size bytes. Called with the VM's device lock held.
 */
struct io_ops {
	u64 (*read)(void *dev, u64 offset, unsigned int size);
	void (*write)(void *dev, u64 offset, unsigned int size, u64 value);
};

struct io_region {
	u64 base; /* port number or gpa */
	u64 len;
	const struct io_ops *ops;
	void *dev;
};

/* The regions of one space (ports or MMIO) of one VM, sorted by base, not overlapping. */
#define IO_MAX_REGIONS 32u
struct io_space {
	u32 count;
	struct io_region regions[IO_MAX_REGIONS];
};

/* E_EXIST: overlaps; E_NOMEM: table full; E_INVAL: empty or wraps around. */
int __must_check io_space_add(struct io_space *space, u64 base, u64 len, const struct io_ops *ops,
			      void *dev);

/* The region that holds addr, or NULL. */
const struct io_region *io_space_find(const struct io_space *space, u64 addr);

/* An interrupt input of some controller. Level-triggered use: set true, later false. */
struct irq_line {
	void (*set)(void *ctx, unsigned int pin, bool level);
	void *ctx;
	unsigned int pin;
};

static inline void irq_line_set(const struct irq_line *line, bool level)
{
	line->set(line->ctx, line->pin, level);
}
