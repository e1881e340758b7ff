/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocations that fail: see host_alloc.h. The linker sends calls of NAME to __wrap_NAME, and
 * __real_NAME is the function itself.
 */
#include "host_alloc.h"

#include <sys/mman.h>

#include "arch/direct_map.h"
#include "lib/err.h"
#include "mm/frames.h"

static u32 countdown;
static bool fail_more;
u32 host_alloc_failed;

void host_alloc_fail(u32 n, bool more)
{
	countdown = n;
	fail_more = more;
	host_alloc_failed = 0;
}

static bool fails(void)
{
	if (!countdown || (countdown > 1 && countdown--))
		return false;
	if (!fail_more)
		countdown = 0;
	host_alloc_failed++;
	return true;
}

void *__real_kzalloc(size_t size);
void *__wrap_kzalloc(size_t size);
int __real_frame_alloc(struct frame_owner *owner, unsigned int level, hpa_t *out);
int __wrap_frame_alloc(struct frame_owner *owner, unsigned int level, hpa_t *out);
int __real_frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out);
int __wrap_frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out);
int __real_frame_alloc_run(struct frame_owner *owner, u32 count, hpa_t *out);
int __wrap_frame_alloc_run(struct frame_owner *owner, u32 count, hpa_t *out);
void __real_frame_zero(unsigned int level, hpa_t block);
void __wrap_frame_zero(unsigned int level, hpa_t block);

void *__wrap_kzalloc(size_t size)
{
	return fails() ? NULL : __real_kzalloc(size);
}

int __wrap_frame_alloc(struct frame_owner *owner, unsigned int level, hpa_t *out)
{
	return fails() ? E_NOMEM : __real_frame_alloc(owner, level, out);
}

int __wrap_frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out)
{
	return fails() ? E_NOMEM : __real_frame_alloc_zeroed(owner, out);
}

int __wrap_frame_alloc_run(struct frame_owner *owner, u32 count, hpa_t *out)
{
	return fails() ? E_NOMEM : __real_frame_alloc_run(owner, count, out);
}

void __wrap_frame_zero(unsigned int level, hpa_t block)
{
	if (level == LEVEL_1G)
		madvise(hpa_to_ptr(block), level_size(level), MADV_DONTNEED);
	else
		__real_frame_zero(level, block);
}
