/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One inline function per instruction the guests use. None of them expects an exception;
 * those that a test lets fault are in trap.h.
 */
#pragma once

#include "lib/types.h"
#include "tests/guest/lib/bits.h"

typedef unsigned long ulong;

struct cpuid {
	u32 a, b, c, d;
};

struct table_ptr {
	u16 limit;
	ulong base;
} __packed;

static inline void outb(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(u16 port, u16 value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(u16 port, u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u16 inw(u16 port)
{
	u16 value;

	asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u32 inl(u16 port)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r = { .a = leaf, .c = sub };

	asm volatile("cpuid" : "+a"(r.a), "=b"(r.b), "+c"(r.c), "=d"(r.d));
	return r;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

#define DEFINE_REG(reg)                                                        \
	static inline ulong read_##reg(void)                                   \
	{                                                                      \
		ulong value;                                                   \
                                                                               \
		asm volatile("mov %%" #reg ", %0" : "=r"(value) : : "memory"); \
		return value;                                                  \
	}                                                                      \
                                                                               \
	static inline void write_##reg(ulong value)                            \
	{                                                                      \
		asm volatile("mov %0, %%" #reg : : "r"(value) : "memory");     \
	}

DEFINE_REG(cr0)
DEFINE_REG(cr2)
DEFINE_REG(cr3)
DEFINE_REG(cr4)
DEFINE_REG(dr0)
DEFINE_REG(dr1)
DEFINE_REG(dr2)
DEFINE_REG(dr3)
DEFINE_REG(dr6)
DEFINE_REG(dr7)
#ifdef __x86_64__
DEFINE_REG(cr8)
#endif

static inline void invlpg(ulong addr)
{
	asm volatile("invlpg (%0)" : : "r"(addr) : "memory");
}

static inline ulong read_flags(void)
{
	ulong flags;

	asm volatile("pushf; pop %0" : "=r"(flags) : : "memory");
	return flags;
}

static inline void irq_enable(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void irq_disable(void)
{
	asm volatile("cli" : : : "memory");
}

/* Wait for one interrupt without losing one that arrives just before. */
static inline void irq_wait(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

static inline void lidt(const struct table_ptr *ptr)
{
	asm volatile("lidt %0" : : "m"(*ptr) : "memory");
}

static inline void lgdt(const struct table_ptr *ptr)
{
	asm volatile("lgdt %0" : : "m"(*ptr) : "memory");
}

static inline void ltr(u16 selector)
{
	asm volatile("ltr %0" : : "r"(selector) : "memory");
}

static inline void fninit(void)
{
	asm volatile("fninit");
}
