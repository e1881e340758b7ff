/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image's own symbol table: from an address in its text to a function's name. The
 * table is made from the linked image and linked in by a second pass.
 */
#pragma once

#include "lib/types.h"

/* The function that holds addr and the offset into it, or NULL when addr is not text. */
const char *symbol_name(u64 addr, u64 *offset);
