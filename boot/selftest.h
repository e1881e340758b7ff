/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selftest=1: before any VM, a guest of two instructions on every CPU. It shows that virtualization
 * works there, from entry to exit, with nothing else to blame.
 */
#pragma once

#include "lib/types.h"

/* Start one guest on each CPU. False: none could be made, and a log line says so. */
bool selftest_start(void);

/* True, once: those that ran were the self-test's guests. A log line says how they did. */
bool selftest_report(void);
