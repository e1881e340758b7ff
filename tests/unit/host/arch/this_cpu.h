/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host-test version of arch/this_cpu.h: each thread is a CPU, see host.c.
 */
#pragma once

struct percpu;

struct percpu *this_cpu(void);
