/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports and traces: see report.h. Also what the code under test has in place of logs and
 * panics: a panic ends the run as a report does.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "arch/clock.h"
#include "hw.h"
#include "judge.h"
#include "lib/log.h"
#include "ops.h"

#define LINES 400u
#define LINE_SIZE 128u

struct outcome outcome;

bool report_tracing;
static struct {
	u32 count, changes; /* lines; changes of entries in a row that are not printed */
	char line[LINES][LINE_SIZE];
} trace;

void report_trace(bool on)
{
	report_tracing = on;
	trace.count = trace.changes = 0;
}

static char *line_add(void)
{
	return trace.line[trace.count++ % LINES];
}

static int line_begin(char *line)
{
	const struct actor *me = sched.current;
	const char *kind = me->op ? op_kinds[me->op->kind].name : "";

	return snprintf(line, LINE_SIZE, "  %s%u %2u %-6s ", me->cpu ? "cpu" : "mgr", me->index,
			me->op_index, kind);
}

void report_event(const char *fmt, ...)
{
	va_list args;
	char *line;
	int len;

	if (likely(!report_tracing) || !sched.current)
		return;
	line = line_add();
	len = line_begin(line);
	va_start(args, fmt);
	vsnprintf(line + len, LINE_SIZE - (size_t)len, fmt, args);
	va_end(args);
	trace.changes = 0;
}

void report_preempt(const struct actor *from, const struct actor *to)
{
	report_event("is preempted at its step %u: %s%u goes on", from->step,
		     to->cpu ? "cpu" : "mgr", to->index);
}

static void report_entry(const u64 *sptep, u64 old, u64 new)
{
	const struct table *table = judge_table(ptr_to_hpa(sptep));
	const char *from = spte_name(world.config->fmt, old, table->level);
	const char *to = spte_name(world.config->fmt, new, table->level);

	/* Tables are frozen whole: the absent entries say nothing. */
	if (!spte_is_present(world.config->fmt, old | new) && trace.changes++)
		return;
	if (spte_is_present(world.config->fmt, old | new))
		trace.changes = 0;
	report_event("%s: %s -> %s 0x%lx", report_place(sptep), from, to, new);
	trace.changes += !spte_is_present(world.config->fmt, old | new);
}

void report_change(const void *at, u64 old, u64 new, u32 size)
{
	if (likely(!report_tracing) || sched.quiet)
		return;
	if ((u64)((const unsigned char *)at - host_memory) < WORLD_MEMORY) {
		if (size == sizeof(u64) && judge_is_table(ptr_to_hpa(at)))
			report_entry(at, old, new);
		return;
	}
	if (strcmp(report_place(at), "another word") != 0)
		report_event("%s: 0x%lx -> 0x%lx", report_place(at), old, new);
}

static const char *vm_word(const void *at, char *text, size_t size)
{
	for (u32 i = 0; i < MAX_SPACES; i++) {
		const struct tdp *tdp = &world.vms[i].tdp;
		const struct {
			const void *at;
			const char *name;
		} words[] = {
			{ &tdp->tlb.generation, "generation" },
			{ &tdp->tlb.asked, "asked" },
			{ &tdp->tlb.done, "done" },
			{ &tdp->tlb.busy, "busy" },
			{ &tdp->lock.locked, "lock" },
		};

		for (u32 j = 0; j < ARRAY_SIZE(words); j++) {
			if (words[j].at == at) {
				snprintf(text, size, "vm%u %s", i, words[j].name);
				return text;
			}
		}
	}
	return NULL;
}

static const char *cpu_word(const void *at, char *text, size_t size)
{
	for (u32 i = 0; i < MAX_ACTORS; i++) {
		const struct percpu *percpu = &hw_cpus[i].percpu;
		const char *name = at == &percpu->mode        ? "mode"
				   : at == &hw_cpus[i].nmi    ? "nmi"
				   : at == &percpu->entries   ? "entries"
				   : at == &percpu->walks     ? "walks"
				   : at == &percpu->walking   ? "walking"
				   : at == &percpu->space     ? "space"
				   : at == &percpu->attention ? "attention"
							      : NULL;

		if (name) {
			snprintf(text, size, "cpu%u %s", i, name);
			return text;
		}
	}
	return NULL;
}

const char *report_place(const void *at)
{
	static char texts[4][LINE_SIZE];
	static u32 next;
	char *text = texts[next++ % 4];
	const char *word = vm_word(at, text, LINE_SIZE);
	const struct table *table;

	if (!word)
		word = cpu_word(at, text, LINE_SIZE);
	if (word)
		return word;
	if ((u64)((const unsigned char *)at - host_memory) < WORLD_MEMORY) {
		table = judge_table(ptr_to_hpa(at));
		snprintf(text, LINE_SIZE, "vm%u level %u table 0x%lx [%lu], from gfn 0x%lx",
			 table->space, table->level, align_down(ptr_to_hpa(at).raw, PAGE_SIZE),
			 (u64)at % (u64)PAGE_SIZE / sizeof(u64), table->gfn);
	} else {
		snprintf(text, LINE_SIZE, "another word");
	}
	return text;
}

void report_flush(void)
{
	u32 first = trace.count > LINES ? trace.count - LINES : 0;

	if (first)
		printf("#  (%u steps before)\n", first);
	for (u32 i = first; i < trace.count; i++)
		printf("# %s\n", trace.line[i % LINES]);
	trace.count = 0;
}

static __noreturn void vreport(const char *name, const char *fmt, va_list args)
{
	const struct actor *me = sched.current;
	int len = snprintf(outcome.text, sizeof(outcome.text),
			   "%s%u in %s: ", me->cpu ? "cpu" : "mgr", me->index,
			   me->op ? op_kinds[me->op->kind].name : "the end");

	outcome.failed = true;
	snprintf(outcome.name, sizeof(outcome.name), "%s", name);
	vsnprintf(outcome.text + len, sizeof(outcome.text) - (size_t)len, fmt, args);
	sched_abort();
}

void report(const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vreport(name, fmt, args);
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vreport("PANIC", fmt, args);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

u64 clock_ns(void)
{
	return sched.clock;
}
