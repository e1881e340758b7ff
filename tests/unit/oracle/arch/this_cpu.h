/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle's version of arch/this_cpu.h.
 */
#pragma once

struct percpu;

/* Of the simulated CPU that runs now. */
struct percpu *this_cpu(void);
