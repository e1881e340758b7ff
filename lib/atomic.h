/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Atomic access to plain u32/u64 words, on the compiler's builtins so that the same
 * source runs in the kernel and in host tests. Read-modify-write operations are
 * sequentially consistent (on x86 they are anyway); loads acquire, stores release.
 */
#pragma once

#include "lib/types.h"

#define atomic_load(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
/* These return the old value. */
#define atomic_xchg(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_sub(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_or(p, v) __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_and(p, v) __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)

/* Store new if *p is *expected; otherwise *expected becomes what is there, and false. */
#define atomic_cmpxchg(p, expected, new)                                             \
	__atomic_compare_exchange_n((p), (expected), (new), false, __ATOMIC_SEQ_CST, \
				    __ATOMIC_SEQ_CST)

/*
 * Add to what only this CPU writes, though others may read it at any time: one instruction, not
 * locked. A release, as x86 does not delay what comes before it and the compiler is kept from it.
 */
#ifdef __SANITIZE_THREAD__
#define atomic_count(p, v)                                                          \
	({                                                                          \
		__auto_type _at = (p);                                              \
		__atomic_store_n(_at, __atomic_load_n(_at, __ATOMIC_RELAXED) + (v), \
				 __ATOMIC_RELEASE);                                 \
	})
#else
#define atomic_count(p, v)                       \
	({                                       \
		asm volatile("" : : : "memory"); \
		(void)(*(p) += (v));             \
	})
#endif

/* Full barrier. */
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
