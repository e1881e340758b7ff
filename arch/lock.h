/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlocks, and the order in which they may nest. The hypervisor runs with
 * interrupts off outside of guests and idle, so a lock needs no interrupt state;
 * the NMI handler takes none.
 *
 * Written with compiler builtins only: host tests use this file as it is.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/types.h"

/*
 * The lock order: a CPU that holds a lock may only take locks further down.
 * Each line says what the lock protects.
 */
enum lock_rank {
	LOCK_VM_LIST, /* the list of VMs */
	LOCK_MEM_SLOTS, /* a VM's slots while they change */
	LOCK_DEVICES, /* all device models of one VM */
	LOCK_RUN_QUEUE, /* the vCPUs a CPU runs */
	LOCK_CONSOLE, /* focus, shell input, output columns */
	LOCK_TDP, /* while a slot is logged: who removes translations, and who harvests */
	LOCK_HEAP, /* small-object free lists */
	LOCK_FRAMES, /* the frame allocator */
	LOCK_LOG, /* the log ring and the host serial port */
};

struct spinlock {
	u32 locked;
	u8 rank; /* enum lock_rank */
};

#define SPINLOCK(r)                      \
	{                                \
		.locked = 0, .rank = (r) \
	}

static inline void spin_init(struct spinlock *lock, enum lock_rank rank)
{
	*lock = (struct spinlock)SPINLOCK((u8)rank);
}

#ifdef SILL_DEBUG
/* Panic, naming both ranks, when the order above is broken. Implemented by arch/ and by tests. */
void lock_order_acquire(const struct spinlock *lock);
void lock_order_release(const struct spinlock *lock);
#else
static inline void lock_order_acquire(const struct spinlock *lock __unused)
{
}
static inline void lock_order_release(const struct spinlock *lock __unused)
{
}
#endif

static inline void spin_lock(struct spinlock *lock)
{
	lock_order_acquire(lock);
	while (atomic_xchg(&lock->locked, 1u)) {
		while (atomic_load(&lock->locked))
			__builtin_ia32_pause();
	}
}

static inline void spin_unlock(struct spinlock *lock)
{
	atomic_store(&lock->locked, 0u);
	lock_order_release(lock);
}
