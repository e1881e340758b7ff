/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchanges between two CPUs. See tsc_sync.h.
 */
#include "arch/tsc_sync.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "lib/atomic.h"

#define EXCHANGES 64u
#define MIN_EXCHANGES 4u
/* Where CPUs take turns (emulators), a few exchanges must do; the first one may take this long. */
#define BUDGET_NS (5 * NS_PER_MS)
#define ANSWER_NS (500 * NS_PER_MS)
#define ENOUGH UINT32_MAX

/* Not before what comes before, nor after what comes after. */
static u64 rdtsc_in_order(void)
{
	u64 tsc;

	asm volatile("lfence" : : : "memory");
	tsc = rdtsc();
	asm volatile("lfence" : : : "memory");
	return tsc;
}

void tsc_sync_answer(struct tsc_meeting *meeting)
{
	u32 last = 0, request;

	for (;;) {
		request = atomic_load(&meeting->request);
		if (request == ENOUGH)
			return;
		if (request == last) {
			cpu_relax();
			continue;
		}
		atomic_store(&meeting->tsc, rdtsc_in_order());
		atomic_store(&meeting->answer, request);
		last = request;
	}
}

static bool exchange(struct tsc_meeting *meeting, u32 number, struct tsc_skew *skew)
{
	u64 before, limit = clock_ns() + ANSWER_NS;

	before = rdtsc_in_order();
	atomic_store(&meeting->request, number);
	while (atomic_load(&meeting->answer) != number) {
		if (clock_ns() > limit)
			return false;
		cpu_relax();
	}
	tsc_skew_add(skew, before, atomic_load(&meeting->tsc), rdtsc_in_order());
	return true;
}

bool tsc_sync_ask(struct tsc_meeting *meeting, struct tsc_skew *skew)
{
	u64 end = clock_ns() + BUDGET_NS;
	bool answered = true;

	for (u32 i = 1; i <= EXCHANGES && answered && (i <= MIN_EXCHANGES || clock_ns() < end); i++)
		answered = exchange(meeting, i, skew);
	atomic_store(&meeting->request, ENOUGH);
	return answered;
}
