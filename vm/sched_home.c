/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs come to a CPU when their VM starts, and leave it when the VM ends or starts again. See sched.h.
 */
#include "vm/sched.h"

#include "arch/percpu.h"
#include "lib/err.h"
#include "mm/heap.h"
#include "vm/sched_cpu.h"

static void (*on_idle_action)(void);

void sched_set_on_idle(void (*on_idle)(void))
{
	on_idle_action = on_idle;
}

int sched_init_cpu(u32 cpu)
{
	struct sched *sched = kzalloc(sizeof(*sched));

	if (!sched)
		return E_NOMEM;
	spin_init(&sched->lock, LOCK_RUN_QUEUE);
	list_init(&sched->incoming);
	list_init(&sched->asleep);
	runq_init(&sched->runq);
	sched->timers_due = TIMER_NEVER;
	cpus[cpu]->sched = sched;
	return 0;
}

void sched_add(struct vcpu *vcpu)
{
	struct percpu *cpu = cpus[vcpu->cpu];
	struct sched *sched = cpu->sched;

	vcpu->place = VCPU_ASLEEP;
	vcpu->armed = TIMER_NEVER;
	spin_lock(&sched->lock);
	list_push_back(&sched->incoming, &vcpu->node);
	spin_unlock(&sched->lock);
	/* From here on the vCPU, and its VM, may be gone. */
	cpu_wake(cpu);
}

void sched_take_in(struct sched *sched)
{
	struct vcpu *vcpu;

	spin_lock(&sched->lock);
	while (!list_empty(&sched->incoming)) {
		vcpu = list_first(&sched->incoming, struct vcpu, node);
		list_remove(&vcpu->node);
		list_push_back(&sched->asleep, &vcpu->node);
		runq_enter(&sched->runq, &vcpu->share);
		/* Its VM has been loaded, on its account. */
		share_pay(&vcpu->share, vcpu->index ? 0 : vcpu->vm->load_ns);
	}
	spin_unlock(&sched->lock);
}

void sched_put_aside(struct sched *sched, struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (sched->loaded == vcpu)
		sched_unload();
	if (atomic_fetch_sub(&vm->present, 1u) > 1 || vm_restart(vm))
		return;
	if (vm_destroy(vm))
		on_idle_action();
}
