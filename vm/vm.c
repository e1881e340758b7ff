/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMs: built from their configuration, started, ended, taken apart. The list of VMs is protected by
 * vm_list_lock; a VM that is built, loaded or taken apart has no vCPU on any CPU.
 */
#include "vm/vm.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/guest_e820.h"
#include "vm/loader.h"
#include "vm/sched.h"
#include "vm/vcpu.h"

const struct backend *backend;
const struct platform_ops *platform;
const struct vm_console_ops *vm_console;

static struct spinlock vm_list_lock = SPINLOCK(LOCK_VM_LIST);
static struct list vm_list = LIST_INIT(vm_list); /* [vm_list_lock] */
static u32 vms; /* [vm_list_lock] */
static u8 first_exit_code; /* [vm_list_lock] */
static struct cpu_set usual_cpus; /* [const] for VMs without pin= */

void vm_init(const struct backend *chosen_backend, const struct platform_ops *chosen_platform,
	     const struct vm_console_ops *chosen_console)
{
	backend = chosen_backend;
	platform = chosen_platform;
	vm_console = chosen_console;
}

void vm_init_cpus(void)
{
	cpu_set_fill(&usual_cpus);
	if (cpu_count > 1 && backend->spares_cpu0())
		cpu_set_remove(&usual_cpus, 0);
}

/* RAM below the device hole, and what is left of it from 4 GiB on. */
static int add_memory(struct vm *vm)
{
	u64 low = guest_low_size(vm->config->mem);
	u64 high = vm->config->mem - low;
	int err = guest_mem_add_slot(&vm->mem, GFN(0), low >> PAGE_SHIFT);

	if (!err && high)
		err = guest_mem_add_slot(&vm->mem, gpa_to_gfn(GPA(GIB(4))), high >> PAGE_SHIFT);
	if (!err && backend->needs_identity_map())
		err = guest_mem_add_slot(&vm->mem, gpa_to_gfn(GPA(GUEST_IDENTITY_MAP)),
					 MIB(2) >> PAGE_SHIFT);
	return err;
}

static int vcpu_create(struct vcpu *vcpu, struct vm *vm, u32 index, u32 cpu)
{
	int err;

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->cpu = cpu;
	list_init(&vcpu->node);
	share_init(&vcpu->share, &vm->share);
	timer_queue_init(&vcpu->timers);
	vcpu->fpu = kzalloc(fpu_area_size());
	if (!vcpu->fpu)
		return E_NOMEM;
	err = backend->vcpu_create(vcpu);
	if (err) {
		kfree(vcpu->fpu, fpu_area_size());
		return err;
	}
	backend->set_root(vcpu, vm->tdp.root);
	return 0;
}

static void vcpu_destroy(struct vcpu *vcpu)
{
	backend->vcpu_destroy(vcpu);
	kfree(vcpu->fpu, fpu_area_size());
}

static size_t vcpus_size(u32 count)
{
	return count * sizeof(struct vcpu);
}

static void vcpus_destroy(struct vm *vm, u32 made)
{
	while (made--)
		vcpu_destroy(&vm->vcpus[made]);
	kfree(vm->vcpus, vcpus_size(vm->vcpu_count));
}

/* The next CPU that the VM may use, from cpu down, and from the last one on again. One is there. */
static u32 next_home(const struct vm *vm, u32 cpu)
{
	while (!cpu_set_has(&vm->cpus, cpu))
		cpu = (cpu ? cpu : cpu_count) - 1;
	return cpu;
}

static int vcpus_create(struct vm *vm, u32 cpu)
{
	vm->vcpu_count = vm->config->cpus;
	vm->vcpus = kzalloc(vcpus_size(vm->vcpu_count));
	if (!vm->vcpus)
		return E_NOMEM;
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		u32 home = next_home(vm, cpu);
		int err = vcpu_create(&vm->vcpus[i], vm, i, home);

		if (err) {
			vcpus_destroy(vm, i);
			return err;
		}
		cpu = (home ? home : cpu_count) - 1;
	}
	return 0;
}

static int no_memory(const struct vm *vm, const char *what)
{
	log_error("vm %s: not enough free memory for %s: not started", vm->name, what);
	return E_NOMEM;
}

/* Everything of a VM but its place in the list. On failure one line says why, all is undone. */
static int vm_build(struct vm *vm, u32 cpu)
{
	struct tdp_config tdp_config;
	int err;

	if (frame_owner_register(&vm->owner, vm->name))
		return no_memory(vm, "one more VM");
	backend->tdp_config(&tdp_config);
	tdp_config.max_leaf_level = MIN(tdp_config.max_leaf_level, vm->config->max_page);
	tdp_config.nx_huge = vm->config->nx_huge;
	guest_mem_init(&vm->mem, &vm->owner, MIN((unsigned int)cpu_features.phys_bits, 48u));
	err = add_memory(vm) ? no_memory(vm, "its mem=") : 0;
	if (err)
		goto no_mem;
	err = tdp_create(&vm->tdp, &tdp_config, &vm->mem);
	if (err) {
		no_memory(vm, "its page tables");
		goto no_mem;
	}
	err = vcpus_create(vm, cpu) ? no_memory(vm, "its vCPUs") : 0;
	if (err)
		goto no_vcpus;
	cpuid_table_init(&vm->cpuid, vm->vcpu_count);
	nx_recovery_start(vm);
	err = platform->create(vm) ? no_memory(vm, "its devices") : 0;
	if (err)
		goto no_platform;
	err = vm_load(vm);
	if (!err)
		return 0;
	platform->destroy(vm);
no_platform:
	vcpus_destroy(vm, vm->vcpu_count);
no_vcpus:
	tdp_destroy(&vm->tdp);
no_mem:
	guest_mem_destroy(&vm->mem);
	frame_owner_unregister(&vm->owner);
	return err;
}

/* All CPUs that it is pinned to are there. */
static bool can_be_pinned(const struct vm_config *config)
{
	u32 absent = cpu_set_next(&config->pin, cpu_count);

	if (!config->pinned || absent == MAX_CPUS)
		return true;
	log_error("vm %s: pin=: there is no CPU %u, the last one is %u: not started", config->name,
		  absent, cpu_count - 1);
	return false;
}

static bool can_have_tsc(const struct vm_config *config)
{
	if (!config->tsc_khz)
		return true;
	if (backend->scales_tsc() && config->tsc_khz / TSC_RATIO_END < clock_tsc_khz())
		return true;
	log_error("vm %s: tsc-khz=: this CPU cannot scale a guest's TSC%s: not started",
		  config->name, backend->scales_tsc() ? " so far" : "");
	return false;
}

int vm_create(const struct vm_config *config, u32 cpu)
{
	struct vm *vm;
	int err;

	if (!can_be_pinned(config) || !can_have_tsc(config))
		return E_INVAL;
	vm = kzalloc(sizeof(*vm));
	if (!vm) {
		log_error("vm %s: not enough free memory for the VM itself: not started",
			  config->name);
		return E_NOMEM;
	}
	vm->share.weight = config->weight;
	strlcpy(vm->name, config->name, sizeof(vm->name));
	vm->config = config;
	vm->cpus = config->pinned ? config->pin : usual_cpus;
	guest_tsc_init(&vm->tsc, clock_tsc_khz(), config->tsc_khz);
	spin_init(&vm->dev_lock, LOCK_DEVICES);
	err = vm_build(vm, cpu);
	if (err) {
		kfree(vm, sizeof(*vm));
		return err;
	}
	log_info("vm %s: %llu MiB, %u vCPU%s, first on CPU %u, %s: ready", vm->name,
		 (unsigned long long)(config->mem >> 20), config->cpus, config->cpus > 1 ? "s" : "",
		 vm->vcpus[0].cpu, backend->tdp_name);
	spin_lock(&vm_list_lock);
	list_push_back(&vm_list, &vm->node);
	vms++;
	spin_unlock(&vm_list_lock);
	vm_console->opened(vm);
	return 0;
}

/* Queue all its vCPUs. From the last one on it may end and be gone. */
static void vm_start(struct vm *vm)
{
	struct vcpu *vcpus = vm->vcpus;
	u32 count = vm->vcpu_count;

	vm->share.active = vm->waiting = 0;
	atomic_store(&vm->present, count);
	for (u32 i = 0; i < count; i++)
		sched_add(&vcpus[i]);
}

/* vm_list_lock held, so that a reset and the shell do not cross. */
static void tell_paused(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		if (!vm->paused)
			atomic_fetch_and(&vcpu->requests, ~REQUEST_PAUSE);
		/* Its timers may have to be looked at. */
		vcpu_kick(vcpu, vm->paused ? REQUEST_PAUSE : REQUEST_EVENT);
	}
}

void vm_set_paused(struct vm *vm, bool paused)
{
	vm->paused = paused;
	tell_paused(vm);
}

bool vm_restart(struct vm *vm)
{
	u64 began = clock_ns();
	int err;

	if (atomic_load(&vm->state) != VM_RESETTING)
		return false;
	/* To those who change its slots this is like the handling of an exit. */
	vcpu_turn_begin(&vm->vcpus[0]);
	err = vm_load(vm);
	vcpu_turn_end();
	vm->load_ns = clock_ns() - began;
	if (err) {
		vm->exit_code = VM_CODE_KILLED;
		return false;
	}
	spin_lock(&vm_list_lock);
	if (vm->paused)
		tell_paused(vm);
	spin_unlock(&vm_list_lock);
	vm_start(vm);
	return true;
}

void vm_start_all(void)
{
	struct vm *vm;

	spin_lock(&vm_list_lock);
	list_for_each(vm, &vm_list, node) {
		if (!vm->started) {
			vm->started = true;
			vm_start(vm);
		}
	}
	spin_unlock(&vm_list_lock);
}

bool vm_destroy(struct vm *vm)
{
	bool last;

	spin_lock(&vm_list_lock);
	list_remove(&vm->node);
	if (!first_exit_code)
		first_exit_code = vm->exit_code;
	spin_unlock(&vm_list_lock);
	vm_console->closed(vm);
	platform->destroy(vm);
	vcpus_destroy(vm, vm->vcpu_count);
	tdp_destroy(&vm->tdp);
	guest_mem_destroy(&vm->mem);
	frame_owner_unregister(&vm->owner);
	log_info("vm %s: ended with code %u, all its memory is back", vm->name, vm->exit_code);
	if (vm->config->ended)
		vm->config->ended(vm->config, vm->exit_code);
	kfree(vm, sizeof(*vm));
	spin_lock(&vm_list_lock);
	last = --vms == 0;
	spin_unlock(&vm_list_lock);
	return last;
}

/* False: it is stopping already. The vCPU that asks for it is one of those that stop, so the VM stays. */
static bool vm_stop(struct vm *vm, enum vm_state state, u8 code)
{
	u32 running = VM_RUNNING;

	if (!atomic_cmpxchg(&vm->state, &running, (u32)state))
		return false;
	vm->exit_code = code;
	for (u32 i = 0; i < vm->vcpu_count; i++)
		vcpu_kick(&vm->vcpus[i], REQUEST_STOP);
	return true;
}

bool vm_end(struct vm *vm, u8 code)
{
	return vm_stop(vm, VM_ENDING, code);
}

void vm_poweroff(struct vm *vm)
{
	if (vm_end(vm, 0))
		log_info("vm %s: powered off", vm->name);
}

void vm_reset(struct vm *vm)
{
	if (vm_stop(vm, VM_RESETTING, 0))
		vm_guest_log(vm, "reset");
}

void vm_for_each(void (*fn)(struct vm *vm, void *ctx), void *ctx)
{
	struct vm *vm;

	spin_lock(&vm_list_lock);
	list_for_each(vm, &vm_list, node)
		fn(vm, ctx);
	spin_unlock(&vm_list_lock);
}

u32 vm_count(void)
{
	return atomic_load(&vms);
}

u8 vm_first_exit_code(void)
{
	return first_exit_code;
}

void vm_forget_exit_codes(void)
{
	first_exit_code = 0;
}
