/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's machine: a PC of device models.
 */
#pragma once

#include "vm/vm.h"

extern const struct platform_ops pc_platform;
