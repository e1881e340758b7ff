/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine checks: errors that the hardware found in itself. One that cannot be corrected is an
 * exception and ends in a panic report with the banks' contents.
 */
#pragma once

#include "lib/types.h"

/*
 * On each CPU, when it can take traps: log and clear what the banks hold from before, turn all
 * reporting on. Does nothing where the CPU has no banks.
 */
void mce_init(void);

/*
 * The next bank of this CPU from *bank on that holds an error: its contents in words into text,
 * the bank cleared, *bank behind it. False: there is none.
 */
bool mce_take(u32 *bank, char *text, size_t size);

/*
 * When a machine check is in progress on this CPU: into text whether the interrupted program
 * could go on; a further one may come then.
 */
bool mce_take_global(char *text, size_t size);
