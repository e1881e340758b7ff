/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Far transfers: what JMP, CALL, RET, IRET and the delivery of events share in loading CS.
 */
#pragma once

#include "vm/interp_core.h"

/* CS of real and virtual-8086 mode, and RIP, which must lie within its limit. */
enum interp_result interp_go_real(struct interp *in, u32 selector, u64 offset);
/* CS from a checked descriptor for privilege level cpl, and RIP. */
enum interp_result interp_go_code(struct interp *in, struct interp_desc *desc, unsigned int cpl,
				  u64 offset);

/*
 * RETF and IRET in protected mode, their values popped: to selector:offset at the same or an outer
 * level, where SS and the stack pointer are popped next, in size bytes, after release bytes of
 * arguments.
 */
struct far_return {
	u32 selector;
	u64 offset;
	unsigned int size;
	u64 release;
};
enum interp_result interp_return_code(struct interp *in, const struct far_return *to);
