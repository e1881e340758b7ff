/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the simulated CPUs and management threads do: see ops.h.
 */
#include "ops.h"

#include "dirty.h"
#include "hw.h"
#include "mm/tdp_iter.h"
#include "ops_position.h"
#include "report.h"

/* No access can need that many faults: each one that retries lets others go on. */
#define RETRIES 20000u

static u64 pick_hot(u64 *rng)
{
	return world.config->hot[rng_below(rng, world.config->hot_count)];
}

static void choose_gfn(struct op *op, u64 *rng)
{
	static const u8 accesses[] = { ACCESS_READ, ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

	op->gfn = pick_hot(rng);
	op->end = op->gfn + 1;
	op->access = accesses[rng_below(rng, ARRAY_SIZE(accesses))];
}

static void choose_range(struct op *op, u64 *rng)
{
	op->gfn = pick_hot(rng);
	switch (rng_below(rng, 16)) {
	case 0:
		op->gfn = 0;
		op->end = BIT(36);
		break;
	case 1:
		op->gfn = align_down(op->gfn, level_pages(LEVEL_1G));
		op->end = op->gfn + level_pages(LEVEL_1G);
		break;
	case 2:
	case 3:
		op->gfn = align_down(op->gfn, level_pages(LEVEL_2M));
		op->end = op->gfn + level_pages(LEVEL_2M);
		break;
	case 4:
	case 5:
	case 6:
		op->end = op->gfn + 1 + rng_below(rng, 1024);
		break;
	default:
		op->end = op->gfn + 1 + rng_below(rng, 3);
	}
}

/* Resolve a fault and judge what was said about it. True: it is of no use to try again. */
static bool fault(const struct op *op)
{
	struct backing before = world_backing(op->space, op->gfn), backing;
	bool write = op->access & ACCESS_WRITE;
	enum tdp_result result;

	if (write)
		dirty_told(op->space, op->gfn, true);
	result = tdp_fault(op_tdp(op), gfn_to_gpa(GFN(op->gfn)), op->access);
	if (write)
		dirty_told(op->space, op->gfn, false);
	backing = world_backing(op->space, op->gfn);
	report_event("fault at gfn 0x%lx: result %d", op->gfn, result);
	if (result == TDP_EMULATE ? !before.hole && !backing.hole &&
					    !(write && (before.readonly || backing.readonly))
				  : !before.npages && !backing.npages)
		report("WRONG_RESULT", "a fault at gfn 0x%lx yields %d", op->gfn, result);
	if (result == TDP_NOMEM && !world.config->alloc_fail)
		report("WRONG_RESULT", "a fault at gfn 0x%lx finds no memory", op->gfn);
	/* A CPU that has to try again lets others run; so a script without preemptions ends. */
	if (result == TDP_RETRY)
		__builtin_ia32_pause();
	return result == TDP_EMULATE || result == TDP_NOMEM;
}

/* What the guest's access is taken for, by an entry that was marked so. */
static void device(const struct op *op)
{
	for (u32 i = 0; i < 2; i++) {
		if (!world_backing(op->space, op->gfn).hole)
			report("WRONG_RESULT", "gfn 0x%lx, in a slot, is taken for a device's",
			       op->gfn);
		sched_point(op, true);
	}
}

/* The access has ended in an exit. True: it is of no use to try again. */
static bool access_exit(const struct op *op, enum hw_result result)
{
	if (result == HW_MARK && tdp_mmio_is_current(op_tdp(op))) {
		device(op);
		return true;
	}
	return fault(op);
}

static void run_access(struct actor *actor, const struct op *op)
{
	enum hw_result result;

	for (u32 i = 0; i < RETRIES; i++) {
		hw_enter(actor->cpu, op->space);
		if (!hw_stays(actor->cpu))
			continue;
		if (!world.config->lazy_cpu && chance(4))
			hw_speculate(actor->cpu);
		result = hw_access(actor->cpu, op->gfn, op->access);
		if (result == HW_DONE) {
			report_event("has accessed gfn 0x%lx", op->gfn);
			return;
		}
		hw_exit(actor->cpu);
		if (access_exit(op, result))
			return;
	}
	report("LIVELOCK", "an access to gfn 0x%lx has faulted %u times", op->gfn, RETRIES);
}

static void run_stay(struct actor *actor, const struct op *op)
{
	u64 steps = 1 + rng_below(&actor->rng, 16);

	hw_enter(actor->cpu, op->space);
	while (steps-- && hw_stays(actor->cpu))
		hw_speculate(actor->cpu);
}

static void run_leave(struct actor *actor, const struct op *op)
{
	(void)op;
	hw_exit(actor->cpu);
}

static void run_fault(struct actor *actor, const struct op *op)
{
	(void)actor;
	(void)fault(op);
}

static void run_walk(struct actor *actor, const struct op *op)
{
	struct tdp_walk_step steps[8];
	unsigned int count = tdp_walk(op_tdp(op), gfn_to_gpa(GFN(op->gfn)), steps);

	(void)actor;
	if (!count != !tdp_covers(op_tdp(op), GFN(op->gfn)) || count > op_tdp(op)->root_level)
		report("WRONG_RESULT", "a walk of %u steps", count);
}

static void run_zap(struct actor *actor, const struct op *op)
{
	(void)actor;
	tdp_zap(op_tdp(op), GFN(op->gfn), GFN(op->end));
}

static void run_round(struct actor *actor, const struct op *op)
{
	(void)actor;
	tlb_shootdown(&op_tdp(op)->tlb);
}

static void run_protect(struct actor *actor, const struct op *op)
{
	(void)actor;
	tdp_write_protect(op_tdp(op), GFN(op->gfn), GFN(op->end));
}

static void run_split(struct actor *actor, const struct op *op)
{
	(void)actor;
	world.small_leaves = true;
	/* The judge has not room for a leaf of 1 GiB in pieces. */
	if (op->end - op->gfn <= level_pages(LEVEL_2M) && world.config->max_leaf < LEVEL_1G)
		op_expect_memory(tdp_split(op_tdp(op), GFN(op->gfn), GFN(op->end)));
}

static void run_collapse(struct actor *actor, const struct op *op)
{
	(void)actor;
	world.small_leaves = true;
	tdp_collapse(op_tdp(op), GFN(op->gfn), GFN(op->end));
}

static void run_age(struct actor *actor, const struct op *op)
{
	u64 limit = BIT(36);

	(void)actor;
	if (tdp_age(op_tdp(op), GFN(op->gfn), GFN(op->end)) > limit)
		report("WRONG_RESULT", "more pages used than there are");
}

/* The handler keeps where it has fetched an instruction from, and forgets it when it flushes. */
static void fetch(struct vcpu *vcpu, const struct guest_mem *mem, gpa_t gpa)
{
	const u8 *page = guest_mem_ptr(mem, gpa);

	vcpu->memo.page = page;
	vcpu->memo.rip_page = page ? 0 : FETCH_MEMO_NONE;
}

/*
 * Write to guest memory, of which the log was told, and will be told again. Before and after it is
 * a moment for others: at a word that those who change or harvest slots write to.
 */
static void write_there(const struct op *op)
{
	sched_point(&op_tdp(op)->slots_lock, false);
	dirty_written(op->space, op->gfn);
	sched_point(&op_tdp(op)->slots_lock, false);
}

void *__real_memcpy(void *to, const void *from, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size);

/* The frames of guests do not exist: a copy there is none, but it takes time, and it is a write. */
void *__wrap_memcpy(void *to, const void *from, size_t size)
{
	const struct actor *me = sched.current;

	if (likely(!me || (u64)((unsigned char *)to - host_memory) - GIB(1) > BIT(48)))
		return __real_memcpy(to, from, size);
	write_there(me->op);
	return to;
}

/* The hypervisor's own copies may write to read-only slots, and to what is just going. */
static void copy(const struct op *op)
{
	struct backing before = world_backing(op->space, op->gfn), backing;
	u64 value = 0;
	int err = guest_mem_write(&world.vms[op->space].mem, gfn_to_gpa(GFN(op->gfn)), &value,
				  sizeof(value));

	backing = world_backing(op->space, op->gfn);
	if (err ? !before.hole && !backing.hole : !before.npages && !backing.npages)
		report("WRONG_RESULT", "a copy to gfn 0x%lx yields %d", op->gfn, err);
}

static void write_by_pointer(const struct op *op)
{
	const struct guest_mem *mem = &world.vms[op->space].mem;
	gpa_t gpa = gfn_to_gpa(GFN(op->gfn));

	if (!guest_mem_ptr_write(mem, gpa))
		return;
	if (!world_backing(op->space, op->gfn).writable)
		report("WRONG_RESULT", "gfn 0x%lx, which is read-only, may be written", op->gfn);
	write_there(op);
	guest_mem_written(mem, gpa);
}

/* In an exit's handler, or a turn that does not enter the guest. */
static void run_write(struct actor *actor, const struct op *op)
{
	if (world.config->lazy_cpu || chance(2))
		hw_enter(actor->cpu, op->space);
	hw_turn(actor->cpu, op->space);
	fetch(&actor->cpu->vcpus[op->space], &world.vms[op->space].mem, gfn_to_gpa(GFN(op->gfn)));
	dirty_told(op->space, op->gfn, true);
	if (op->access & ACCESS_EXEC)
		copy(op);
	else
		write_by_pointer(op);
	dirty_told(op->space, op->gfn, false);
}

const struct op_kind op_kinds[OP_KINDS] = {
	[OP_ACCESS] = { "access", 100, 0, choose_gfn, run_access, .in_guest = true },
	[OP_STAY] = { "stay", 10, 0, choose_gfn, run_stay, .in_guest = true },
	[OP_LEAVE] = { "leave", 3, 0, choose_gfn, run_leave },
	[OP_FAULT] = { "fault", 2, 20, choose_gfn, run_fault },
	[OP_WALK] = { "walk", 3, 10, choose_gfn, run_walk },
	[OP_ZAP] = { "zap", 3, 30, choose_range, run_zap, .removes = true, .max_rounds = 1 },
	[OP_ROUND] = { "round", 1, 3, choose_gfn, run_round, .asks_round = true, .max_rounds = 1 },
	[OP_PROTECT] = { "protect", 1, 5, choose_range, run_protect, .shares_round = true,
			 .narrows = true, .protects = true, .max_rounds = 1 },
	[OP_SPLIT] = { "split", 1, 4, choose_range, run_split },
	[OP_COLLAPSE] = { "collapse", 1, 4, choose_range, run_collapse, .narrows = true,
			  .max_rounds = 1 },
	[OP_AGE] = { "age", 1, 3, choose_range, run_age, .shares_round = true, .narrows = true,
		     .max_rounds = 1 },
	[OP_WRITE] = { "write", 4, 0, choose_gfn, run_write, .in_guest = true },
	[OP_SLOT] = { "slot", 3, 20, choose_position, run_slot, .removes = true, .asks_round = true,
		      .max_rounds = 1 },
	[OP_MOVE] = { "move", 1, 6, choose_position, run_move, .removes = true, .asks_round = true,
		      .max_rounds = 1 },
	[OP_READONLY] = { "readonly", 1, 5, choose_position, run_readonly, .shares_round = true,
			  .narrows = true, .protects = true, .max_rounds = 1 },
	[OP_LOG] = { "log", 1, 6, choose_position, run_log, .shares_round = true, .narrows = true,
		     .max_rounds = 1 },
	[OP_HARVEST] = { "harvest", 1, 12, choose_position, run_harvest, .shares_round = true,
			 .narrows = true, .max_rounds = 1 },
};

struct op op_access(u64 gfn)
{
	return (struct op){ .kind = OP_ACCESS, .access = ACCESS_WRITE, .gfn = gfn, .end = gfn + 1 };
}

struct op op_read(u64 gfn)
{
	return (struct op){ .kind = OP_ACCESS, .access = ACCESS_READ, .gfn = gfn, .end = gfn + 1 };
}

struct op op_write_fault(u64 gfn)
{
	return (struct op){ .kind = OP_FAULT, .access = ACCESS_WRITE, .gfn = gfn, .end = gfn + 1 };
}

struct op op_range(enum op_id kind, u64 gfn, u64 end)
{
	return (struct op){ .kind = (u8)kind, .access = ACCESS_READ, .gfn = gfn, .end = end };
}

struct op op_position(enum op_id kind, u8 how)
{
	return (struct op){ .kind = (u8)kind,
			    .access = how,
			    .gfn = POSITION_GFN(0),
			    .end = POSITION_GFN(0) + POSITION_PAGES };
}
