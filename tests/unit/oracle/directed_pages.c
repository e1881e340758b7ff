/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs about what is written, protected and used: logs, passes, and handlers of exits. See
 * directed.h.
 */
#include "directed.h"

#include "mm/spte.h"

#define A 0ull
/* In a slot that comes and goes. */
#define P POSITION_GFN(0)
#define PAGES POSITION_PAGES

/* What a log is begun with, see ops_position.c. */
enum { BITS = 0, PROTECTED = 1, BITS_AHEAD = 2, PROTECTED_AHEAD = 3, LISTED = 4 };

/* Pages are written while a log begins, is harvested, and ends. */
static void write_and_harvest(struct program *program, u8 how)
{
	program_begin(program, "write and harvest", 1, 1);
	program->world.max_leaf = LEVEL_2M;
	program->world.pml = how == LISTED;
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_access(P));
	program_prelude(program, 0, op_position(OP_LOG, how));
	program_prelude(program, 0, op_access(P));
	program_add(program, 0, op_access(P + 1));
	program_add(program, 0, op_access(P + 1));
	program_add(program, 1, op_position(OP_HARVEST, 0));
	program_add(program, 1, op_position(OP_HARVEST, 0));
}

void directed_harvest_protected(struct program *program)
{
	write_and_harvest(program, PROTECTED);
}

void directed_harvest_bits(struct program *program)
{
	write_and_harvest(program, BITS_AHEAD);
}

void directed_harvest_listed(struct program *program)
{
	write_and_harvest(program, LISTED);
}

/* What is written while a harvest runs has to be noticed when it is written again. */
void directed_harvest_and_write(struct program *program)
{
	program_begin(program, "harvest and write", 2, 0);
	program_prelude(program, 1, op_position(OP_SLOT, 0));
	program_prelude(program, 1, op_position(OP_LOG, PROTECTED));
	program_prelude(program, 1, op_write_fault(P));
	program_prelude(program, 1, op_range(OP_FAULT, P + 2, P + 3));
	program_add(program, 0, op_position(OP_HARVEST, 0));
	program_add(program, 1, op_access(P));
	program_add(program, 1, op_access(P + 2));
	program_add(program, 1, op_access(P + 1));
	program_add(program, 1, op_access(P));
	program_add(program, 1, op_position(OP_HARVEST, 0));
}

/* The first write to a page next to a harvest that finds nothing else, and so need not flush. */
static void harvest_and_first_write(struct program *program, bool mapped)
{
	program_begin(program, "harvest and first write", 2, 0);
	program_prelude(program, 1, op_position(OP_SLOT, 0));
	program_prelude(program, 1, op_position(OP_LOG, PROTECTED));
	if (mapped)
		program_prelude(program, 1, op_range(OP_FAULT, P, P + 1));
	program_add(program, 0, op_position(OP_HARVEST, 0));
	program_add(program, 1, op_access(P));
	program_add(program, 1, op_position(OP_HARVEST, 0));
}

void directed_harvest_and_add(struct program *program)
{
	harvest_and_first_write(program, false);
}

void directed_harvest_and_mend(struct program *program)
{
	harvest_and_first_write(program, true);
}

/* The CPU sets one dirty bit next to one that is just taken. */
void directed_harvest_and_neighbour(struct program *program)
{
	program_begin(program, "harvest and neighbour", 2, 0);
	program_prelude(program, 1, op_position(OP_SLOT, 0));
	program_prelude(program, 1, op_position(OP_LOG, BITS));
	program_prelude(program, 1, op_access(P));
	program_prelude(program, 1, op_read(P + 1));
	program_add(program, 0, op_position(OP_HARVEST, 0));
	program_add(program, 1, op_access(P + 1));
	program_add(program, 1, op_position(OP_HARVEST, 0));
}

/* The CPU's way to the page is cached, so that its use cannot be seen in the link above. */
void directed_harvests_and_cached_link(struct program *program)
{
	program_begin(program, "harvests and cached link", 1, 1);
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_position(OP_LOG, BITS));
	program_prelude(program, 0, op_read(P));
	program_add(program, 0, op_access(P));
	program_add(program, 0, op_position(OP_HARVEST, 0));
	program_add(program, 1, op_position(OP_HARVEST, 0));
	program_add(program, 1, op_position(OP_HARVEST, 0));
}

/* One CPU has the right to write from the fault of another one, who has not noted that yet. */
void directed_write_by_two(struct program *program)
{
	program_begin(program, "write by two and harvest", 2, 1);
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_position(OP_LOG, PROTECTED));
	program_add(program, 0, op_access(P));
	program_add(program, 1, op_access(P));
	program_add(program, 2, op_position(OP_HARVEST, 0));
}

void directed_log(struct program *program)
{
	program_begin(program, "write and log", 1, 1);
	program->world.max_leaf = LEVEL_2M;
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_access(P));
	program_add(program, 0, op_access(P + 1));
	program_add(program, 0, op_access(P));
	program_add(program, 1, op_position(OP_LOG, PROTECTED_AHEAD));
	program_add(program, 1, op_position(OP_HARVEST, 0));
}

/* Removal takes dirty bits away that a harvest has to tell: with the table, or one by one. */
static void zap_and_harvest(struct program *program, u64 pages)
{
	program_begin(program, "zap and harvest", 0, 2);
	program->world.cpus = 1;
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_position(OP_LOG, BITS_AHEAD));
	program_prelude(program, 0, op_access(P));
	program_prelude(program, 0, op_range(OP_LEAVE, 0, 0));
	program_add(program, 1, op_range(OP_ZAP, P, P + pages));
	program_add(program, 2, op_position(OP_HARVEST, 0));
	program_add(program, 2, op_position(OP_HARVEST, 0));
}

void directed_zap_table_and_harvest(struct program *program)
{
	zap_and_harvest(program, PAGES);
}

void directed_zap_page_and_harvest(struct program *program)
{
	zap_and_harvest(program, 1);
}

/*
 * A removal that begins next to a log, and takes away what is written once that has begun; and what
 * was written before.
 */
void directed_log_and_zap(struct program *program)
{
	program_begin(program, "log and zap", 1, 1);
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_access(P));
	program_prelude(program, 0, op_access(P + 1));
	program_add(program, 0, op_position(OP_LOG, BITS_AHEAD));
	program_add(program, 0, op_access(P));
	program_add(program, 0, op_position(OP_HARVEST, 0));
	program_add(program, 1, op_range(OP_ZAP, P, P + 2));
}

/* The same where the beginning of the log has nothing to flush, as the page is clean. */
static void log_again(struct program *program, const char *name, u32 zapper, u32 logger)
{
	program_begin(program, name, 2, 0);
	program_prelude(program, logger, op_position(OP_SLOT, 0));
	program_prelude(program, logger, op_access(P));
	program_prelude(program, logger, op_position(OP_LOG, BITS));
	program_prelude(program, logger, op_position(OP_LOG, BITS));
	program_add(program, logger, op_position(OP_LOG, BITS));
	program_add(program, logger, op_access(P));
	program_add(program, logger, op_position(OP_HARVEST, 0));
	program_add(program, zapper, op_range(OP_ZAP, P, P + 1));
}

void directed_log_again_and_zap(struct program *program)
{
	log_again(program, "log again and zap", 1, 0);
}

void directed_zap_and_log_again(struct program *program)
{
	log_again(program, "zap and log again", 0, 1);
}

/* What a CPU has listed before a log begins is not written since. */
void directed_lists_and_log(struct program *program)
{
	program_begin(program, "lists and log", 1, 1);
	program->world.pml = true;
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_access(P));
	program_prelude(program, 0, op_position(OP_LOG, LISTED));
	program_prelude(program, 0, op_position(OP_LOG, 0));
	program_prelude(program, 0, op_access(P));
	program_add(program, 0, op_access(P + 1));
	program_add(program, 1, op_position(OP_LOG, LISTED));
	program_add(program, 1, op_position(OP_HARVEST, 0));
}

/* Tables are cut off for huge leaves, which are no longer right when it comes to put them there. */
void directed_log_and_collapse(struct program *program)
{
	program_begin(program, "log and collapse", 1, 1);
	program->world.max_leaf = LEVEL_2M;
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_access(P));
	program_prelude(program, 0, op_range(OP_SPLIT, P, P + PAGES));
	program_add(program, 0, op_position(OP_LOG, PROTECTED));
	program_add(program, 0, op_access(P));
	program_add(program, 0, op_position(OP_HARVEST, 0));
	program_add(program, 1, op_range(OP_COLLAPSE, P, P + PAGES));
}

/* Who finds a leaf as it is to be may have to flush for who has just made it so. */
void directed_protect_and_protect(struct program *program)
{
	program_begin(program, "protect and protect", 1, 2);
	program_prelude(program, 0, op_access(A));
	program_add(program, 0, op_access(A));
	program_add(program, 1, op_range(OP_PROTECT, A, A + 1));
	program_add(program, 2, op_range(OP_PROTECT, A, A + 1));
}

/* The same when it finds nothing, as another one is about to remove it. */
void directed_protect_and_zap(struct program *program)
{
	program_begin(program, "protect and zap", 1, 2);
	program_prelude(program, 0, op_access(A));
	program_add(program, 0, op_access(A));
	program_add(program, 1, op_range(OP_PROTECT, A, A + 1));
	program_add(program, 2, op_range(OP_ZAP, A, A + 1));
}

/* So much lies behind it that the protection takes a breath, and must not forget. */
void directed_zap_and_protect_all(struct program *program)
{
	program_begin(program, "zap and protect all", 1, 2);
	program_prelude(program, 0, op_access(A));
	program_add(program, 0, op_access(A));
	program_add(program, 1, op_range(OP_ZAP, A, A + 1));
	program_add(program, 2, op_range(OP_PROTECT, A, BIT(36)));
}

/* Leaves come back by faults while they are aged. */
void directed_age(struct program *program)
{
	program_begin(program, "access and age", 1, 1);
	program->world.hw_ad = false;
	program_prelude(program, 0, op_access(A));
	program_add(program, 0, op_access(A));
	program_add(program, 0, op_access(A));
	program_add(program, 1, op_range(OP_AGE, A, A + 1));
	program_add(program, 1, op_range(OP_AGE, A, A + 1));
	program_add(program, 1, op_range(OP_PROTECT, A, A + 1));
}

/* The CPU changes a leaf while it is made read-only. */
void directed_protect_and_access(struct program *program)
{
	program_begin(program, "protect and access", 2, 0);
	program_prelude(program, 1, op_access(A));
	program_prelude(program, 1, op_range(OP_AGE, A, A + 1));
	program_add(program, 0, op_range(OP_PROTECT, A, A + 1));
	program_add(program, 1, op_access(A));
}

/* A handler writes to a slot that goes, or looks at its log. */
void directed_write_and_slot(struct program *program)
{
	program_begin(program, "write and slot", 1, 1);
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_add(program, 0, op_range(OP_WRITE, P, P + 1));
	program_add(program, 0, op_range(OP_WRITE, P, P + 1));
	program_add(program, 1, op_position(OP_SLOT, 0));
}

/* Others harvest while a handler writes: by a copy, or a pointer. */
static void handler_and_harvest(struct program *program, u8 access)
{
	struct op write = op_range(OP_WRITE, P, P + 1);

	write.access = access;
	program_begin(program, "handler and harvest", 1, 1);
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_position(OP_LOG, PROTECTED));
	program_add(program, 0, write);
	program_add(program, 0, op_position(OP_HARVEST, 0));
	program_add(program, 1, op_position(OP_HARVEST, 0));
}

void directed_copy_and_harvest(struct program *program)
{
	handler_and_harvest(program, ACCESS_EXEC);
}

void directed_pointer_and_harvest(struct program *program)
{
	handler_and_harvest(program, ACCESS_READ);
}

void directed_write_and_stop(struct program *program)
{
	program_begin(program, "write and stop", 1, 1);
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_position(OP_LOG, PROTECTED));
	program_add(program, 0, op_range(OP_WRITE, P, P + 1));
	program_add(program, 0, op_access(P));
	program_add(program, 1, op_position(OP_LOG, 0));
}
