/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle's version of arch/percpu.h: what vm/vm.h needs to compile, and what a
 * simulated CPU shows to others.
 */
#pragma once

#include "lib/types.h"

#define __ro_after_init
#define MAX_CPUS 256u

enum cpu_mode { CPU_HOST, CPU_GUEST, CPU_IDLE };

struct percpu {
	u32 index; /* [const] */
	u32 mode; /* [atomic] enum cpu_mode */
	u32 attention; /* [atomic] */
	const void *vcpu; /* [atomic] the vCPU loaded on this CPU */
	u32 nmi; /* [atomic] a kick is under way to it, or has come */
	u32 entries; /* [atomic] how often it has entered a guest */
};

/* Of the simulated CPU that runs now. */
struct percpu *this_cpu(void);
