/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mm/ asks of the machine, for the bench: four CPUs, of which three do nothing, and memory.
 */
#include "tests/bench/mmu/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "arch/apic.h"
#include "arch/direct_map.h"
#include "arch/percpu.h"
#include "lib/log.h"
#include "mm/frames.h"

static struct percpu all[4] = { { .index = 0 }, { .index = 1 }, { .index = 2 }, { .index = 3 } };
struct percpu *cpus[MAX_CPUS] = { &all[0], &all[1], &all[2], &all[3] };
u32 cpu_count = 4;
struct percpu *bench_cpu = &all[0];
u64 __stack_chk_guard = 0x5157ac4bd0a7a5ull;

void memory_map(u64 size)
{
	void *at = mmap(hpa_to_ptr(HPA(0)), size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (at != hpa_to_ptr(HPA(0)))
		panic("no room for the simulated memory");
}

/* Guest memory comes zeroed from the host, and nobody uses it a second time. */
void __wrap_frame_zero(unsigned int level __unused, hpa_t block __unused)
{
}

void apic_send_nmi(u32 id __unused)
{
}

void log_line(enum log_level level __unused, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}
