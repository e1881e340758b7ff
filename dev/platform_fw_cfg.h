/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VM's firmware configuration device tells, by its configuration and its modules.
 */
#pragma once

#include "dev/fw_cfg.h"
#include "vm/vm.h"

/* The vCPUs are there. */
void platform_fw_cfg_init(struct vm *vm, struct fw_cfg *fw);
