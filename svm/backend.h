/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AMD's virtualization, as one table of operations.
 */
#pragma once

#include "vm/backend.h"

extern const struct backend svm_backend;
