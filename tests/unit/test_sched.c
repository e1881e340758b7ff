/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main loop of CPU 0, whose guests are functions of this file: who runs after whom, whom a vCPU
 * gives its CPU to, and what other CPUs do between any two turns.
 */
#include <pthread.h>
#include <string.h>

#include "arch/cpu.h"
#include "host.h"

/* Nothing comes in there, and it takes a kernel to ask. */
#define irq_window() ((void)0)
#include "vm/sched.c"

#define TURN_TAKES_NS 5000u
#define MOST_TURNS 20u

static struct vm vm, other_vm;
static struct vcpu vcpus[3]; /* the third is other_vm's */
static struct sched scheds[2];
static struct backend host_backend;
const struct backend *backend = &host_backend;
const struct platform_ops *platform;

static jmp_buf end;
static u32 turns, restarts;
static u32 looked_after; /* how often a vCPU was asked whether it can run */
static u64 cpu_timer; /* when CPU 0's is due */
static void (*turn)(struct vcpu *vcpu); /* of any vCPU; ends the run by longjmp() */
static struct vcpu *last[MOST_TURNS];

static void want_pauses(struct vcpu *vcpu, bool want)
{
	(void)vcpu;
	(void)want;
}

void apic_timer_arm(u64 ns)
{
	cpu_timer = host_clock_ns + ns;
}

void apic_timer_stop(void)
{
	cpu_timer = TIMER_NEVER;
}

void apic_send_vector(u32 id, u8 vector)
{
	(void)id;
	(void)vector;
}

void irq_wait(void)
{
	longjmp(end, 1);
}

void vcpu_load(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vcpu_put(struct vcpu *vcpu)
{
	(void)vcpu;
}

bool vcpu_runnable(struct vcpu *vcpu)
{
	looked_after++;
	if (vcpu->requests & REQUEST_PAUSE)
		return false;
	if (vcpu->requests & REQUEST_EVENT)
		vcpu->halted = false;
	return !vcpu->halted;
}

bool vm_destroy(struct vm *ended)
{
	(void)ended;
	fail();
	return false;
}

/* Nobody of it may be left anywhere. */
bool vm_restart(struct vm *ended)
{
	assert_ptr_equal(ended, &vm);
	assert_int_equal(ended->present, 0);
	assert_int_equal(scheds[0].runq.count, 0);
	assert_null(scheds[0].current);
	for (u32 i = 0; i < vm.vcpu_count; i++) {
		assert_true(list_empty(&vcpus[i].node));
		assert_true(list_empty(&vcpus[i].share.node));
	}
	restarts++;
	return true;
}

static void run_guest(struct vcpu *vcpu)
{
	assert_true(turns < MOST_TURNS);
	assert_false(vcpu->yields);
	last[turns++] = vcpu;
	host_clock_ns += TURN_TAKES_NS;
	turn(vcpu);
}

static void *run_elsewhere(void *work)
{
	assert_int_not_equal(this_cpu()->index, 0);
	((void (*)(void))work)();
	return NULL;
}

static void on_other_cpu(void (*work)(void))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, (void *)work), 0);
	pthread_join(thread, NULL);
}

static void halt(struct vcpu *vcpu)
{
	vcpu->requests &= ~REQUEST_EVENT;
	vcpu->halted = true;
}

static u32 count(const struct list *head)
{
	u32 n = 0;

	for (const struct list *at = head->next; at != head && n < 10; at = at->next)
		n++;
	return n;
}

static void simulate(void (*fn)(struct vcpu *vcpu))
{
	turn = fn;
	if (setjmp(end) == 0)
		sched_run();
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(this_cpu()->index, 0);
	memset(vcpus, 0, sizeof(vcpus));
	memset(scheds, 0, sizeof(scheds));
	vm = (struct vm){
		.share.weight = WEIGHT_DEFAULT, .vcpus = vcpus, .vcpu_count = 2, .present = 2
	};
	other_vm = (struct vm){ .share.weight = WEIGHT_DEFAULT, .present = 1 };
	cpu_set_add(&vm.cpus, 0);
	cpu_set_add(&other_vm.cpus, 0);
	host_backend.want_pauses = want_pauses;
	host_backend.run = run_guest;
	host_clock_ns = 100 * NS_PER_MS;
	turns = restarts = sched_waiting = sched_idle_cpus = 0;
	sched_used = 0;
	for (u32 i = 0; i < ARRAY_SIZE(scheds); i++) {
		list_init(&scheds[i].incoming);
		list_init(&scheds[i].asleep);
		runq_init(&scheds[i].runq);
		spin_init(&scheds[i].lock, LOCK_RUN_QUEUE);
		scheds[i].timers_due = TIMER_NEVER;
		cpus[i]->sched = &scheds[i];
		cpus[i]->attention = 0;
		cpus[i]->space = NULL;
	}
	for (u32 i = 0; i < ARRAY_SIZE(vcpus); i++) {
		vcpus[i].vm = i < 2 ? &vm : &other_vm;
		vcpus[i].index = i % 2;
		list_init(&vcpus[i].node);
		share_init(&vcpus[i].share, &vcpus[i].vm->share);
		timer_queue_init(&vcpus[i].timers);
	}
	return 0;
}

/* vCPU 1 wakes vCPU 0, by the short way, and has the CPU again when that one sleeps. */
static void ping(struct vcpu *vcpu)
{
	static u32 before;

	if (turns == 6)
		longjmp(end, 1);
	if (vcpu == &vcpus[1]) {
		vcpu_kick(&vcpus[0], REQUEST_EVENT);
		before = looked_after;
	} else {
		assert_int_equal(looked_after, before);
		halt(vcpu);
	}
}

static void test_hand_over(void **state)
{
	(void)state;
	vcpus[0].halted = true;
	sched_add(&vcpus[0]);
	sched_add(&vcpus[1]);
	simulate(ping);
	for (u32 i = 0; i < 6; i++)
		assert_ptr_equal(last[i], &vcpus[(i + 1) % 2]);
	assert_int_equal(vm.share.active, 1 + (scheds[0].runq.count != 0));
	assert_int_equal(sched_waiting, scheds[0].runq.count);
}

/*
 * Where another VM's waits vCPU 1 gives nothing away: vCPU 0 waits as well, and vCPU 1 goes on until its
 * turn is over.
 */
static void ping_among_others(struct vcpu *vcpu)
{
	if (vcpu == &vcpus[2]) {
		assert_int_equal(turns, 1);
		host_clock_ns += TURN_NS;
	} else if (turns == 2) {
		assert_ptr_equal(vcpu, &vcpus[1]);
		assert_int_equal(scheds[0].runq.count, 1);
		vcpu_kick(&vcpus[0], REQUEST_EVENT);
	} else {
		assert_ptr_equal(vcpu, &vcpus[1]);
		assert_int_equal(scheds[0].runq.count, 2);
		longjmp(end, 1);
	}
}

static void test_no_hand_over(void **state)
{
	(void)state;
	vcpus[0].halted = true;
	sched_add(&vcpus[0]);
	sched_add(&vcpus[2]);
	sched_add(&vcpus[1]);
	simulate(ping_among_others);
	assert_int_equal(turns, 3);
}

/* Its VM starts again; vCPU 0 has been put aside for that when vCPU 1, not yet asked to, wakes it. */
static void stop_first(void)
{
	vm.state = VM_RESETTING;
	vcpu_kick(&vcpus[0], REQUEST_STOP);
}

static void stop_second(void)
{
	vcpu_kick(&vcpus[1], REQUEST_STOP);
}

static void wake_one_put_aside(struct vcpu *vcpu)
{
	if (turns == 1) {
		on_other_cpu(stop_first);
	} else if (turns == 2) {
		assert_int_equal(vm.present, 1);
		vcpu_kick(&vcpus[0], REQUEST_EVENT);
		on_other_cpu(stop_second);
	} else {
		assert_ptr_equal(vcpu, &vcpus[1]);
	}
}

static void test_heir_was_put_aside(void **state)
{
	(void)state;
	vcpus[0].halted = true;
	sched_add(&vcpus[0]);
	sched_add(&vcpus[1]);
	simulate(wake_one_put_aside);
	assert_int_equal(restarts, 1);
}

/* Its VM starts: vCPU 0 runs already, and wakes vCPU 1, which has not come yet. */
static void add_second(void)
{
	sched_add(&vcpus[1]);
}

static void wake_one_to_come(struct vcpu *vcpu)
{
	if (turns == 1) {
		vcpu_kick(&vcpus[1], REQUEST_EVENT);
	} else if (turns == 2) {
		assert_ptr_equal(vcpu, &vcpus[0]);
		on_other_cpu(add_second);
	} else if (vcpu == &vcpus[1] || turns == MOST_TURNS) {
		longjmp(end, 1);
	} else {
		host_clock_ns += TURN_NS;
	}
}

static void test_heir_is_to_come(void **state)
{
	(void)state;
	vcpus[1].halted = true;
	sched_add(&vcpus[0]);
	simulate(wake_one_to_come);
	assert_ptr_equal(last[turns - 1], &vcpus[1]);
	assert_int_equal(count(&scheds[0].incoming) + count(&scheds[0].asleep), 0);
	assert_int_equal(scheds[0].runq.count, 1);
}

static struct timer timer;

static void timer_wakes(struct timer *due)
{
	(void)due;
	vcpu_kick(&vcpus[0], REQUEST_EVENT);
}

/* Who is looked after because of its timer is not asked to be looked after once more. */
static void first_turn(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &vcpus[0]);
	assert_int_equal(cpus[0]->attention, 0);
	longjmp(end, 1);
}

static void test_own_timer(void **state)
{
	(void)state;
	vcpus[0].halted = true;
	timer_init(&timer, &vcpus[0].timers, timer_wakes);
	sched_add(&vcpus[0]);
	timer_arm(&timer, host_clock_ns + NS_PER_MS);
	simulate(first_turn);
	assert_int_equal(turns, 0);
	assert_true(cpu_timer >= host_clock_ns + NS_PER_MS);
	host_clock_ns += 2 * NS_PER_MS;
	simulate(first_turn);
	assert_int_equal(turns, 1);
}

/*
 * While vCPU 0 waits another CPU puts its timer off for good, and, when it runs, arms it anew: for later
 * than it was, so that CPU 0 is not told, but must wake up by itself.
 */
static void put_off_timer(struct vcpu *vcpu)
{
	if (vcpu == &vcpus[2] && turns == 1) {
		vcpu_kick(&vcpus[0], REQUEST_EVENT);
	} else if (vcpu == &vcpus[2]) {
		assert_int_equal(vcpus[0].place, VCPU_WAITS);
		timer_cancel(&timer);
		halt(vcpu);
	} else {
		timer_arm(&timer, vcpus[0].armed + NS_PER_MS);
		cpus[0]->attention = 0;
		sched_check_timers(&vcpus[0]);
		assert_true(cpus[0]->attention || cpu_timer <= timer.deadline);
		longjmp(end, 1);
	}
}

static void test_timer_put_off(void **state)
{
	(void)state;
	vcpus[0].halted = true;
	timer_init(&timer, &vcpus[0].timers, timer_wakes);
	timer_arm(&timer, host_clock_ns + 5 * NS_PER_MS);
	sched_add(&vcpus[0]);
	sched_add(&vcpus[2]);
	simulate(put_off_timer);
	assert_ptr_equal(last[turns - 1], &vcpus[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_hand_over, setup),
		cmocka_unit_test_setup(test_no_hand_over, setup),
		cmocka_unit_test_setup(test_heir_was_put_aside, setup),
		cmocka_unit_test_setup(test_heir_is_to_come, setup),
		cmocka_unit_test_setup(test_own_timer, setup),
		cmocka_unit_test_setup(test_timer_put_off, setup),
	};

	return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
