/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry into a guest against a shootdown round, as in vcpu_may_enter() (vm/vm.h), mm/tlb.h and
 * mm/tlb.c: their steps in every order that there is. tests/model/run runs this, and names the
 * orders that must fail; doc/oracle.md says what is left out.
 *
 * There are two address spaces, and in their tables two translations, a bit each. CPUs 1 and 2
 * remove one each, with a round. CPUs 0 and 1 enter guests with either space, and CPU 0 walks
 * tables. The programs are finite: whatever goes on for ever is a CPU that waits.
 *
 *	-DAPART		one translation in each space; else both are in space 0, and rounds merge
 *	-DSTAYS0=2 ...	what the CPUs do
 *	-DENTRY_... -DWALK_... -DROUND_... -DSTAY_...	what must fail: the names say what is wrong
 */
#ifndef STAYS0
#define STAYS0 2 /* CPU 0 enters guests so often, */
#endif
#ifndef STAYS1
#define STAYS1 0
#endif
#ifndef WALKS0
#define WALKS0 1 /* and walks tables so often */
#endif
#if !defined(STAYS_ARE_READ_EARLY) && !defined(STAY_IS_READ_AFTER_MODE) && \
	!defined(STAY_IS_READ_AFTER_KICK)
#define STAY_IS_READ_FIRST
#endif

#include "machine.pml"

/* ---- what is at stake ----------------------------------------------------------------------- */

#ifdef APART
#define in_space(space) (1 << (space))
#else
#define in_space(space) (3 * (1 - (space)))
#endif

byte tree = 3; /* translations that are in the tables */
byte freed; /* those whose removal has returned: their pages may be anything by now */

/* ---- stays in a guest: run(), vcpu_may_enter() ---------------------------------------------- */

inline count_entry()
{
	atomic { entries++; store(ENTRIES(me), entries) }
}

inline publish()
{
#ifdef ENTRY_HAS_NO_BARRIER
	store(MODE(me), GUEST)
#else
	xchg(MODE(me), GUEST, _)
#endif
}

/* An NMI that came before is over: it found the hypervisor. From here on it stays pending. */
inline may_enter()
{
	atomic {
		nmi[me] = false;
#ifndef ENTRY_IS_COUNTED_LATE
		count_entry()
#endif
	};
#ifdef ENTRY_READS_FIRST
	seen = load(GENERATION(space));
	publish();
#else
	publish();
	seen = load(GENERATION(space));
#endif
#ifdef ENTRY_IS_COUNTED_LATE
	count_entry();
#endif
	atomic {
		if
		:: seen != flushed[space] -> flushed[space] = seen; tlb = tlb & ~in_space(space)
		:: else
		fi;
		seen = 0
	}
}

/*
 * The TLB takes translations from the tables at any moment, and uses them at any other. The guest
 * may leave by itself, or go on until an NMI comes.
 */
inline in_guest()
{
	do
	:: d_step { tree & in_space(space) & ~tlb -> tlb = tlb | (tree & in_space(space)) }
	:: tlb & in_space(space) & freed -> assert(STALE_USE)
	:: break
	:: true ->
end_stuck:	nmi[me] -> break
	od;
	store(MODE(me), HOST)
}

inline run_guest()
{
	if :: space = 0 :: space = 1 fi;
	store(SPACE(me), space);
	do
	:: can_stay--;
		may_enter();
		in_guest();
		if :: can_stay :: break fi
	od;
	atomic { store(SPACE(me), NONE); space = 0 }
}

/* ---- a walk --------------------------------------------------------------------------------- */

inline walk()
{
	if :: space = 0 :: space = 1 fi;
	store(WALKING(me), space);
#ifdef WALK_HAS_NO_BARRIER
	store(WALKS(me), walked + 1);
#else
	fetch_add(WALKS(me));
#endif
	found = tree & in_space(space);
	if
	:: found & freed -> assert(FREED_USE)
	:: else
	fi;
	atomic { walked = walked + 2; store(WALKS(me), walked); found = 0; space = 0 }
}

/* ---- a round: tlb_shootdown() --------------------------------------------------------------- */

#if defined(ROUND_DOES_NOT_WAIT)
#define gone true
#elif defined(ROUND_KNOWS_NO_STAYS)
#define gone load(MODE(i)) != GUEST
#elif defined(ROUND_WAITS_FOR_NEXT_ENTRY)
#define gone load(ENTRIES(i)) != stays[i]
#else
#define gone load(MODE(i)) != GUEST || load(ENTRIES(i)) != stays[i]
#endif
#define kicked(cpu) (kicks & (1 << (cpu)))

/* The CPU that makes the round is in the hypervisor, and knows that: it looks at the others. */
inline kick_guest()
{
#ifdef STAY_IS_READ_FIRST
	stays[i] = load(ENTRIES(i));
#endif
	if
	:: load(MODE(i)) == GUEST ->
		if
		:: load(SPACE(i)) == home ->
#ifdef STAY_IS_READ_AFTER_MODE
			stays[i] = load(ENTRIES(i));
#endif
#ifndef ROUND_KICKS_NOBODY
			nmi[i] = true;
#endif
#ifdef STAY_IS_READ_AFTER_KICK
			stays[i] = load(ENTRIES(i));
#endif
			kicks = kicks | (1 << i)
		:: else -> stays[i] = 0
		fi
	:: else -> stays[i] = 0
	fi
}

inline wait_for_walk()
{
	seen = load(WALKS(i));
	if
	:: seen & 1 ->
		if
		:: load(WALKING(i)) == home -> wait_until(load(WALKS(i)) != seen)
		:: else
		fi
	:: else
	fi;
	seen = 0
}

inline raise()
{
#ifdef ROUND_RAISES_BY_STORE
	store(GENERATION(home), load(GENERATION(home)) + 1)
#else
	fetch_add(GENERATION(home))
#endif
}

inline make_round()
{
#ifdef STAYS_ARE_READ_EARLY
	for_each_cpu { stays[i] = load(ENTRIES(i)) }
#endif
#ifndef ROUND_SERVES_LATE
	served = load(ASKED(home));
#endif
#ifndef ROUND_KICKS_FIRST
	raise();
#endif
#ifdef ROUND_SERVES_LATE
	served = load(ASKED(home));
#endif
	for_each_cpu { if :: i != me -> kick_guest() :: else fi }
#ifdef ROUND_KICKS_FIRST
	raise();
#endif
	for_each_cpu { wait_until(!kicked(i) || gone); stays[i] = 0 }
	kicks = 0;
#ifndef ROUND_FORGETS_WALKS
	for_each_cpu { if :: i != me -> wait_for_walk() :: else fi }
#endif
	store(DONE(home), served)
}

/* What it has stored itself it knows: after its own round it is served. */
inline shootdown()
{
	atomic { barrier; memory[ASKED(home)]++; number = memory[ASKED(home)] };
	do
	:: load(DONE(home)) >= number ->
#ifdef ROUNDS_NEVER_MERGE
		assert(SHARED);
#endif
		break
	:: else ->
		xchg(BUSY(home), 1, was_busy);
		if
		:: was_busy -> wait_until(!load(BUSY(home)) || load(DONE(home)) >= number)
		:: else ->
			if
			:: load(DONE(home)) < number ->
				make_round();
				if :: served < number -> assert(UNSERVED) :: else fi
			:: else
			fi;
			store(BUSY(home), 0);
			break
		fi
	od
}

/* ---- a CPU: what it does, in any order ------------------------------------------------------- */

inline remove()
{
	atomic { barrier; tree = tree & ~mine };
	shootdown();
	atomic { freed = freed | mine; mine = 0; number = 0; served = 0; was_busy = 0; kicks = 0 }
}

proctype cpu(byte me, can_stay, can_walk, mine, home)
{
	byte entries, walked, space, seen, found, number, served, i, kicks;
	byte stays[CPUS], flushed[SPACES] = 1;
	byte tlb = 3; /* of former stays */
	bool was_busy;

end:	do
	:: can_stay -> run_guest()
	:: can_walk -> can_walk--; walk()
	:: mine -> remove()
	:: d_step { can_stay || can_walk -> can_stay = 0; can_walk = 0 } /* nothing more */
	od
}

init
{
	atomic {
		start_machine();
		run cpu(0, STAYS0, WALKS0, 0, 0);
		run cpu(1, STAYS1, 0, 1, 0);
#ifdef APART
		run cpu(2, 0, 0, 2, 1)
#else
		run cpu(2, 0, 0, 2, 0)
#endif
	}
}
