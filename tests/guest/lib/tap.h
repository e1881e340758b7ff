/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test Anything Protocol on COM1. A guest calls tap_* as it goes and ends with tap_exit(); the
 * plan line comes last. Names are one line, without a newline.
 */
#pragma once

#include "lib/types.h"

/* One test point; returns ok. */
bool tap_ok(bool ok, const char *fmt, ...) __printf_like(2, 3);

/* A test point that compares; a difference is printed. */
bool tap_eq(u64 got, u64 want, const char *fmt, ...) __printf_like(3, 4);

/* A test point that is not run here, and why. */
void tap_skip(const char *reason, const char *fmt, ...) __printf_like(2, 3);

/*
 * A test point where some CPUs, emulated ones among them, are known to deviate: got equal to
 * deviant counts as skipped for that reason, anything else is compared with want.
 */
void tap_eq_or_deviant(u64 got, u64 want, u64 deviant, const char *reason, const char *fmt, ...)
	__printf_like(5, 6);

/* A line for the reader of the log. */
void tap_diag(const char *fmt, ...) __printf_like(1, 2);

/* Plan line, and the exit code to the exit port: 0, or the number of failures (at most 100). */
void tap_exit(void) __noreturn;

/* The guest cannot go on. */
void tap_bail_out(const char *fmt, ...) __printf_like(1, 2) __noreturn;

/* For a whole guest that makes no sense on this machine. */
void tap_skip_all(const char *reason) __noreturn;

/* End this machine with code, by the exit port; halt where there is none. */
void guest_exit(u8 code) __noreturn;

/* Is this a guest of Sill? By the hypervisor's CPUID signature. */
bool on_sill(void);

/* Is the CPU QEMU's? For the few deviations that a test cannot survive. */
bool on_qemu_cpu(void);

/* The reason given where a test needs what only Sill promises. */
#define SKIP_NOT_SILL "not a guest of Sill"

/* Every guest's entry point in C. Returning from it is tap_exit(). */
void guest_main(void);

/* Called by the start-up code. */
void guest_start(void) __noreturn;
