/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host side of the seams: see host.h.
 */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "arch/apic.h"
#include "arch/clock.h"
#include "arch/lock.h"
#include "arch/percpu.h"
#include "lib/log.h"

unsigned char *host_memory;
static u64 host_memory_size;
u64 host_clock_ns, host_clock_step;
char host_log[65536];
static size_t host_log_used;
bool host_panic_expected;
jmp_buf host_panic_jump;
char host_panic_message[256];

void host_memory_reset(u64 size)
{
	if (host_memory)
		munmap(host_memory, host_memory_size);
	host_memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (host_memory == MAP_FAILED)
		abort();
	host_memory_size = size;
}

static struct percpu host_cpus[HOST_CPUS + 1];
struct percpu *cpus[MAX_CPUS];
u32 cpu_count = HOST_CPUS + 1;
void (*host_nmi)(u32 id);

static __attribute__((constructor)) void host_cpus_init(void)
{
	for (u32 i = 0; i < cpu_count; i++) {
		host_cpus[i].index = host_cpus[i].apic_id = i;
		cpus[i] = &host_cpus[i];
	}
}

/* The main thread is the first CPU; others take the next one in turn when they first ask. */
struct percpu *this_cpu(void)
{
	static u32 threads;
	static _Thread_local struct percpu *mine;

	if (!mine)
		mine = cpus[atomic_fetch_add(&threads, 1u) % HOST_CPUS];
	return mine;
}

void apic_send_nmi(u32 id)
{
	if (host_nmi)
		host_nmi(id);
}

u64 clock_ns(void)
{
	u64 now = host_clock_ns;

	if (host_clock_step) /* never where threads look */
		host_clock_ns += host_clock_step;
	return now;
}

u64 clock_ns_at(u64 tsc)
{
	return tsc;
}

u64 clock_ns_scale(void)
{
	return 1ull << 32;
}

u64 clock_tsc_khz(void)
{
	return 1000000;
}

u64 clock_boot_epoch(void)
{
	return 1700000000;
}

void host_log_clear(void)
{
	host_log_used = 0;
	host_log[0] = '\0';
}

void log_line(enum log_level level, const char *fmt, ...)
{
	size_t room = sizeof(host_log) - host_log_used;
	va_list args;
	int len;

	(void)level;
	va_start(args, fmt);
	len = vsnprintf(host_log + host_log_used, room - 1, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room - 1)
		return;
	host_log_used += (size_t)len;
	host_log[host_log_used++] = '\n';
	host_log[host_log_used] = '\0';
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(host_panic_message, sizeof(host_panic_message), fmt, args);
	va_end(args);
	if (host_panic_expected) {
		host_panic_expected = false;
		longjmp(host_panic_jump, 1);
	}
	fprintf(stderr, "unexpected panic: %s\n", host_panic_message);
	abort();
}

/* Ranks of the locks that this thread holds now, in the order taken. */
static _Thread_local u8 host_lock_ranks[16];
static _Thread_local unsigned int host_lock_depth;

void lock_order_acquire(const struct spinlock *lock)
{
	if (host_lock_depth && host_lock_ranks[host_lock_depth - 1] >= lock->rank)
		panic("lock order: rank %d taken while %d is held", lock->rank,
		      host_lock_ranks[host_lock_depth - 1]);
	host_lock_ranks[host_lock_depth++] = lock->rank;
}

void lock_order_release(const struct spinlock *lock)
{
	for (unsigned int i = host_lock_depth; i-- > 0;) {
		if (host_lock_ranks[i] != lock->rank)
			continue;
		for (; i + 1 < host_lock_depth; i++)
			host_lock_ranks[i] = host_lock_ranks[i + 1];
		host_lock_depth--;
		return;
	}
	panic("lock order: rank %d released but not held", lock->rank);
}
