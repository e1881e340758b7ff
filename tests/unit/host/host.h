/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What unit tests have in place of the machine: simulated memory, a settable clock, log
 * lines kept for inspection, and panics that a test can expect.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/types.h"

/* Map (again) size bytes of zeroed simulated physical memory. */
void host_memory_reset(u64 size);

/*
 * Threads are CPUs; no more than this many at once. One more CPU is no thread's: a test can put
 * it into a guest.
 */
#define HOST_CPUS 15u
#define HOST_SPARE_CPU HOST_CPUS
/* An NMI is sent to the CPU with this APIC id. NULL: it is lost. */
extern void (*host_nmi)(u32 id);

/* What clock_ns() returns. */
extern u64 host_clock_ns;
/* By how much each such look moves it on. */
extern u64 host_clock_step;

/* All log lines since host_log_clear(), each ending in a newline. */
extern char host_log[65536];
void host_log_clear(void);

/*
 * Run statement and require that it panics; the message is in host_panic_message afterwards.
 * A panic outside of this fails the test.
 */
#define expect_panic(statement)                               \
	do {                                                  \
		host_panic_expected = true;                   \
		if (setjmp(host_panic_jump) == 0) {           \
			statement;                            \
			host_panic_expected = false;          \
			fail_msg("no panic: %s", #statement); \
		}                                             \
	} while (0)

extern bool host_panic_expected;
extern jmp_buf host_panic_jump;
extern char host_panic_message[256];
