/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs as the models here have them: what each says of itself and what the spaces have, by the
 * names of arch/percpu.h and mm/tlb.h, in x86's memory; and NMIs.
 *
 *	-DSPIN		a CPU that waits loops, for the search for livelocks; else it is blocked, and
 *			one that waits in vain is an invalid end state
 */
#define CPUS 3
#define SPACES 2
#define for_each_cpu for (i : 0 .. CPUS - 1)

/* Values of MODE and SPACE. */
#define HOST 0
#define GUEST 1
#define NONE SPACES

#define MODE(cpu) (cpu)
#define ENTRIES(cpu) (CPUS + (cpu))
#define SPACE(cpu) (2 * CPUS + (cpu))
#define WALKS(cpu) (3 * CPUS + (cpu))
#define WALKING(cpu) (4 * CPUS + (cpu))
#define GENERATION(space) (5 * CPUS + (space))
#define ASKED(space) (5 * CPUS + SPACES + (space))
#define DONE(space) (5 * CPUS + 2 * SPACES + (space))
#define BUSY(space) (5 * CPUS + 3 * SPACES + (space))
byte memory[5 * CPUS + 4 * SPACES];

bool nmi[CPUS]; /* on its way to the CPU */

/*
 * A plain store waits in the CPU's store buffer behind the earlier ones, and reaches memory when it
 * likes. A read-modify-write waits until the buffer is empty, and goes to memory at once. A load
 * takes what is in memory: what a CPU has itself in its buffer, no step here loads. In the right
 * orders no more than four stores ever follow each other without a barrier.
 */
chan buffer[CPUS] = [4] of { byte, byte };

#define load(word) memory[word]
#define barrier empty(buffer[me])

inline store(word, value)
{
	buffer[me]!word, value
}

inline xchg(word, value, old)
{
	atomic { barrier; old = memory[word]; memory[word] = value }
}

inline fetch_add(word)
{
	atomic { barrier; memory[word]++ }
}

proctype store_buffer(byte cpu)
{
	byte word, value;

end:	do
	:: d_step { buffer[cpu]?word, value; memory[word] = value; word = 0; value = 0 }
	od
}

#ifdef SPIN
#define wait_until(condition) do :: (condition) -> break :: else od
#else
#define wait_until(condition) (condition)
#endif

/* None of these is ever true: they are asserted where it is too late. */
bool STALE_USE; /* a CPU uses a translation after its removal has returned, */
bool FREED_USE; /* or a walker of ours uses what was removed (doc/oracle.md) */
bool UNSERVED; /* a round has not served who made it */
bool SHARED; /* somebody was served by another one's round, as it should be */

inline start_machine()
{
	memory[GENERATION(0)] = 1;
	memory[GENERATION(1)] = 1;
	memory[SPACE(0)] = NONE;
	memory[SPACE(1)] = NONE;
	memory[SPACE(2)] = NONE;
	run store_buffer(0);
	run store_buffer(1);
	run store_buffer(2)
}
