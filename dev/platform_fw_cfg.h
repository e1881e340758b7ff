/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VM's firmware configuration device tells, by its configuration and its modules.
 */
#pragma once

#include "dev/fw_cfg.h"
#include "vm/vm.h"

/* Also build acpi, of which it then tells. The vCPUs are there. E_NOMEM. */
int __must_check platform_fw_cfg_init(struct vm *vm, struct fw_cfg *fw, struct acpi_files *acpi);
