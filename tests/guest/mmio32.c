/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments of operands that the hypervisor accesses for the CPU: string I/O exits before its operand
 * in memory has been looked at.
 */
#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/mmio.h"

#define LIMIT 0xffu
#define DATA 0x0040920000000000ull /* writable */
#define DATA_READ_ONLY 0x0040900000000000ull
#define ABSENT_PORT 0x1f0

static u8 buf[2 * LIMIT];

static void set_segment(u64 type)
{
	u64 base = (uintptr_t)buf;

	gdt[SEL_FREE0 / 8] = type | LIMIT | (base & 0xffffff) << 16 | (base >> 24) << 56;
}

struct string {
	ulong at, count;
};

/* Elements from the port to ES with the limit, or to the port from FS with it. */
#define STRING(name, seg, insn, index)                                         \
	static u32 name(struct string *s)                                      \
	{                                                                      \
		trap_clear();                                                  \
		asm volatile("mov %3, %%" seg "\n" TRY(insn) "mov %4, %%" seg  \
			     : index(s->at), "+c"(s->count)                    \
			     : "d"(ABSENT_PORT), "r"(SEL_FREE0), "r"(SEL_DATA) \
			     : "memory");                                      \
		return trap.vector;                                            \
	}

STRING(rep_insb, "es", "rep insb", "+D")
STRING(insl, "es", "insl", "+D")
STRING(rep_outsw, "fs", "rep fs outsw", "+S")

void test_segments(void)
{
	struct string s = { LIMIT - 1, 4 };

	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "segments of string I/O");
		return;
	}
	set_segment(DATA);
	tap_eq(rep_insb(&s), VEC_GP, "rep insb over the end of the segment: #GP");
	tap_eq(trap.error, 0, "error code 0");
	tap_ok(s.at == LIMIT + 1 && s.count == 2, "when two bytes have been read");
	tap_ok(buf[LIMIT] == 0xff && buf[LIMIT + 1] == 0, "and no more are in memory");
	s = (struct string){ LIMIT - 2, 1 };
	tap_eq(insl(&s), VEC_GP, "insl, one byte too far: #GP");
	s.at--;
	tap_eq(insl(&s), TRAP_NONE, "insl, the last four bytes");
	s = (struct string){ LIMIT - 4, 4 };
	tap_eq(rep_outsw(&s), VEC_GP, "rep outsw over the end of the segment: #GP");
	tap_ok(s.at == LIMIT && s.count == 2, "when two words have been written");
	set_segment(DATA_READ_ONLY);
	s = (struct string){ 0, 1 };
	tap_eq(rep_insb(&s), VEC_GP, "insb to a read-only segment: #GP");
	tap_eq(rep_outsw(&s), TRAP_NONE, "outsw from a read-only segment");
}
