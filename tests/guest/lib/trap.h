/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions and interrupts in the guests: handlers per vector, and exceptions that a test
 * expects. An exception without a handler is recorded in trap and execution goes on
 * - behind the instruction, when it was written with TRY();
 * - at the return of trap_call() or trap_call_user(), when one of these is running;
 * - nowhere otherwise: the guest bails out.
 */
#pragma once

#include "tests/guest/lib/x86.h"

#define TRAP_NONE 0x100u

/* As pushed by the entries in isr.S. */
struct trap_frame {
#ifdef __x86_64__
	ulong r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, dx, cx, bx, ax;
#else
	ulong di, si, bp, reserved, bx, dx, cx, ax;
#endif
	ulong vector, error, ip, cs, flags;
	ulong sp, ss; /* in 32-bit guests only when privilege changed */
};

/* The last exception without a handler. */
struct trap {
	u32 vector; /* or TRAP_NONE */
	u32 error;
	ulong ip, cs, flags, sp, cr2, dr6;
	u32 count; /* since trap_clear() */
};
extern volatile struct trap trap;

/* A handler of a vector; changes to the frame take effect on return. */
typedef void trap_handler(struct trap_frame *frame);

/* NULL: back to recording. */
void trap_set_handler(unsigned int vector, trap_handler *handler);

void trap_clear(void);

/*
 * The text of one instruction that may fault or trap, for asm statements. Follow with a look at
 * trap.vector; outputs keep their old value after a fault, so make them "+".
 */
#define TRY(insn)                        \
	"771: " insn "\n772:\n"          \
	".pushsection .extable, \"a\"\n" \
	".long 771b, 772b, 772b, 772b\n" \
	".popsection\n"

/*
 * Execute an instruction given as text, register names with two %; the vector it raised or
 * TRAP_NONE. It may change eax, ecx and edx.
 */
#define TRY_INSN(insn)                                                             \
	({                                                                         \
		trap_clear();                                                      \
		asm volatile(TRY(insn) : : : "memory", "cc", "eax", "ecx", "edx"); \
		trap.vector;                                                       \
	})

/* As TRY_INSN with one register operand, written %0. */
#define TRY_INSN_REG(insn, value)                                    \
	({                                                           \
		trap_clear();                                        \
		asm volatile(TRY(insn)                               \
			     :                                       \
			     : "r"((ulong)(value))                   \
			     : "memory", "cc", "eax", "ecx", "edx"); \
		trap.vector;                                         \
	})

static inline u32 try_rdmsr(u32 msr, u64 *value)
{
	u32 lo = 0, hi = 0;

	trap_clear();
	asm volatile(TRY("rdmsr") : "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
	*value = (u64)hi << 32 | lo;
	return trap.vector;
}

static inline u32 try_wrmsr(u32 msr, u64 value)
{
	trap_clear();
	asm volatile(TRY("wrmsr")
		     :
		     : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
		     : "memory");
	return trap.vector;
}

static inline u32 try_xgetbv(u32 reg, u64 *value)
{
	u32 lo = 0, hi = 0;

	trap_clear();
	asm volatile(TRY("xgetbv") : "+a"(lo), "+d"(hi) : "c"(reg) : "memory");
	*value = (u64)hi << 32 | lo;
	return trap.vector;
}

static inline u32 try_xsetbv(u32 reg, u64 value)
{
	trap_clear();
	asm volatile(TRY("xsetbv")
		     :
		     : "c"(reg), "a"((u32)value), "d"((u32)(value >> 32))
		     : "memory");
	return trap.vector;
}

static inline u32 try_read(ulong addr, u32 *value)
{
	u32 got = 0;

	trap_clear();
	asm volatile(TRY("movl (%1), %0") : "+r"(got) : "r"(addr) : "memory");
	*value = got;
	return trap.vector;
}

static inline u32 try_write(ulong addr, u32 value)
{
	trap_clear();
	asm volatile(TRY("movl %1, (%0)") : : "r"(addr), "r"(value) : "memory");
	return trap.vector;
}

/* Call fn(arg); the vector of the exception that ended it, or TRAP_NONE. */
u32 trap_call(void (*fn)(ulong arg), ulong arg);

/*
 * The same in privilege level 3. Code and stack must be accessible there: see page tables. fn ends
 * by USER_RETURN or by any other exception; VEC_USER_RETURN needs idt_set_dpl(..., 3).
 */
#define VEC_USER_RETURN 0x30
#define USER_RETURN "int $0x30"
#ifdef __x86_64__
#define USER_ABI
#else
#define USER_ABI __attribute__((regparm(1))) /* no access to the user's stack from outside */
#endif
typedef void USER_ABI user_fn(ulong arg);
u32 trap_call_user(user_fn *fn, ulong arg, void *stack_top, ulong flags);

/* The .user sections, whose pages a guest opens for privilege level 3. */
extern u8 user_start[], user_end[];
#define __user_code __attribute__((section(".user.text"), noinline)) USER_ABI
#define __user_data __attribute__((section(".user.data")))

/* Called by the entries. */
void trap_dispatch(struct trap_frame *frame);
