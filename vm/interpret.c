/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU in a state that the CPU cannot run a guest in: its instructions are executed here, one by
 * one, by the interpreter, until the back end finds that it can take over. Instructions that always
 * exit go to the handlers of their exits. Hardware breakpoints are not looked at meanwhile.
 */
#include "vm/interpret.h"
#include "arch/cpu.h"
#include "arch/traps.h"
#include "arch/vector.h"
#include "lib/err.h"
#include "lib/string.h"
#include "vm/interp.h"

/* Instructions, and elements of string instructions, before the host looks around again. */
#define BURST 512u
/* What it costs to begin, in instructions: many that end a burst at once must not add up. */
#define BEGIN 32u

#define VECTOR_TS 10
#define OP_IRET 0xcf
#define OP_XCHG 0x86u

struct emulation {
	struct vcpu *vcpu;
	const struct vm_exit *exit;
	struct fetch_state state;
	struct interp interp;
	bool in_shadow; /* the step before was an STI or a load of SS */
	/* What the instruction has read, to write there; size 0: nothing. */
	u64 read_linear, read_value;
	unsigned int read_size;
};

/* Of an access of the interpreter: with whose rights it is made. */
static const struct fetch_state *rights(struct emulation *e, bool supervisor)
{
	e->state.paging.user = !supervisor && interp_cpl(&e->interp) == 3;
	return &e->state;
}

static int read_memory(void *ctx, u64 linear, unsigned int size, u64 *value, unsigned int how)
{
	struct emulation *e = ctx;
	const struct fetch_state *state = rights(e, how & INTERP_SUPERVISOR);
	int err = 0;

	if (how & INTERP_WILL_WRITE)
		err = vcpu_probe_linear(e->vcpu, e->exit, state, linear, size, PF_WRITE);
	if (!err)
		err = vcpu_read_linear(e->vcpu, e->exit, state, linear, value, size);
	if (err || !(how & INTERP_WILL_WRITE))
		return err;
	e->read_linear = linear;
	e->read_value = *value;
	e->read_size = size;
	return 0;
}

/* XCHG is so without the prefix. */
static bool is_locked(const struct insn *insn)
{
	return insn->prefixes & INSN_PFX_LOCK ||
	       (insn->map == 0 && (insn->opcode & ~1u) == OP_XCHG);
}

static int write_memory(void *ctx, u64 linear, unsigned int size, u64 value, unsigned int how)
{
	struct emulation *e = ctx;
	const struct fetch_state *state = rights(e, how & INTERP_SUPERVISOR);

	/* Another vCPU may have been faster: then the whole instruction is done again. */
	if (is_locked(&e->interp.insn) && e->read_size == size && e->read_linear == linear)
		return vcpu_replace_linear(e->vcpu, e->exit, state, linear, e->read_value, value,
					   size);
	return vcpu_write_linear(e->vcpu, e->exit, state, linear, value, size);
}

static int probe(void *ctx, u64 linear, unsigned int size, unsigned int how)
{
	struct emulation *e = ctx;
	u32 access = how & INTERP_WILL_WRITE ? PF_WRITE : 0;

	return vcpu_probe_linear(e->vcpu, e->exit, rights(e, how & INTERP_SUPERVISOR), linear, size,
				 access);
}

static int replace_pair(void *ctx, u64 linear, u64 old[2], const u64 value[2], bool *same,
			unsigned int how)
{
	struct emulation *e = ctx;

	return vcpu_replace_pair(e->vcpu, e->exit, rights(e, how & INTERP_SUPERVISOR), linear, old,
				 value, same);
}

/* The guest's are in the CPU. */
static void read_vector(void *ctx __unused, unsigned int size, unsigned int reg, u64 *value)
{
	vector_read(size, reg, value);
}

static void write_vector(void *ctx __unused, unsigned int size, unsigned int reg, const u64 *value)
{
	vector_write(size, reg, value);
}

static int fetch(void *ctx, u64 linear, u8 *bytes, size_t *len)
{
	struct emulation *e = ctx;
	const struct fetch_state *state = rights(e, false);
	u8 buf[GUEST_FETCH_ROOM];
	size_t got;
	gva_t fault;
	u32 error;
	int err = guest_fetch(&e->vcpu->vm->mem, &state->paging, GVA(linear), buf, &got, &fault,
			      &error);

	if (err == E_FAULT)
		vcpu_page_fault(e->vcpu, fault.raw, error);
	else if (err)
		vm_kill(e->vcpu->vm, e->exit, "it fetched an instruction where there is no memory");
	if (err)
		return err;
	*len = MIN(*len, got);
	memcpy(bytes, buf, *len);
	return 0;
}

static const struct interp_ops ops = {
	.read = read_memory,
	.write = write_memory,
	.probe = probe,
	.replace_pair = replace_pair,
	.vector_read = read_vector,
	.vector_write = write_vector,
	.fetch = fetch,
};

static void load(struct emulation *e)
{
	struct vcpu *vcpu = e->vcpu;
	struct interp *interp = &e->interp;
	const struct cpuid_table *cpuid = &vcpu->vm->cpuid;

	backend->get_fetch_state(vcpu, &e->state);
	if (vcpu->regs.rflags & RFLAGS_AC)
		e->state.paging.cr4 &= ~CR4_SMAP;
	*interp = (struct interp){
		.regs = &vcpu->regs,
		.gdtr = { backend->table_base(vcpu, TABLE_GDTR),
			  backend->table_limit(vcpu, TABLE_GDTR) },
		.idtr = { backend->table_base(vcpu, TABLE_IDTR),
			  backend->table_limit(vcpu, TABLE_IDTR) },
		.cr0 = e->state.paging.cr0,
		.cr4 = backend->get_reg(vcpu, VREG_CR4),
		.efer = e->state.paging.efer,
		.leaf1_ecx = cpuid->basic[1].ecx,
		.leaf7_ebx = cpuid->basic[7].ebx,
		.ext1_ecx = cpuid->extended[1].ecx,
		.ctx = e,
		.ops = &ops,
	};
	if (interp->cr4 & CR4_OSXSAVE)
		interp->xcr0 = xgetbv(0);
	for (u32 seg = SEG_ES; seg <= SEG_TR; seg++)
		backend->get_seg(vcpu, (enum insn_seg)seg, &interp->seg[seg]);
}

static void store(struct emulation *e)
{
	struct vcpu *vcpu = e->vcpu;
	struct interp *interp = &e->interp;

	for (u32 seg = SEG_ES; seg <= SEG_TR; seg++) {
		if (interp->seg_changed & BIT(seg))
			backend->set_seg(vcpu, (enum insn_seg)seg, &interp->seg[seg]);
	}
	if (interp->gdtr_changed)
		backend->set_table(vcpu, TABLE_GDTR, interp->gdtr.base, interp->gdtr.limit);
	if (interp->idtr_changed)
		backend->set_table(vcpu, TABLE_IDTR, interp->idtr.base, interp->idtr.limit);
	interp->seg_changed = 0;
	interp->gdtr_changed = interp->idtr_changed = false;
}

/* The manual's classes of exceptions: which two of them make a double fault. */
static bool is_contributory(u8 vector)
{
	return vector == VECTOR_GUEST_DE || (vector >= VECTOR_TS && vector <= VECTOR_GUEST_GP);
}

/* second came up while first was being delivered. */
static void fault_in_delivery(struct emulation *e, const struct vm_event *first,
			      const struct vm_event *second)
{
	struct vcpu *vcpu = e->vcpu;
	bool page_fault = second->vector == VECTOR_GUEST_PF;
	bool serious = is_contributory(second->vector) || page_fault;

	if (first->kind != EVENT_EXCEPTION || !serious) {
		vcpu_owe(vcpu, second);
	} else if (first->vector == VECTOR_GUEST_DF) {
		vcpu->pending.kind = EVENT_NONE;
		vcpu_exit(vcpu, &(struct vm_exit){ .kind = EXIT_SHUTDOWN });
	} else if (first->vector == VECTOR_GUEST_PF ||
		   (is_contributory(first->vector) && !page_fault)) {
		vcpu_exception_error(vcpu, VECTOR_GUEST_DF, 0);
	} else {
		vcpu_owe(vcpu, second);
	}
}

static void unsupported(struct emulation *e, const char *what)
{
	store(e);
	if (e->exit->kind == EXIT_TDP_FAULT)
		vm_kill(e->vcpu->vm, e->exit,
			"its instruction on device memory at gpa %llx is not supported",
			(unsigned long long)e->exit->fault.gpa.raw);
	else
		vm_kill(e->vcpu->vm, e->exit, "%s, in a mode that this CPU cannot run guests in",
			what);
}

/* Deliver what is owed. False: emulation ends here. */
static bool deliver(struct emulation *e)
{
	struct vcpu *vcpu = e->vcpu;
	struct vm_event event = vcpu->pending, second;

	vcpu->pending.kind = EVENT_NONE;
	switch (interp_deliver(&e->interp, &event)) {
	case INTERP_FAULT:
		fault_in_delivery(e, &event, &e->interp.fault);
		return false;
	case INTERP_ABORT:
		second = vcpu->pending;
		if (second.kind != EVENT_NONE)
			fault_in_delivery(e, &event, &second);
		return false;
	case INTERP_UNSUPPORTED:
		unsupported(e, "an event through a task gate");
		return false;
	default:
		if (event.kind == EVENT_NMI)
			backend->block_nmis(vcpu, true);
		return true;
	}
}

/* The instruction has a handler, which wants it as the exit that it would have been. */
static void system(struct emulation *e)
{
	struct vm_exit exit = { .cs_base = e->exit->cs_base, .cr3 = e->exit->cr3 };

	store(e);
	if (interpret_directly(e->vcpu, &e->state, &e->interp.insn))
		return;
	interpret_as_exit(e->vcpu, &e->interp.insn, &exit);
	vcpu_exit(e->vcpu, &exit);
}

/* Does anything wait that the loop around must see to? */
static bool wanted_elsewhere(const struct vcpu *vcpu)
{
	return atomic_load(&vcpu->requests) | atomic_load(&this_cpu()->attention);
}

/* What an instruction has come to. False: emulation ends here. */
static bool conclude(struct emulation *e, enum interp_result result)
{
	struct vcpu *vcpu = e->vcpu;

	switch (result) {
	case INTERP_DONE:
		return true;
	case INTERP_TRAP:
		backend->set_reg(vcpu, VREG_DR6, backend->get_reg(vcpu, VREG_DR6) | DR6_BS);
		vcpu_exception(vcpu, VECTOR_GUEST_DB);
		break;
	case INTERP_FAULT:
		vcpu_owe(vcpu, &e->interp.fault);
		break;
	case INTERP_ABORT:
		break;
	case INTERP_SYSTEM:
		system(e);
		break;
	case INTERP_UNSUPPORTED:
		unsupported(e, "an instruction that is not supported");
		break;
	}
	return false;
}

/* One instruction. False: emulation ends here, or the back end should have another look. */
static bool step(struct emulation *e)
{
	struct vcpu *vcpu = e->vcpu;
	struct interp *interp = &e->interp;
	bool was_in_shadow = e->in_shadow;
	enum interp_result result;

	vcpu->emulated++;
	e->read_size = 0;
	result = interp_step(interp);
	/* Even when it faults. */
	if (interp->insn.map == 0 && interp->insn.opcode == OP_IRET)
		backend->block_nmis(vcpu, false);
	if (result <= INTERP_TRAP)
		vcpu_leave_shadow(vcpu);
	if (!conclude(e, result))
		return false;
	if (interp->insn.prefixes & (INSN_PFX_REP | INSN_PFX_REPNE))
		vcpu->emulated += INTERP_REP_MAX;
	/* An interrupt must not come behind an STI: its shadow ends in here. One in another is none. */
	e->in_shadow = interp->shadow && !was_in_shadow;
	if (e->in_shadow)
		return true;
	if (vcpu->window && vcpu->regs.rflags & RFLAGS_IF)
		atomic_fetch_or(&vcpu->requests, REQUEST_EVENT);
	return !interp->seg_changed && !wanted_elsewhere(vcpu) && vcpu->emulated < BURST;
}

void vcpu_interpret(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct emulation e = { .vcpu = vcpu, .exit = exit };
	bool more;

	load(&e);
	/* Behind one that begins a shadow comes the next, too. */
	do {
		more = step(&e) && e.in_shadow;
	} while (more);
	store(&e);
	vcpu_check_timers(vcpu);
}

void exit_emulate(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct emulation e = { .vcpu = vcpu, .exit = exit };
	bool more = true;

	vcpu->emulated += BEGIN;
	load(&e);
	if (vcpu->pending.kind != EVENT_NONE)
		more = deliver(&e);
	while (more)
		more = step(&e);
	store(&e);
	vcpu->between = false;
	vcpu_check_timers(vcpu);
	if (vcpu->emulated < BURST && !atomic_load(&this_cpu()->attention))
		return;
	/* As if a host interrupt had ended the guest's turn. */
	vcpu->emulated = 0;
	vcpu_look_around(vcpu);
}
