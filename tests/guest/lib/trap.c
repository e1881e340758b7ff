/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dispatch of exceptions and interrupts. One CPU; the record in trap is overwritten by each
 * unhandled exception.
 */
#include "tests/guest/lib/trap.h"

#include "tests/guest/lib/tap.h"

struct fixup {
	u32 at, resume;
};

/* The linker script's bounds of the TRY() table. */
extern const struct fixup extable_start[], extable_end[];

/* What trap_call.S saved, to return through. */
extern ulong trap_recover_sp;
void trap_recover(void) __noreturn;

volatile struct trap trap = { .vector = TRAP_NONE };

static trap_handler *handlers[256];

void trap_set_handler(unsigned int vector, trap_handler *handler)
{
	handlers[vector] = handler;
}

void trap_clear(void)
{
	trap.vector = TRAP_NONE;
	trap.count = 0;
	trap.error = 0;
}

static void record(const struct trap_frame *frame)
{
	trap.vector = (u32)frame->vector;
	trap.error = (u32)frame->error;
	trap.ip = frame->ip;
	trap.cs = frame->cs;
	trap.flags = frame->flags;
	trap.cr2 = read_cr2();
	trap.dr6 = read_dr6();
#ifdef __x86_64__
	trap.sp = frame->sp;
#endif
	trap.count++;
}

static bool resume_behind(struct trap_frame *frame)
{
	for (const struct fixup *f = extable_start; f < extable_end; f++) {
		if (f->at == frame->ip) {
			frame->ip = f->resume;
			return true;
		}
	}
	return false;
}

void trap_dispatch(struct trap_frame *frame)
{
	if (handlers[frame->vector]) {
		handlers[frame->vector](frame);
		return;
	}
	record(frame);
	if (resume_behind(frame))
		return;
	if (trap_recover_sp)
		trap_recover();
	tap_bail_out("unexpected exception %lu error 0x%lx ip 0x%lx cs 0x%lx flags 0x%lx cr2 0x%lx",
		     frame->vector, frame->error, frame->ip, frame->cs, frame->flags, read_cr2());
}
