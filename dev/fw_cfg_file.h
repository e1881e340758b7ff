/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of the firmware configuration device, as its directory has it: see fw_cfg.h. Its name is also
 * what the script for the ACPI tables calls it by.
 */
#pragma once

#include "lib/types.h"

#define FW_CFG_NAME_MAX 56u /* with the NUL */

/* An entry of the file directory, as the guest reads it: big-endian. */
struct fw_cfg_file {
	u32 size;
	u16 key, reserved;
	char name[FW_CFG_NAME_MAX];
} __packed;
_Static_assert(sizeof(struct fw_cfg_file) == 64, "a directory entry has 64 bytes");
