/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which VMs there are to be: read from the command lines of the modules that the boot
 * loader brought.
 *
 *	vm=NAME type=kernel [mem=SIZE] [cpus=N | smp=N] [weight=N] [pin=N,N-N...]
 *		[paging=auto|tdp|shadow] [pages=4k|2m|1g] [nx-huge=on|off]
 *		[pv=all|none|WHAT[,WHAT...]] [tsc-khz=N] [-- guest command line]
 *	vm=NAME type=initrd
 */
#pragma once

#include "arch/cpu_set.h"
#include "lib/addr.h"
#include "lib/types.h"

#define VM_NAME_MAX 31u
#define VM_MAX_INITRDS 16u
#define VM_MAX_CPUS 64u
#define VM_CMDLINE_MAX 2047u
#define VM_MEM_MIN MIB(4)
#define VM_MEM_DEFAULT MIB(256)
/* Guest memory comes in pieces of this size. */
#define VM_MEM_ALIGN MIB(2)

struct config_module {
	const char *cmdline; /* ends in a NUL */
	hpa_t start;
	const u8 *data; /* the same, mapped; needed when its VM is created */
	u64 size;
	u32 number; /* from 1, as the boot loader counts, for messages */
	bool broken; /* a log line has said why: its VM must not start */
};

/* What a guest is given of KVM's interface (vm/pv.h): pv=clock, steal, tlb. */
#define VM_PV_CLOCK 0x1u
#define VM_PV_STEAL 0x2u
#define VM_PV_TLB 0x4u
#define VM_PV_ALL (VM_PV_CLOCK | VM_PV_STEAL | VM_PV_TLB)

#define VM_TSC_KHZ_MIN 10000u
#define VM_TSC_KHZ_MAX 20000000u

enum vm_paging { VM_PAGING_AUTO, VM_PAGING_TDP, VM_PAGING_SHADOW };

struct vm_config {
	struct vm_config *next; /* in the order in which the modules name them; NULL: the last */
	char name[VM_NAME_MAX + 1];
	bool valid; /* false: a log line has said why, do not start it; only name counts */
	bool has_kernel; /* true in a valid one */
	u32 kernel; /* index of a module */
	u32 initrd_count;
	u32 initrds[VM_MAX_INITRDS]; /* indexes of modules, in the boot loader's order */
	u64 mem; /* bytes, a multiple of VM_MEM_ALIGN */
	u32 cpus;
	u32 weight; /* of its claim to CPU time: WEIGHT_MIN..WEIGHT_MAX */
	struct cpu_set pin; /* if pinned: the CPUs that it may use */
	bool pinned;
	enum vm_paging paging;
	unsigned int max_page; /* LEVEL_4K..LEVEL_1G: the largest pages to map guest memory by */
	u32 pv; /* VM_PV_* */
	u32 tsc_khz; /* what its TSC counts: VM_TSC_KHZ_MIN..VM_TSC_KHZ_MAX; 0: as the host's */
	bool nx_huge; /* of which only the smallest may be executed from */
	const char *cmdline; /* the guest's own, verbatim: inside of the kernel module's */
	/* Called when a VM of this configuration has ended, with its code; may be NULL. */
	void (*ended)(const struct vm_config *config, u8 code);
};

struct vm_config_list {
	u32 count;
	struct vm_config *first;
	bool full; /* there was no memory for one more */
};

/*
 * Fill list, empty before, from count modules, whose command lines must stay; what is in it is
 * of kzalloc(). max_mem: the bytes that all VMs together can have. A mistake is one log_error line, and makes the VM that the module
 * names invalid; what else is wrong with that VM is not reported.
 */
void vm_config_parse(struct vm_config_list *list, const struct config_module *modules, u32 count,
		     u64 max_mem);

/* What to call the module in messages: its file name if it says one, or "module N". */
void config_module_name(const struct config_module *module, char *buf, size_t size);
