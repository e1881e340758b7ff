/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the files of the 64-bit exceptions guest.
 */
#pragma once

/*
 * The error code of an exception that a gate is to blame for. The emulated CPU puts in the gate's
 * offset in a 64-bit IDT, and never the EXT bit.
 */
#define GATE_ERROR(vector) ((vector)*8u + 2u)
#define GATE_ERROR_EXT(vector) ((vector)*8u + 3u)
#define GATE_ERROR_DEVIANT(vector) ((vector)*16u + 2u)
#define GATE_ERROR_REASON "this CPU names the gate by its offset"

void test_debug(void);
void test_delivery(void);
