/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real mode: left protected mode for it and came back, and what 16-bit code does in between. The
 * 16-bit code is in real_code.S; its results are judged here.
 */
#include "tests/guest/real.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"

#define CODE_16 (0x00009b000000ffffull | (u64)REAL_CODE << 16)
#define DATA_16 (0x000093000000ffffull | (u64)REAL_DATA << 16)
#define ARGUMENT 0x20
#define COUNT_DE 0x40
#define COUNT_DB 0x42
#define COUNT_UD 0x44
#define COUNT_GP 0x46
#define HANDLER_FLAGS 0x48
#define AFTER_PE 0x82

static u8 *const data = (u8 *)REAL_DATA;

static u32 word(u32 at)
{
	u16 value;

	memcpy(&value, data + at, sizeof(value));
	return value;
}

static u32 dword(u32 at)
{
	return word(at) | word(at + 2) << 16;
}

static void run(const u8 *test)
{
	memcpy((void *)REAL_CODE, real_image, (size_t)(real_image_end - real_image));
	real_call(test, (u32)(test - real_image));
}

static void run_clean(const u8 *test)
{
	memset(data, 0, 0x1000);
	run(test);
}

static void test_way(void)
{
	for (u32 i = 0; i < 100; i++)
		run_clean(real_nothing);
	tap_ok(true, "to real mode and back, a hundred times");
	tap_eq(word(AFTER_PE), 0x1236, "the segments of real mode serve until the far jump");
}

static void test_arithmetic(void)
{
	run_clean(real_arithmetic);
	tap_eq(word(0), 0x10, "ADD");
	tap_eq(word(2), 0xffff, "and its carry");
	tap_eq(dword(4), 1234 * 5678, "MUL");
	tap_eq(word(8), 1234 * 5678 / 1000, "DIV");
	tap_eq(word(10), 1234 * 5678 % 1000, "and the remainder");
	tap_eq(dword(12), 0x45678123, "ROL of 32 bits");
	tap_eq(data[16], 0x83, "DAA");
	tap_eq(word(18), 0xf000, "SAR");
	tap_eq(word(20), 5050, "LOOP");
}

static void test_strings(void)
{
	bool spread = true;

	run_clean(real_strings);
	/* ES:0x0f2 is DS:0x102. */
	for (u32 i = 0; i < 16; i++)
		spread &= data[0x100 + i] == (i & 1 ? 0xa5 : 0x5a);
	tap_ok(spread, "REP MOVSB spreads through overlapping segments");
	tap_eq(word(0), 0x10e, "rSI behind it");
	tap_eq(word(2), 0x100, "rDI behind it");
	tap_eq(word(4), 0, "rCX is 0");
	tap_eq(word(6), 0x0fe, "REP MOVSW backwards");
	tap_eq(word(8), 0x0f0, "both indexes");
	tap_eq(word(10), 0x214, "REPNE SCASB finds it");
	tap_eq(word(12), 0x100 - 0x14, "after so many");
}

static void test_far(void)
{
	run_clean(real_far);
	tap_eq(word(0), 7, "far CALL with arguments on the stack");
	tap_eq(word(2), 0, "which RETF takes away");
	tap_eq(word(4), REAL_CODE_SEG + 1, "far CALL through memory, by another segment");
}

static void test_int(void)
{
	run_clean(real_int);
	tap_eq(word(0), 42, "INT through the real-mode vectors");
	tap_eq(word(HANDLER_FLAGS) & (FLAGS_IF | FLAGS_TF), 0, "which clears IF");
	tap_eq(word(2) & (FLAGS_IF | FLAGS_CF), FLAGS_IF | FLAGS_CF,
	       "IRET brings back IF, and the handler's CF");
}

static void test_flags(void)
{
	run_clean(real_flags);
	tap_eq(word(0) & 0x802a, 2, "fixed flags of PUSHF");
	tap_eq(word(2) & (FLAGS_CF | FLAGS_DF | FLAGS_OF | 0x7000),
	       FLAGS_CF | FLAGS_DF | FLAGS_OF | 0x7000, "POPF sets all, IOPL and NT too");
	tap_eq(dword(4) & 0x240000, 0x240000, "a 32-bit POPF sets AC and ID");
}

static void test_wrap(void)
{
	run_clean(real_wrap);
	tap_eq(data[0], 0x77, "a sum of registers wraps around at 64 KiB");
	tap_eq(data[1], 0x88, "LODSB at the last byte");
	tap_eq(word(2), 0, "and its index wraps around");
	tap_eq(word(4), 0xfffe, "PUSH with SP 0");
	tap_eq(word(6), 0, "and POP");
	tap_eq(word(8), 0x4567, "go to the segment's end");
	run_clean(real_limit);
	tap_eq_or_deviant(word(COUNT_GP), 1, 0, "this CPU does not check the segment of an access",
			  "#GP by a word at the last byte");
}

static void test_unreal(void)
{
	static u32 high[2];
	u32 address = (u32)(uintptr_t)high;

	high[0] = 0xcafef00d;
	memset(data, 0, 0x1000);
	memcpy(data + ARGUMENT, &address, sizeof(address));
	run(real_unreal);
	tap_ok(address >= MIB(1), "a variable above 1 MiB");
	tap_eq(dword(0), 0xcafef00d, "read through a limit of 4 GiB kept from protected mode");
	tap_eq(*(volatile u32 *)&high[1], 0x600dbeef, "written likewise");
	tap_eq(dword(4), 0xcafef00d, "the limit stays when the segment is loaded");
}

static void test_ports(void)
{
	run_clean(real_ports);
	tap_eq(data[0], 0xfe, "OUT and IN");
	tap_eq(word(2), 0x22, "REP OUTSB");
	tap_eq(data[4], 0x55, "INSB reads the second byte back");
	tap_eq(word(6), 5, "into ES");
}

static void test_cpuid(void)
{
	struct cpuid want = cpuid(0, 0);

	run_clean(real_cpuid);
	tap_ok(dword(0) == want.b && dword(4) == want.c && dword(8) == want.d,
	       "CPUID as in protected mode");
}

static void test_hlt(void)
{
	pic_init();
	pic_unmask(IRQ_PIT);
	pit_start(0, PIT_ONESHOT, 11932); /* 10 ms */
	run_clean(real_hlt);
	tap_eq(word(0), 1, "the PIT's interrupt by a real-mode vector");
	tap_eq(word(2), 1, "ends one HLT");
	pic_mask(IRQ_PIT);
}

static void test_faults(void)
{
	run_clean(real_faults);
	tap_eq(word(COUNT_DE), 2, "#DE by a division by zero, and by a quotient too large");
	tap_eq(word(COUNT_UD), 1, "#UD by UD2");
	tap_eq(word(0), 0x7fff, "and nothing has changed");
	run_clean(real_steps);
	tap_eq(word(COUNT_DB), 3, "single steps");
}

/* Real mode has no error codes. */
static void test_msr(void)
{
	static const char *const names[] = { "RDMSR", "WRMSR" };

	run_clean(real_msr);
	for (u32 i = 0; i < 2; i++) {
		tap_eq(word(8 * i) - word(8 * i + 2), 6, "#GP by %s of an unknown MSR: 3 words",
		       names[i]);
		tap_eq(word(8 * i + 6), word(8 * i + 4), "with its return address at the top");
	}
}

void guest_main(void)
{
	gdt[SEL_FREE0 / 8] = CODE_16;
	gdt[SEL_FREE1 / 8] = DATA_16;
	test_way();
	test_arithmetic();
	test_strings();
	test_far();
	test_int();
	test_flags();
	test_wrap();
	test_unreal();
	test_ports();
	test_cpuid();
	test_hlt();
	test_faults();
	test_msr();
}
