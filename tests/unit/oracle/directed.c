/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small programs for the windows that are known to be dangerous, each to be run with every
 * schedule of a few preemptions: see directed.h.
 */
#include "directed.h"

#include "mm/tdp.h"

/* Neighbours in one table; another table; nothing near. All in single pages. */
#define A 0ull
#define B 1ull
#define C 512ull
#define FAR (GIB(2) / PAGE_SIZE + 512)
/* In a slot that comes and goes. */
#define P POSITION_GFN(0)

/* A CPU enters while a round goes on: one of the two must see the other. */
static void entry_and_round(struct program *program)
{
	program_begin(program, "entry and round", 1, 1);
	program_prelude(program, 0, op_access(A));
	program_prelude(program, 0, op_access(B));
	program_prelude(program, 0, op_range(OP_LEAVE, 0, 0));
	program_add(program, 0, op_access(A));
	program_add(program, 0, op_access(B));
	program_add(program, 1, op_range(OP_ZAP, A, A + 1));
}

/* The CPU is in the guest all the time, and has all cached. */
static void guest_and_zap(struct program *program)
{
	program_begin(program, "guest and zap", 1, 1);
	program_prelude(program, 0, op_access(A));
	program_prelude(program, 0, op_access(B));
	program_add(program, 0, op_access(A));
	program_add(program, 0, op_access(A));
	program_add(program, 1, op_range(OP_ZAP, A, A + 1));
}

/* The caches lead into a table that is removed. */
static void guest_and_table(struct program *program)
{
	program_begin(program, "guest and table", 1, 1);
	program_prelude(program, 0, op_access(A));
	program_add(program, 0, op_access(B));
	program_add(program, 0, op_access(A));
	program_add(program, 1, op_range(OP_ZAP, A, C));
}

/* Two CPUs install the same tables. */
static void fault_and_fault(struct program *program)
{
	program_begin(program, "fault and fault", 2, 0);
	program_add(program, 0, op_access(A));
	program_add(program, 1, op_access(A));
}

/* A fault adds to tables while they, and what is above them, leave the tree. */
static void fault_and_zap(struct program *program)
{
	program_begin(program, "fault and zap", 1, 1);
	program_prelude(program, 0, op_access(A));
	program_add(program, 0, op_access(B));
	program_add(program, 0, op_access(C));
	program_add(program, 1, op_range(OP_ZAP, A, A + 1));
}

static void fault_and_zap_all(struct program *program)
{
	program_begin(program, "fault and zap of all", 1, 1);
	program_prelude(program, 0, op_access(A));
	program_add(program, 0, op_access(C));
	program_add(program, 1, op_range(OP_ZAP, 0, BIT(36)));
}

/* Tables come to where a zap has found nothing, one still empty and one not. */
static void zap_all_and_faults(struct program *program)
{
	program_begin(program, "zap of all and faults", 3, 0);
	program_add(program, 0, op_range(OP_ZAP, 0, BIT(36)));
	program_add(program, 1, op_write_fault(A));
	program_add(program, 2, op_write_fault(C));
}

/* A walker of the hypervisor's is inside a table that is removed. */
static void walk_and_zap(struct program *program)
{
	program_begin(program, "walk and zap", 0, 2);
	program_prelude(program, 0, op_range(OP_FAULT, A, A + 1));
	program_add(program, 0, op_range(OP_WALK, A, A + 1));
	program_add(program, 0, op_range(OP_WALK, A, A + 1));
	program_add(program, 1, op_range(OP_ZAP, A, C));
	program_add(program, 1, op_range(OP_FAULT, FAR, FAR + 1));
}

static void zap_and_zap(struct program *program)
{
	program_begin(program, "zap and zap", 1, 1);
	program_prelude(program, 0, op_access(A));
	program_prelude(program, 0, op_access(C));
	program_add(program, 0, op_range(OP_ZAP, A, A + 1));
	program_add(program, 0, op_access(C));
	program_add(program, 1, op_range(OP_ZAP, A, C + 1));
}

/* Both are after one leaf: who is late has to wait for the flush as well. */
static void leaf_and_leaf(struct program *program)
{
	program_begin(program, "leaf and leaf", 2, 0);
	program_prelude(program, 1, op_access(A));
	program_prelude(program, 1, op_access(B));
	program_add(program, 0, op_range(OP_ZAP, A, A + 1));
	program_add(program, 1, op_range(OP_ZAP, A, A + 1));
}

/* Two CPUs, both in the guest, each begin a round at once. */
static void round_and_round(struct program *program)
{
	program_begin(program, "round and round", 2, 0);
	program_prelude(program, 0, op_access(A));
	program_prelude(program, 1, op_access(C));
	program_add(program, 0, op_range(OP_ROUND, 0, 0));
	program_add(program, 0, op_access(C));
	program_add(program, 1, op_range(OP_ZAP, C, C + 1));
}

/* What is mapped next is another frame: the old one must be gone from all CPUs. */
static void guest_and_slot(struct program *program)
{
	program_begin(program, "guest and slot", 2, 1);
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_access(P));
	program_prelude(program, 1, op_access(P));
	program_add(program, 0, op_access(P));
	program_add(program, 1, op_access(P));
	program_add(program, 2, op_position(OP_SLOT, 0));
	program_add(program, 2, op_position(OP_SLOT, 0));
}

static void guest_and_move(struct program *program)
{
	program_begin(program, "guest and move", 1, 1);
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_access(P));
	program_add(program, 0, op_access(P));
	program_add(program, 0, op_access(P));
	program_add(program, 1, op_position(OP_MOVE, 0));
}

static void guest_and_readonly(struct program *program)
{
	program_begin(program, "guest and read-only", 1, 1);
	program_prelude(program, 0, op_position(OP_SLOT, 0));
	program_prelude(program, 0, op_access(P));
	program_add(program, 0, op_access(P));
	program_add(program, 0, op_access(P + 1));
	program_add(program, 1, op_position(OP_READONLY, 0));
}

/* A hole becomes memory: its mark must not hide that. */
static void fault_and_slot(struct program *program)
{
	program_begin(program, "fault and slot", 1, 1);
	program_prelude(program, 0, op_access(A));
	program_prelude(program, 0, op_access(P));
	program_add(program, 0, op_access(P));
	program_add(program, 0, op_access(P));
	program_add(program, 1, op_position(OP_SLOT, 0));
}

static void split_and_write(struct program *program)
{
	program_begin(program, "split and write", 1, 1);
	program->world.max_leaf = LEVEL_2M;
	program_prelude(program, 0, op_access(A));
	program_add(program, 0, op_access(A));
	program_add(program, 0, op_access(B));
	program_add(program, 1, op_range(OP_SPLIT, A, C));
	program_add(program, 1, op_range(OP_COLLAPSE, A, C));
}

static void zap_and_collapse(struct program *program)
{
	program_begin(program, "zap and collapse", 1, 2);
	program->world.max_leaf = LEVEL_2M;
	program_prelude(program, 0, op_access(A));
	program_prelude(program, 0, op_range(OP_SPLIT, A, C));
	program_add(program, 0, op_access(B));
	program_add(program, 1, op_range(OP_COLLAPSE, A, C));
	program_add(program, 2, op_range(OP_ZAP, A, A + 1));
}

/* One leaf for a gigabyte, of which one page is removed. */
static void huge_and_zap(struct program *program)
{
	const u64 giga = GIB(1) / PAGE_SIZE;

	program_begin(program, "huge leaf and zap", 1, 1);
	program->world.max_leaf = LEVEL_1G;
	program_prelude(program, 0, op_access(giga));
	program_add(program, 0, op_access(giga + 700));
	program_add(program, 0, op_access(giga + 701));
	program_add(program, 1, op_range(OP_ZAP, giga + 700, giga + 701));
}

const struct directed directed_programs[] = {
	{ "entry and round", entry_and_round, 3 },
	{ "guest and zap", guest_and_zap, 3 },
	{ "guest and table", guest_and_table, 2 },
	{ "fault and fault", fault_and_fault, 3 },
	{ "fault and zap", fault_and_zap, 2 },
	{ "fault and zap of all", fault_and_zap_all, 2 },
	{ "walk and zap", walk_and_zap, 2 },
	{ "zap and zap", zap_and_zap, 2 },
	{ "leaf and leaf", leaf_and_leaf, 2 },
	{ "round and round", round_and_round, 2 },
	{ "huge leaf and zap", huge_and_zap, 3 },
	{ "guest and slot", guest_and_slot, 2 },
	{ "guest and move", guest_and_move, 2 },
	{ "guest and read-only", guest_and_readonly, 2 },
	{ "fault and slot", fault_and_slot, 2 },
	{ "write and harvest, protected", directed_harvest_protected, 2 },
	{ "write and harvest, dirty bits", directed_harvest_bits, 2 },
	{ "write and harvest, listed", directed_harvest_listed, 2 },
	{ "harvest and write", directed_harvest_and_write, 2 },
	{ "write by two and harvest", directed_write_by_two, 2 },
	{ "write and log", directed_log, 2 },
	{ "zap of a table and harvest", directed_zap_table_and_harvest, 1 },
	{ "zap of a page and harvest", directed_zap_page_and_harvest, 1 },
	{ "log and zap", directed_log_and_zap, 1 },
	{ "log again and zap", directed_log_again_and_zap, 2 },
	{ "zap and log again", directed_zap_and_log_again, 2 },
	{ "harvest and neighbour", directed_harvest_and_neighbour, 2 },
	{ "harvests and cached link", directed_harvests_and_cached_link, 2 },
	{ "lists and log", directed_lists_and_log, 1 },
	{ "harvest and first write, added", directed_harvest_and_add, 2 },
	{ "harvest and first write, mended", directed_harvest_and_mend, 2 },
	{ "protect and protect", directed_protect_and_protect, 2 },
	{ "protect and zap", directed_protect_and_zap, 1 },
	{ "zap and protect all", directed_zap_and_protect_all, 1 },
	{ "protect and access", directed_protect_and_access, 2 },
	{ "log and collapse", directed_log_and_collapse, 2 },
	{ "copy and harvest", directed_copy_and_harvest, 2 },
	{ "pointer and harvest", directed_pointer_and_harvest, 2 },
	{ "zap of all and faults", zap_all_and_faults, 2 },
	{ "access and age", directed_age, 2 },
	{ "write and slot", directed_write_and_slot, 2 },
	{ "write and stop", directed_write_and_stop, 2 },
	{ "split and write", split_and_write, 2 },
	{ "zap and collapse", zap_and_collapse, 1 },
	{ NULL, NULL, 0 },
};
