/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel's VMX with EPT.
 */
#pragma once

#include "vm/backend.h"

extern const struct backend vmx_backend;
