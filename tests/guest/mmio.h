/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the files of the device memory guests.
 */
#pragma once

void test_mmio64(void);
void test_wide(void);
void test_segments(void);
