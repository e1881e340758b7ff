/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the hypervisor: a report of registers and a symbolised backtrace, and
 * every CPU stopped.
 */
#pragma once

#include "lib/types.h"

struct trap_frame;

/* An exception in the hypervisor. name is the exception's. */
__noreturn void panic_trap(const struct trap_frame *frame, const char *name);

/* Called by the NMI handler: does not return when a panic is stopping the machine. */
void panic_check_stop(void);

/* Adds a line to the report about the vCPU that was loaded on the CPU; set once by vm/. */
void panic_set_describe_vcpu(void (*describe)(const void *vcpu, char *buf, size_t size));

/* Called last; it may end the machine. By default the CPU halts. Set once. */
void panic_set_final(void (*final)(void));
