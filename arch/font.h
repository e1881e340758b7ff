/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A font of fixed size for printable ASCII.
 */
#pragma once

#include "lib/types.h"

#define FONT_WIDTH 8u
#define FONT_HEIGHT 16u
#define FONT_FIRST 0x20u
#define FONT_COUNT 95u

/* A byte for each row, the topmost in the first word's highest; the leftmost pixel is bit 7. */
extern const u64 font_glyphs[FONT_COUNT][2];

/* One row of a glyph; character must be one of the font's. */
static inline u8 font_row(u8 character, u32 row)
{
	return (u8)(font_glyphs[character - FONT_FIRST][row / 8] >> (56 - row % 8 * 8));
}
