/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handlers of exits against tlb_wait_for_exits() (mm/tlb.c), with run() (vm/sched.c) and
 * vcpu_may_enter() (vm/vm.h): as tlb.pml is for rounds. A handler finds something in a table of
 * its VM, and uses it until the CPU enters again or stops running the VM. CPU 0 takes turns at two
 * VMs, and may have something to handle before it first enters. CPU 2 takes an entry out
 * of VM 0's table, and frees it once nobody can use it.
 *
 *	-DTURN_HAS_NO_BARRIER, -DGUEST_IS_LOOKED_FOR_ONCE	what must fail
 */
#define TURNS 3
#define STAYS 3 /* in all turns together */

#include "machine.pml"

bool there = true; /* the entry */
bool freed;

inline handle()
{
	found = there && space == 0;
	if
	:: found && freed -> assert(FREED_USE)
	:: else -> found = false
	fi
}

/* A guest may leave by itself, or go on until an NMI comes. */
inline enter()
{
	atomic { entries++; nmi[me] = false; store(ENTRIES(me), entries) };
	xchg(MODE(me), GUEST, _);
	if
	:: true
	:: true ->
end_stuck:	nmi[me]
	fi;
	store(MODE(me), HOST)
}

inline begin_turn()
{
	store(SPACE(me), space);
	entries++;
#ifdef TURN_HAS_NO_BARRIER
	store(ENTRIES(me), entries)
#else
	fetch_add(ENTRIES(me))
#endif
}

proctype runs_guests(byte me, turns, stays)
{
	byte entries, space;
	bool found;

end:	do
	:: turns ->
		turns--;
		if :: space = 0 :: space = 1 fi;
		begin_turn();
		handle();
		do
		:: stays -> stays--; enter(); handle()
		:: break
		od;
		store(SPACE(me), NONE)
	od
}

#define gone (load(SPACE(i)) != 0 || load(ENTRIES(i)) != stay)

inline wait_for_exit()
{
	stay = load(ENTRIES(i));
#ifdef GUEST_IS_LOOKED_FOR_ONCE
	if
	:: !gone && load(MODE(i)) == GUEST -> nmi[i] = true
	:: else
	fi;
	wait_until(gone)
#else
	do
	:: gone -> break
	:: !kicked && load(MODE(i)) == GUEST -> nmi[i] = true; kicked = true
	od
#endif
}

proctype removes(byte me)
{
	byte i, stay;
	bool kicked;

	atomic { barrier; there = false };
	for_each_cpu { if :: i != me -> wait_for_exit() :: else fi; kicked = false }
	freed = true
}

init
{
	atomic {
		start_machine();
		run runs_guests(0, TURNS, STAYS);
		run removes(2)
	}
}
