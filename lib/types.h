/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The integer types every room uses, and the few macros without which C is
 * unreadable. Knows nothing of hypervisors; no state.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define __must_check __attribute__((warn_unused_result))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __noinline __attribute__((noinline))
#define __forceinline inline __attribute__((always_inline))
#define __noreturn __attribute__((noreturn))
#define __printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define __section(name) __attribute__((section(name)))
#define __unused __attribute__((unused))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define BIT(n) (1ull << (n))
/* The mask of bits high..low, both included, as manuals write bit ranges. */
#define BITS(high, low) ((~0ull >> (63 - (high))) & (~0ull << (low)))

/* How many bits are set. */
static inline unsigned int bit_count(u64 bits)
{
	unsigned int count = 0;

	for (; bits; bits &= bits - 1)
		count++;
	return count;
}

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

/* Both arguments are evaluated once; the types must agree. */
#define MIN(a, b)                        \
	({                               \
		__auto_type _a = (a);    \
		__typeof__(_a) _b = (b); \
		_a < _b ? _a : _b;       \
	})
#define MAX(a, b)                        \
	({                               \
		__auto_type _a = (a);    \
		__typeof__(_a) _b = (b); \
		_a > _b ? _a : _b;       \
	})

/* align is a power of two. */
static inline u64 align_down(u64 value, u64 align)
{
	return value & ~(align - 1);
}

/* Wraps to 0 when value is within align of 2^64: check the result when value is input. */
static inline u64 align_up(u64 value, u64 align)
{
	return align_down(value + align - 1, align);
}

static inline bool is_aligned(u64 value, u64 align)
{
	return (value & (align - 1)) == 0;
}
