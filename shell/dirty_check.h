/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dirty log against the truth.
 */
#pragma once

#include "mm/dirty_log.h"
#include "vm/vm.h"

/*
 * Log the slot of vm at base while the guest, which must be tests/guest/dirty.c and run on another CPU,
 * writes; compare twenty harvests with what it has written, and print one line. The guest is then
 * told to end. E_INVAL: no such guest's control block at control; E_FAULT: it does not go
 * on, or says what cannot be; what dirty_log_start() returns.
 */
int __must_check dirty_check(struct vm *vm, gfn_t base, gpa_t control, enum dirty_means means,
			     bool eager);
