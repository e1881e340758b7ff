/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests that are multiboot 1 kernels: ELF, or any file whose header has address fields.
 */
#pragma once

#include "lib/bytes.h"
#include "vm/loader.h"

/* Is there a multiboot 1 header with a right checksum where the specification wants it? */
bool mbguest_is(struct bytes file);

/* As loader_load, for a file that mbguest_is. */
int __must_check mbguest_load(const struct load_request *req, struct load_result *result);
