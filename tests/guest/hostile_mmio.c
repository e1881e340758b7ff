/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Touches device memory with instructions that no driver uses: how=fld, sse, avx or fxsave. An
 * emulator that does not know one must end this machine, not another.
 */
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define REG ((ulong)LAPIC_BASE + LAPIC_TIMER_INIT)
#define CPUID_AVX BIT(28)

static void do_fld(void)
{
	asm volatile("fninit; fldl (%0)" : : "r"(REG));
}

static void do_sse(void)
{
	asm volatile("addps (%0), %%xmm0" : : "r"(REG));
}

static void do_avx(void)
{
	if (!(cpuid(1, 0).c & CPUID_AVX))
		tap_skip_all("the CPU has no AVX");
	write_cr4(read_cr4() | CR4_OSXSAVE);
	try_xsetbv(0, 7);
	asm volatile("vaddps (%0), %%ymm0, %%ymm0" : : "r"(REG));
}

static void do_fxsave(void)
{
	asm volatile("fxsave (%0)" : : "r"(REG) : "memory");
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{ "fld", do_fld },
	{ "sse", do_sse },
	{ "avx", do_avx },
	{ "fxsave", do_fxsave },
};

void guest_main(void)
{
	if (!on_sill())
		tap_skip_all(SKIP_NOT_SILL);
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
		if (!boot_option_is("how", ways[i].name))
			continue;
		tap_diag("about to touch device memory by %s", ways[i].name);
		ways[i].run();
		tap_bail_out("still running");
	}
	tap_bail_out("how= is none of the known ways");
}
