/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Escape sequences in text for a terminal (ECMA-35 and -48), in 7 bits: ESC, intermediate bytes and a
 * final one; ESC [ up to a final byte; ESC ] and the like up to BEL or ESC \. They move, colour and ask;
 * who wants the text alone leaves them out.
 */
#pragma once

#include "lib/types.h"

enum escape_state { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_PARAMETERS, ESCAPE_STRING };

static inline enum escape_state escape_next(enum escape_state state, u8 byte)
{
	switch (state) {
	case ESCAPE_BEGUN:
		if (byte == '[')
			return ESCAPE_PARAMETERS;
		if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
			return ESCAPE_STRING;
		return byte < '0' ? ESCAPE_BEGUN : ESCAPE_NONE;
	case ESCAPE_PARAMETERS:
		return byte < '@' ? ESCAPE_PARAMETERS : ESCAPE_NONE;
	default:
		return state;
	}
}

/*
 * One byte after the other: does it belong to a sequence? *state is ESCAPE_NONE at first. Another control
 * character breaks a sequence off, and is itself, BEL too, no text.
 */
static inline bool escape_has(enum escape_state *state, u8 byte)
{
	enum escape_state before = *state;

	*state = ESCAPE_NONE;
	if (byte == 0x1b)
		*state = ESCAPE_BEGUN;
	else if (before == ESCAPE_NONE || byte < ' ')
		return false;
	else
		*state = escape_next(before, byte);
	return true;
}
