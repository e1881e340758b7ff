/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of what the firmware configuration device tells. Shared by dev/fw_cfg*.c only.
 */
#pragma once

#include "dev/fw_cfg.h"

/* Fill fw's items. */
void fw_cfg_items(struct fw_cfg *fw, const struct fw_cfg_config *config);

/* The item with a key, or NULL. */
const struct fw_cfg_item *fw_cfg_find(const struct fw_cfg *fw, u32 key);
