/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux kernels in bzImage form, by the 64-bit and the 32-bit boot protocol.
 */
#pragma once

#include "lib/bytes.h"
#include "vm/loader.h"

/* What a bzImage's setup header says, checked for sense but not against a VM. */
struct bzimage {
	u16 version; /* of the boot protocol, major in the high byte */
	u64 header_end; /* file offset behind the setup header */
	u64 setup_size; /* bytes of real-mode code in front of the kernel proper */
	u64 kernel_size; /* bytes of the kernel proper */
	u64 init_size; /* bytes it needs from its load address on until it knows the map */
	bool relocatable, entry64;
	u64 pref_address;
	u64 alignment, min_alignment; /* preferred and least; both 1 when not relocatable */
	u64 initrd_max; /* the last byte an initrd may occupy */
	u64 cmdline_max; /* characters, without the NUL */
};

/* Does the file carry the magic numbers of a bzImage? */
bool bzimage_is(struct bytes file);

/* Of such a file, unchecked: the bytes before the kernel proper, and an initrd's last one in memory. */
u64 bzimage_setup_size(struct bytes file);
u64 bzimage_initrd_max(struct bytes file);

/* Read and check the setup header of req's kernel. 0, E_INVAL or E_UNSUPPORTED, with a line. */
int __must_check bzimage_parse(const struct load_request *req, struct bzimage *image);

/* As loader_load, for a file that bzimage_is. */
int __must_check bzimage_load(const struct load_request *req, struct load_result *result);
