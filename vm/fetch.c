/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exiting instruction: fetched from guest memory, decoded, stepped over. And the exceptions
 * that this and the exit handlers owe the guest.
 */
#include "arch/cpu.h"
#include "lib/err.h"
#include "vm/vcpu.h"

#define DR6_BS BIT(14)
#define VECTOR_GUEST_DB 1

bool exception_has_error(u8 vector)
{
	return vector == VECTOR_GUEST_DF || (vector >= 10 && vector <= 14) || vector == 17;
}

void vcpu_exception(struct vcpu *vcpu, u8 vector)
{
	vcpu->pending = (struct vm_event){ .kind = EVENT_EXCEPTION, .vector = vector };
}

void vcpu_exception_error(struct vcpu *vcpu, u8 vector, u32 error)
{
	vcpu->pending = (struct vm_event){
		.kind = EVENT_EXCEPTION, .vector = vector, .has_error = true, .error = error
	};
}

void vcpu_page_fault(struct vcpu *vcpu, u64 addr, u32 error)
{
	backend->set_reg(vcpu, VREG_CR2, addr);
	vcpu_exception_error(vcpu, VECTOR_GUEST_PF, error);
}

/* Fetch and decode. E_FAULT: *fault and *error say which #PF; other codes: not to be had. */
static int fetch(struct vcpu *vcpu, struct insn *insn, struct fetch_state *state, gva_t *fault,
		 u32 *error)
{
	u8 bytes[GUEST_FETCH_ROOM];
	size_t len;
	int err;

	backend->get_fetch_state(vcpu, state);
	err = guest_fetch(&vcpu->vm->mem, &state->paging, GVA(state->linear_rip), bytes, &len,
			  fault, error);
	return err ? err : insn_decode(insn, bytes, len, state->mode);
}

int vcpu_peek(struct vcpu *vcpu, struct insn *insn, struct fetch_state *state)
{
	gva_t fault;
	u32 error;

	return fetch(vcpu, insn, state, &fault, &error);
}

int vcpu_fetch(struct vcpu *vcpu, const struct vm_exit *exit, struct insn *insn,
	       struct fetch_state *state)
{
	gva_t fault;
	u32 error;
	int err = fetch(vcpu, insn, state, &fault, &error);

	if (likely(!err))
		return 0;
	if (err == E_FAULT)
		vcpu_page_fault(vcpu, fault.raw, error);
	else
		vm_kill(vcpu->vm, exit, "the instruction that exited cannot be read or decoded");
	return err;
}

void vcpu_retired(struct vcpu *vcpu)
{
	/* The shadow of the instruction before is over; single-stepping traps after this one. */
	backend->clear_shadow(vcpu);
	if (unlikely(vcpu->window))
		atomic_fetch_or(&vcpu->requests, REQUEST_EVENT);
	if (unlikely(vcpu->regs.rflags & (RFLAGS_TF | RFLAGS_RF))) {
		vcpu->regs.rflags &= ~(u64)RFLAGS_RF;
		if (vcpu->regs.rflags & RFLAGS_TF) {
			u64 dr6 = backend->get_reg(vcpu, VREG_DR6);

			backend->set_reg(vcpu, VREG_DR6, dr6 | DR6_BS);
			vcpu_exception(vcpu, VECTOR_GUEST_DB);
		}
	}
}

void vcpu_skip_by(struct vcpu *vcpu, const struct fetch_state *state, u32 len)
{
	u64 rip = vcpu->regs.rip + len;

	vcpu->regs.rip = state->mode == INSN_64 ? rip : (u32)rip;
	vcpu_retired(vcpu);
}

bool vcpu_skip(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct fetch_state state;
	struct insn insn;

	if (exit->insn_len) {
		backend->get_fetch_state(vcpu, &state);
		vcpu_skip_by(vcpu, &state, exit->insn_len);
		return true;
	}
	if (vcpu_fetch(vcpu, exit, &insn, &state))
		return false;
	vcpu_skip_by(vcpu, &state, insn.len);
	return true;
}
