/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom a kick interrupts, and how: one NMI for a CPU that is in its guest, one interrupt for one
 * that sleeps, and nothing for one that will look anyway. All places of a vCPU with all modes of
 * its CPU.
 */
#include <string.h>

#include "arch/apic.h"
#include "arch/traps.h"
#include "host.h"
#include "vm/sched_cpu.h"

#define OTHER 2u /* the vCPU's home; the kicks come from CPU 0 */
#define APIC_ID_OF_OTHER 0x25u
#define REQUEST_BEFORE BIT(31)
#define SOON 1000ull

static struct vm vm, other_vm;
static struct vcpu vcpu, giver;
static struct sched scheds[HOST_CPUS];
static u32 nmis, vectors, last_id;
static u8 last_vector;
/* What had been set when the interrupt was sent. */
static u32 requests_then, attention_then;

static void note(u32 id)
{
	last_id = id;
	requests_then = atomic_load(&vcpu.requests);
	attention_then = atomic_load(&cpus[vcpu.cpu]->attention);
}

static void note_nmi(u32 id)
{
	nmis++;
	note(id);
}

void apic_send_vector(u32 id, u8 vector)
{
	vectors++;
	last_vector = vector;
	note(id);
}

static void begin(u32 cpu, u32 place, u32 mode)
{
	memset(&vcpu, 0, sizeof(vcpu));
	memset(scheds, 0, sizeof(scheds));
	vcpu.vm = &vm;
	vcpu.cpu = cpu;
	vcpu.place = place;
	vcpu.requests = REQUEST_BEFORE;
	vcpu.armed = TIMER_NEVER;
	timer_queue_init(&vcpu.timers);
	for (u32 i = 0; i < cpu_count; i++) {
		cpus[i]->mode = mode;
		cpus[i]->attention = 0;
		cpus[i]->ipis = 0;
		cpus[i]->space = NULL;
		cpus[i]->sched = &scheds[i];
		cpus[i]->apic_id = i;
	}
	cpus[OTHER]->apic_id = APIC_ID_OF_OTHER;
	nmis = vectors = last_id = last_vector = 0;
	host_nmi = note_nmi;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(this_cpu()->index, 0);
	return 0;
}

/* Just one, to the vCPU's home, by what reaches a CPU in that mode; and none in CPU_HOST. */
static void check_one(u32 mode)
{
	assert_int_equal(nmis, mode == CPU_GUEST);
	assert_int_equal(vectors, mode == CPU_IDLE);
	if (mode == CPU_IDLE)
		assert_int_equal(last_vector, VECTOR_WAKE);
	if (mode != CPU_HOST)
		assert_int_equal(last_id, APIC_ID_OF_OTHER);
	for (u32 i = 0; i < cpu_count; i++)
		assert_int_equal(cpus[i]->ipis, i == 0 && mode != CPU_HOST);
}

static void check_none(void)
{
	check_one(CPU_HOST);
}

/* attention of that CPU is set, and of no other; of none: MAX_CPUS. */
static void check_attention(u32 cpu)
{
	for (u32 i = 0; i < cpu_count; i++)
		assert_int_equal(cpus[i]->attention, i == cpu);
}

/* One that runs: its CPU's main loop has nothing to look at. The request is there before the IPI. */
static void test_kick_running(void **state)
{
	(void)state;
	for (u32 mode = CPU_HOST; mode <= CPU_IDLE; mode++) {
		begin(OTHER, VCPU_RUNS, mode);
		vcpu_kick(&vcpu, REQUEST_EVENT);
		check_one(mode);
		check_attention(MAX_CPUS);
		assert_int_equal(vcpu.requests, REQUEST_BEFORE | REQUEST_EVENT);
		if (mode != CPU_HOST)
			assert_int_equal(requests_then, REQUEST_BEFORE | REQUEST_EVENT);
	}
}

/* Each kick is an IPI as long as the guest has not been left, and no more are when it has been. */
static void test_kick_again(void **state)
{
	(void)state;
	begin(OTHER, VCPU_RUNS, CPU_GUEST);
	vcpu_kick(&vcpu, REQUEST_EVENT);
	cpus[OTHER]->mode = CPU_HOST;
	vcpu_kick(&vcpu, REQUEST_STOP);
	vcpu_kick(&vcpu, REQUEST_STOP);
	check_one(CPU_GUEST);
	assert_int_equal(vcpu.requests, REQUEST_BEFORE | REQUEST_EVENT | REQUEST_STOP);
}

/* One that sleeps: its home must look after it, whatever that does. */
static void test_kick_asleep(void **state)
{
	(void)state;
	for (u32 mode = CPU_HOST; mode <= CPU_IDLE; mode++) {
		begin(OTHER, VCPU_ASLEEP, mode);
		vcpu_kick(&vcpu, REQUEST_EVENT);
		check_one(mode);
		check_attention(OTHER);
		assert_int_equal(vcpu.requests, REQUEST_BEFORE | REQUEST_EVENT);
		if (mode == CPU_HOST)
			continue;
		assert_int_equal(requests_then, REQUEST_BEFORE | REQUEST_EVENT);
		assert_int_equal(attention_then, 1);
	}
}

/* One that waits for its turn looks when it comes: whoever has the CPU now is left alone. */
static void test_kick_waiting(void **state)
{
	(void)state;
	for (u32 mode = CPU_HOST; mode <= CPU_IDLE; mode++) {
		begin(OTHER, VCPU_WAITS, mode);
		vcpu_kick(&vcpu, REQUEST_EVENT);
		check_none();
		check_attention(MAX_CPUS);
		assert_int_equal(vcpu.requests, REQUEST_BEFORE | REQUEST_EVENT);
	}
}

/* The CPU that kicks is in the hypervisor, and sends itself nothing. */
static void test_kick_own(void **state)
{
	(void)state;
	for (u32 place = VCPU_ASLEEP; place <= VCPU_RUNS; place++) {
		begin(0, place, CPU_HOST);
		vcpu_kick(&vcpu, REQUEST_EVENT);
		check_none();
		check_attention(place == VCPU_ASLEEP ? 0 : MAX_CPUS);
		assert_int_equal(vcpu.requests, REQUEST_BEFORE | REQUEST_EVENT);
	}
}

/* vCPU giver, of giving, has its turn on CPU 0, where vcpu sleeps; no CPU is idle. */
static void begin_turn_of(struct vm *giving)
{
	begin(0, VCPU_ASLEEP, CPU_HOST);
	memset(&giver, 0, sizeof(giver));
	giver.vm = giving;
	scheds[0].current = &giver;
	cpus[0]->space = &giving->tdp.tlb;
	sched_idle_cpus = 0;
}

static void check_handed_over(bool handed_over)
{
	check_none();
	check_attention(handed_over ? MAX_CPUS : 0);
	assert_ptr_equal(scheds[0].heir, handed_over ? &vcpu : NULL);
	assert_int_equal(giver.yields, handed_over);
	assert_int_equal(giver.requests, handed_over ? REQUEST_RESCHED : 0);
}

/* In a turn of its own VM, by an event, once: nobody else has to look after it. */
static void test_hand_over(void **state)
{
	(void)state;
	begin_turn_of(&vm);
	vcpu_kick(&vcpu, REQUEST_EVENT);
	check_handed_over(true);
	vcpu_kick(&vcpu, REQUEST_EVENT);
	assert_ptr_equal(scheds[0].heir, &vcpu);
	check_attention(0);
	begin_turn_of(&vm);
	scheds[0].heir = &giver;
	vcpu_kick(&vcpu, REQUEST_EVENT);
	assert_ptr_equal(scheds[0].heir, &giver);
	check_attention(0);
}

static void test_no_hand_over(void **state)
{
	(void)state;
	begin_turn_of(&vm);
	vcpu_kick(&vcpu, REQUEST_STOP);
	check_handed_over(false);
	begin_turn_of(&other_vm);
	vcpu_kick(&vcpu, REQUEST_EVENT);
	check_handed_over(false);
	begin_turn_of(&vm);
	scheds[0].current = NULL;
	vcpu_kick(&vcpu, REQUEST_EVENT);
	check_handed_over(false);
	begin_turn_of(&vm);
	cpus[0]->space = NULL;
	vcpu_kick(&vcpu, REQUEST_EVENT);
	check_handed_over(false);
	begin_turn_of(&vm);
	scheds[0].runq.count = 1;
	vcpu_kick(&vcpu, REQUEST_EVENT);
	check_handed_over(false);
}

/* A CPU that does nothing can take the giver or the other one: both run then. */
static void test_hand_over_and_idle(void **state)
{
	(void)state;
	for (u32 idle = 1; idle < cpu_count; idle++) {
		for (u32 may = 1; may < cpu_count; may++) {
			begin_turn_of(&vm);
			sched_idle_cpus = 1;
			cpus[idle]->mode = CPU_IDLE;
			vm.cpus = (struct cpu_set){ 0 };
			cpu_set_add(&vm.cpus, may);
			vcpu_kick(&vcpu, REQUEST_EVENT);
			check_handed_over(idle != may);
		}
	}
	sched_idle_cpus = 0;
}

/* Nor when it is about to sleep or to enter: attention keeps it from that. */
static void test_wake(void **state)
{
	(void)state;
	for (u32 mode = CPU_HOST; mode <= CPU_IDLE; mode++) {
		begin(OTHER, VCPU_ASLEEP, mode);
		cpu_wake(cpus[0]);
		check_none();
		check_attention(0);
		begin(OTHER, VCPU_ASLEEP, mode);
		cpu_wake(cpus[OTHER]);
		check_one(mode);
		check_attention(OTHER);
		if (mode != CPU_HOST)
			assert_int_equal(attention_then, 1);
	}
}

static void nothing(struct timer *timer)
{
	(void)timer;
}

static void check_timer(u32 place, u32 mode, u64 due, u64 armed, bool tells)
{
	struct timer timer;

	begin(OTHER, place, mode);
	timer_init(&timer, &vcpu.timers, nothing);
	if (due != TIMER_NEVER)
		timer_arm(&timer, due);
	vcpu.armed = armed;
	sched_check_timers(&vcpu);
	check_one(tells ? mode : CPU_HOST);
	check_attention(tells ? OTHER : MAX_CPUS);
	assert_int_equal(vcpu.requests, REQUEST_BEFORE);
}

/* The home is told of a timer only that it does not know, or knows as later; not one that waits. */
static void test_check_timers(void **state)
{
	static const struct {
		u64 due, armed;
		bool tells;
	} cases[] = {
		{ TIMER_NEVER, TIMER_NEVER, false },
		{ SOON, TIMER_NEVER, true },
		{ SOON, SOON + 1, true },
		{ SOON, SOON, false },
		{ SOON, SOON - 1, false },
		{ TIMER_NEVER, SOON, false },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		for (u32 mode = CPU_HOST; mode <= CPU_IDLE; mode++) {
			check_timer(VCPU_ASLEEP, mode, cases[i].due, cases[i].armed,
				    cases[i].tells);
			check_timer(VCPU_RUNS, mode, cases[i].due, cases[i].armed, cases[i].tells);
			check_timer(VCPU_WAITS, mode, cases[i].due, cases[i].armed, false);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kick_running, setup),
		cmocka_unit_test_setup(test_kick_again, setup),
		cmocka_unit_test_setup(test_kick_asleep, setup),
		cmocka_unit_test_setup(test_kick_waiting, setup),
		cmocka_unit_test_setup(test_kick_own, setup),
		cmocka_unit_test_setup(test_hand_over, setup),
		cmocka_unit_test_setup(test_no_hand_over, setup),
		cmocka_unit_test_setup(test_hand_over_and_idle, setup),
		cmocka_unit_test_setup(test_wake, setup),
		cmocka_unit_test_setup(test_check_timers, setup),
	};

	return cmocka_run_group_tests_name("kick", tests, NULL, NULL);
}
