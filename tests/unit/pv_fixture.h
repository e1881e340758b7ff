/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM of three vCPUs, in place by hand, whose guest memory is the load fixture's: 4 MiB, and a
 * read-only slot further up. Included by a test once: it is what else would be vm/vm.c's.
 */
#pragma once

#include "tests/unit/load_fixture.h"

#include "vm/pv.h"

#define RAM MIB(4)
#define ROM MIB(8)
#define CLOCK 0x3000ull
#define STEAL 0x5040ull
#define WALL 0x6004ull
#define TSC_OFFSET (0ull - 5000000123) /* the VM began when the machine's TSC was that */
#define EPOCH 1700000000ull

static u32 flushes;
static struct vcpu *flushed;

static inline void count_flush(struct vcpu *vcpu)
{
	flushes++;
	flushed = vcpu;
}

static const struct backend fake = { .flush = count_flush };
static const struct platform_ops fake_platform = { .apic_timer_khz = 1000000 };
const struct backend *backend = &fake;
const struct platform_ops *platform = &fake_platform;

static struct vm_config config;
static struct vm vm;
static struct vcpu vcpus[3];

static inline int setup(void **state)
{
	(void)state;
	fixture_setup(RAM, "kernel");
	host_memory_reset(RAM + MIB(2));
	fixture_add_slot(ROM, MIB(2), RAM);
	fixture_slots.slots[1].readonly = true;
	memset(&vm, 0, sizeof(vm));
	memset(vcpus, 0, sizeof(vcpus));
	config = (struct vm_config){ .pv = VM_PV_ALL };
	guest_mem_init(&vm.mem, NULL, 48);
	vm.mem.table = fixture_mem.table;
	vm.config = &config;
	vm.vcpus = vcpus;
	vm.vcpu_count = ARRAY_SIZE(vcpus);
	guest_tsc_init(&vm.tsc, clock_tsc_khz(), 0);
	vm.tsc_epoch = -TSC_OFFSET;
	spin_init(&vm.dev_lock, LOCK_DEVICES);
	tlb_space_init(&vm.tdp.tlb);
	for (u32 i = 0; i < vm.vcpu_count; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].index = i;
		vcpus[i].tsc_offset = TSC_OFFSET;
		memset(&vcpus[i].pv, 0xa5, sizeof(vcpus[i].pv));
		pv_vcpu_reset(&vcpus[i]);
	}
	flushes = 0;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	cpus[3]->tsc_skew = 0;
	fixture_teardown();
	return 0;
}

static inline void turn_on_clocks(void)
{
	for (u32 i = 0; i < vm.vcpu_count; i++)
		assert_true(pv_msr_write(&vcpus[i], MSR_KVM_SYSTEM_TIME, (CLOCK + i * 64) | 1));
}
