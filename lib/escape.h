/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Escape sequences in text for a terminal (ECMA-48): ESC and a byte, or with [ as that one all up to a
 * letter. They move, colour and ask; who wants the text alone leaves them out.
 */
#pragma once

#include "lib/types.h"

enum escape_state { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_PARAMETERS };

/*
 * One byte after the other: does it belong to a sequence? *state is ESCAPE_NONE at first. Another control
 * character breaks a sequence off.
 */
static inline bool escape_has(enum escape_state *state, u8 byte)
{
	bool first = *state == ESCAPE_BEGUN, in = *state != ESCAPE_NONE;

	*state = ESCAPE_NONE;
	if (byte == 0x1b)
		*state = ESCAPE_BEGUN;
	else if (!in || byte < ' ')
		return false;
	else if (first ? byte == '[' : byte < '@')
		*state = ESCAPE_PARAMETERS;
	return true;
}
