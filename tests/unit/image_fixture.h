/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A piece of simulated host-physical memory for parsers that follow addresses: what they
 * do not map stays poisoned, so that touching it is an error.
 */
#pragma once

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "lib/addr.h"

#define IMAGE_BASE 0x10000ull

struct image {
	u8 *data;
	u64 size;
};

static struct image image;

/* Zeroed, and writable for the test until image_protect(). */
static inline void image_reset(u64 size)
{
	if (image.data)
		ASAN_UNPOISON_MEMORY_REGION(image.data, image.size);
	if (image.size != size) {
		free(image.data);
		image = (struct image){ .data = malloc(size), .size = size };
	}
	memset(image.data, 0, size);
}

static inline void image_protect(void)
{
	ASAN_POISON_MEMORY_REGION(image.data, image.size);
}

/* What the parsers are given as map. */
static inline const void *image_map(hpa_t addr, u64 len)
{
	u64 offset = addr.raw - IMAGE_BASE;

	if (addr.raw < IMAGE_BASE || offset > image.size || len > image.size - offset)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(image.data + offset, len);
	return image.data + offset;
}

/* Write at a host-physical address of the image. */
static inline void image_put(u64 addr, const void *data, size_t len)
{
	memcpy(image.data + (addr - IMAGE_BASE), data, len);
}

static inline void image_put_string(u64 addr, const char *text)
{
	image_put(addr, text, strlen(text) + 1);
}

static inline void image_put_u8(u64 addr, u8 value)
{
	image_put(addr, &value, sizeof(value));
}

static inline void image_put_u16(u64 addr, u16 value)
{
	image_put(addr, &value, sizeof(value));
}

static inline void image_put_u32(u64 addr, u32 value)
{
	image_put(addr, &value, sizeof(value));
}

static inline void image_put_u64(u64 addr, u64 value)
{
	image_put(addr, &value, sizeof(value));
}
