/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs with their queues, and tasks that work and sleep, in steps of simulated time: what vm/sched.c
 * does with vm/runq.c, without a machine. Included by a test once.
 */
#pragma once

#include "vm/runq.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"

#define MAX_CPUS_HERE 4
#define MAX_TASKS 32
#define STEP_NS 50000ull

struct task {
	struct share share;
	u32 vm;
	int cpu; /* home */
	enum { ASLEEP, WAITS, RUNS } place;
	bool pinned;
	u64 run_ns, sleep_ns; /* works and sleeps so long by turns; run_ns 0: never sleeps */
	u64 left; /* of its work */
	u64 until; /* it sleeps */
	u64 had; /* CPU time */
	u64 late; /* the longest wait after a sleep */
	u64 woken;
};

static struct task tasks[MAX_TASKS];
static u32 task_count, cpu_total;
static struct vm_share vms[MAX_TASKS];
static struct {
	struct runq runq;
	struct task *current;
	u64 shared;
} sim[MAX_CPUS_HERE];
static u64 now;

static inline struct task *task_of(struct share *share)
{
	return container_of(share, struct task, share);
}

static inline int setup(void **state)
{
	(void)state;
	memset(tasks, 0, sizeof(tasks));
	memset(vms, 0, sizeof(vms));
	memset(sim, 0, sizeof(sim));
	task_count = 0;
	now = 5 * NS_PER_SEC;
	for (u32 i = 0; i < MAX_CPUS_HERE; i++)
		runq_init(&sim[i].runq);
	return 0;
}

static inline struct task *add(u32 vm, int cpu, u32 weight)
{
	struct task *task = &tasks[task_count++];

	share_init(&task->share, &vms[vm]);
	vms[vm].weight = weight;
	task->vm = vm;
	task->cpu = cpu;
	runq_enter(&sim[cpu].runq, &task->share);
	return task;
}

static inline void wake(struct task *task)
{
	struct task *current = sim[task->cpu].current;

	if (!current && !sim[task->cpu].runq.count) {
		for (u32 i = 0; i < cpu_total; i++)
			runq_catch_up(&sim[task->cpu].runq, sim[i].runq.floor);
	}
	vms[task->vm].active++;
	task->place = WAITS;
	task->woken = now;
	task->left = task->run_ns;
	runq_wake(&sim[task->cpu].runq, &task->share, now);
}

static inline void choose(int cpu)
{
	struct task *current = sim[cpu].current;
	struct share *first;

	if (current && runq_turn_is_over(&sim[cpu].runq, &current->share, now)) {
		current->place = WAITS;
		runq_put(&sim[cpu].runq, &current->share, now);
		sim[cpu].current = NULL;
	}
	first = runq_first(&sim[cpu].runq);
	if (sim[cpu].current || !first)
		return;
	runq_take(&sim[cpu].runq, first, now);
	share_begin(first, now);
	current = sim[cpu].current = task_of(first);
	current->place = RUNS;
	if (current->woken && now - current->woken > current->late)
		current->late = now - current->woken;
	current->woken = 0;
}

static inline void pull(int cpu)
{
	struct share *running = sim[cpu].current ? &sim[cpu].current->share : NULL, *share;

	for (u32 i = 0; i < cpu_total; i++) {
		list_for_each(share, &sim[i].runq.shares, node) {
			if ((int)i == cpu || task_of(share)->pinned ||
			    (running &&
			     !share_is_behind(share, runq_least(&sim[cpu].runq, running))))
				continue;
			runq_take(&sim[i].runq, share, now);
			runq_arrive(&sim[cpu].runq, share, now);
			task_of(share)->cpu = cpu;
			return;
		}
	}
}

static inline void step(int cpu)
{
	struct task *current = sim[cpu].current;

	if (current) {
		runq_charge(&sim[cpu].runq, &current->share, now);
		if (current->run_ns && !current->left) {
			current->place = ASLEEP;
			vms[current->vm].active--;
			current->until = now + current->sleep_ns;
			sim[cpu].current = NULL;
		}
	}
	if (sim[cpu].current && now >= sim[cpu].shared + TURN_NS) {
		sim[cpu].shared = now;
		pull(cpu);
	}
	choose(cpu);
	if (!sim[cpu].current) {
		pull(cpu);
		choose(cpu);
	}
	current = sim[cpu].current;
	if (!current)
		return;
	current->had += STEP_NS;
	current->left -= MIN(current->left, STEP_NS);
}

static inline void run(u32 cpus, u64 ms)
{
	u64 end = now + ms * NS_PER_MS;

	cpu_total = cpus;
	for (u32 i = 0; i < task_count; i++) {
		if (!tasks[i].share.paid)
			wake(&tasks[i]);
		tasks[i].had = tasks[i].late = 0;
	}
	for (; now < end; now += STEP_NS) {
		for (u32 i = 0; i < task_count; i++) {
			if (tasks[i].place == ASLEEP && now >= tasks[i].until)
				wake(&tasks[i]);
		}
		for (u32 cpu = 0; cpu < cpus; cpu++)
			step((int)cpu);
	}
}

static inline u64 had_ms(u32 vm)
{
	u64 sum = 0;

	for (u32 i = 0; i < task_count; i++) {
		if (tasks[i].vm == vm)
			sum += tasks[i].had;
	}
	return sum / NS_PER_MS;
}

/* Within per cent of what is wanted. */
#define assert_about(value, wanted, percent)                                               \
	do {                                                                               \
		u64 _v = (value), _w = (wanted);                                           \
		assert_in_range(_v, _w - _w * (percent) / 100, _w + _w * (percent) / 100); \
	} while (0)
