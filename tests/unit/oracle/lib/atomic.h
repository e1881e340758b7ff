/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle's version of lib/atomic.h, which it shadows by coming first on the include
 * path: every atomic access is a place where the scheduler may let another simulated CPU
 * go on, goes through a model of the store buffer that x86 CPUs have, and is shown to the
 * judge. See sched.h.
 */
#pragma once

#include "lib/types.h"

/* Where to read: at itself, or the youngest store to it that this CPU still holds back. */
const void *oracle_load(const void *at, u32 size);
void oracle_store(void *at, u64 value, u32 size);
/* Around a read-modify-write: returns the value before, which it then is told again. */
u64 oracle_rmw_begin(void *at, u32 size);
void oracle_rmw_end(void *at, u64 old, u32 size);
void oracle_fence(void);
/* This CPU waits for another one: let the others go on. */
void oracle_pause(void);

#define atomic_load(p)                                                                \
	({                                                                            \
		__auto_type _at = (p);                                                \
		const void *_from = oracle_load((const void *)_at, sizeof(*_at));     \
		__atomic_load_n((__typeof__(_at))(uintptr_t)_from, __ATOMIC_RELAXED); \
	})

#define atomic_store(p, v)                                                       \
	({                                                                       \
		__auto_type _at = (p);                                           \
		__typeof__(__atomic_load_n(_at, __ATOMIC_RELAXED)) _value = (v); \
		oracle_store(_at, (u64)_value, sizeof(*_at));                    \
	})

#define ORACLE_RMW(builtin, p, v)                                          \
	({                                                                 \
		__auto_type _at = (p);                                     \
		u64 _old = oracle_rmw_begin(_at, sizeof(*_at));            \
		__auto_type _result = builtin(_at, (v), __ATOMIC_SEQ_CST); \
		oracle_rmw_end(_at, _old, sizeof(*_at));                   \
		_result;                                                   \
	})

#define atomic_xchg(p, v) ORACLE_RMW(__atomic_exchange_n, p, v)
#define atomic_fetch_add(p, v) ORACLE_RMW(__atomic_fetch_add, p, v)
#define atomic_fetch_sub(p, v) ORACLE_RMW(__atomic_fetch_sub, p, v)
#define atomic_fetch_or(p, v) ORACLE_RMW(__atomic_fetch_or, p, v)
#define atomic_fetch_and(p, v) ORACLE_RMW(__atomic_fetch_and, p, v)

#define atomic_cmpxchg(p, expected, new)                                                      \
	({                                                                                    \
		__auto_type _at = (p);                                                        \
		u64 _old = oracle_rmw_begin(_at, sizeof(*_at));                               \
		bool _done = __atomic_compare_exchange_n(_at, (expected), (new), false,       \
							 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		oracle_rmw_end(_at, _old, sizeof(*_at));                                      \
		_done;                                                                        \
	})

/* Figures are nobody's business; but what a CPU says of itself, in 32 bits, is looked at. */
#define atomic_count(p, v)                                         \
	({                                                         \
		__auto_type _at = (p);                             \
		if (sizeof(*_at) == sizeof(u32))                   \
			atomic_store(_at, atomic_load(_at) + (v)); \
		else                                               \
			*_at += (v);                               \
	})

#define smp_mb() oracle_fence()

/* Loops that wait say so by this builtin, in the kernel's sources too. */
#define __builtin_ia32_pause() oracle_pause()
