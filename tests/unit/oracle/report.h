/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run has found, by name, and the trace of a run that is replayed for people.
 */
#pragma once

#include "sched.h"

struct outcome {
	bool failed;
	char name[24];
	char text[256];
};

extern struct outcome outcome;

/* End the run: name is one of the list in doc/oracle.md. From within an actor. */
__noreturn void report(const char *name, const char *fmt, ...) __printf_like(2, 3);

/* Print the steps of the next runs, or not. */
void report_trace(bool on);

/* For the trace. */
extern bool report_tracing;
void report_change(const void *at, u64 old, u64 new, u32 size);
void report_preempt(const struct actor *from, const struct actor *to);
void report_event(const char *fmt, ...) __printf_like(1, 2);
/* The steps so far go to stdout. */
void report_flush(void);

/* What the word at at is, in words; valid until called four more times. */
const char *report_place(const void *at);
