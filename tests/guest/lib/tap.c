/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test Anything Protocol output and the way out of a guest.
 */
#include "tests/guest/lib/tap.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/x86.h"

/* A code above 127 would not fit into a process's exit status as code << 1 | 1. */
#define CODE_MOST_FAILURES 100u
#define CODE_BAIL_OUT 127u

static u32 tests, failures;

static void point(bool ok, const char *fmt, va_list args)
{
	tests++;
	if (!ok)
		failures++;
	print("%s %u - ", ok ? "ok" : "not ok", tests);
	print_args(fmt, args);
}

bool tap_ok(bool ok, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	point(ok, fmt, args);
	va_end(args);
	print("\n");
	return ok;
}

bool tap_eq(u64 got, u64 want, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	point(got == want, fmt, args);
	va_end(args);
	print("\n");
	if (got != want)
		print("# got 0x%llx, want 0x%llx\n", (unsigned long long)got,
		      (unsigned long long)want);
	return got == want;
}

void tap_skip(const char *reason, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	point(true, fmt, args);
	va_end(args);
	print(" # SKIP %s\n", reason);
}

void tap_eq_or_deviant(u64 got, u64 want, u64 deviant, const char *reason, const char *fmt, ...)
{
	bool skip = got == deviant && got != want;
	va_list args;

	va_start(args, fmt);
	point(skip || got == want, fmt, args);
	va_end(args);
	if (skip)
		print(" # SKIP %s", reason);
	print("\n");
	if (!skip && got != want)
		print("# got 0x%llx, want 0x%llx\n", (unsigned long long)got,
		      (unsigned long long)want);
}

void tap_diag(const char *fmt, ...)
{
	va_list args;

	print("# ");
	va_start(args, fmt);
	print_args(fmt, args);
	va_end(args);
	print("\n");
}

void guest_exit(u8 code)
{
	serial_drain();
	outb(PORT_EXIT, code);
	for (;;)
		asm volatile("cli; hlt");
}

void tap_exit(void)
{
	print("1..%u\n", tests);
	if (failures)
		print("# %u of %u failed\n", failures, tests);
	guest_exit((u8)MIN(failures, CODE_MOST_FAILURES));
}

void tap_bail_out(const char *fmt, ...)
{
	va_list args;

	print("Bail out! ");
	va_start(args, fmt);
	print_args(fmt, args);
	va_end(args);
	print("\n");
	guest_exit(CODE_BAIL_OUT);
}

void tap_skip_all(const char *reason)
{
	print("1..0 # SKIP %s\n", reason);
	guest_exit(0);
}

bool on_sill(void)
{
	struct cpuid sig;

	if (!(cpuid(1, 0).c & BIT(31)))
		return false;
	/* In the first place of hypervisors' leaves, or in the second. */
	sig = cpuid(0x40000000, 0);
	if (memcmp(&sig.b, "KVMK", 4) == 0)
		sig = cpuid(0x40000100, 0);
	return memcmp(&sig.b, "Sill", 4) == 0 && memcmp(&sig.c, "Sill", 4) == 0 &&
	       memcmp(&sig.d, "Sill", 4) == 0;
}

bool on_qemu_cpu(void)
{
	struct cpuid brand;

	if (cpuid(0x80000000, 0).a < 0x80000002)
		return false;
	brand = cpuid(0x80000002, 0);
	return memcmp(&brand, "QEMU", 4) == 0;
}

void guest_start(void)
{
	serial_init();
	desc_init();
	guest_main();
	tap_exit();
}
