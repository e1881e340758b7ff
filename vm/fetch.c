/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exiting instruction: fetched from guest memory, decoded, stepped over. And the exceptions
 * that this and the exit handlers owe the guest.
 */
#include "arch/cpu.h"
#include "lib/err.h"
#include "lib/string.h"
#include "vm/skip.h"

#define PTE_ADDR BITS(51, 12)
#define PTE_LARGE BIT(7)

bool exception_has_error(u8 vector)
{
	return vector == VECTOR_GUEST_DF || (vector >= 10 && vector <= 14) || vector == 17;
}

void vcpu_owe(struct vcpu *vcpu, const struct vm_event *event)
{
	vcpu->pending = *event;
	atomic_fetch_or(&vcpu->requests, REQUEST_EVENT);
}

void vcpu_exception(struct vcpu *vcpu, u8 vector)
{
	vcpu_owe(vcpu, &(struct vm_event){ .kind = EVENT_EXCEPTION, .vector = vector });
}

void vcpu_exception_error(struct vcpu *vcpu, u8 vector, u32 error)
{
	/* Real mode has no error codes. */
	bool has_error = backend->get_reg(vcpu, VREG_CR0) & CR0_PE;

	vcpu_owe(vcpu, &(struct vm_event){ .kind = EVENT_EXCEPTION,
					   .vector = vector,
					   .has_error = has_error,
					   .error = has_error ? error : 0 });
}

void vcpu_page_fault(struct vcpu *vcpu, u64 addr, u32 error)
{
	backend->set_reg(vcpu, VREG_CR2, addr);
	vcpu_exception_error(vcpu, VECTOR_GUEST_PF, error);
}

/* Walk 4-level tables for rip's page and remember what was read. Rights do not matter: it ran. */
static void memo_fill(struct vcpu *vcpu, const struct fetch_state *state)
{
	struct fetch_memo *memo = &vcpu->memo;
	const struct guest_mem *mem = &vcpu->vm->mem;
	u64 table = state->paging.cr3, value = 0;
	const u64 *entry = NULL;
	bool leaf = false;
	struct segment cs;

	fetch_memo_forget(memo);
	if (state->mode != INSN_64 || state->paging.cr4 & CR4_LA57)
		return;
	for (unsigned int i = 0; i < FETCH_MEMO_LEVELS; i++) {
		unsigned int level = FETCH_MEMO_LEVELS - i;

		if (!leaf) {
			entry = guest_mem_ptr(mem, GPA(table & PTE_ADDR));
			if (!entry)
				return;
			entry += state->linear_rip >> level_shift(level) & (TABLE_ENTRIES - 1);
			value = atomic_load(entry);
			leaf = level == LEVEL_4K || (value & PTE_LARGE);
			table = value & ~(leaf ? level_size(level) - 1 : 0);
			if (leaf)
				table |= state->linear_rip & (level_size(level) - 1) &
					 ~(PAGE_SIZE - 1);
		}
		memo->entry[i] = entry;
		memo->value[i] = value;
	}
	memo->page = guest_mem_ptr(mem, GPA(table & PTE_ADDR));
	if (!memo->page)
		return;
	backend->get_seg(vcpu, SEG_CS, &cs);
	memo->cs_base = cs.base;
	memo->cr3 = state->paging.cr3;
	memo->rip_page = align_down(vcpu->regs.rip, PAGE_SIZE);
}

/* Fetch and decode. E_FAULT: *fault and *error say which #PF; other codes: not to be had. */
static int fetch(struct vcpu *vcpu, struct insn *insn, struct fetch_state *state, gva_t *fault,
		 u32 *error)
{
	u8 bytes[GUEST_FETCH_ROOM];
	size_t len;
	int err;

	err = guest_fetch(&vcpu->vm->mem, &state->paging, GVA(state->linear_rip), bytes, &len,
			  fault, error);
	if (err)
		return err;
	memo_fill(vcpu, state);
	return insn_decode(insn, bytes, len, state->mode);
}

static inline bool same_bytes(const u8 *a, const u8 *b)
{
	u64 x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

int vcpu_peek(struct vcpu *vcpu, struct insn *insn, struct fetch_state *state)
{
	gva_t fault;
	u32 error;

	backend->get_fetch_state(vcpu, state);
	return fetch(vcpu, insn, state, &fault, &error);
}

int vcpu_peek_byte(struct vcpu *vcpu, const struct fetch_state *state)
{
	u64 rip = vcpu->regs.rip;
	const u8 *byte = NULL;
	u8 bytes[GUEST_FETCH_ROOM];
	gva_t fault;
	size_t len;
	u32 error;

	/* No entry may have looked yet whether the memo's pointers are as new as the slots. */
	if (vcpu->flushed_generation == atomic_load(&vcpu->vm->tdp.tlb.generation))
		byte = fetch_memo_find(&vcpu->memo, rip, 1, state->linear_rip - rip,
				       state->paging.cr3);
	if (likely(byte))
		return *byte;
	if (guest_fetch(&vcpu->vm->mem, &state->paging, GVA(state->linear_rip), bytes, &len, &fault,
			&error))
		return -1;
	memo_fill(vcpu, state);
	return bytes[0];
}

/* MOV of 32 bits from a register, an immediate value or to a register, as compilers make it. */
static bool is_plain_mov(const struct insn *insn)
{
	if (insn->map || insn->vex || insn->opsize != 4 || insn->addrsize != 8 || insn->prefixes ||
	    !insn->mem || insn->rip_relative)
		return false;
	return insn->opcode == 0x8b || insn->opcode == 0x89 ||
	       (insn->opcode == 0xc7 && !(insn->reg & 7));
}

/* From the page of the last fetch, and often the instruction of the last. Not 0: it must be fetched. */
static inline int fetch_remembered(struct vcpu *vcpu, const struct vm_exit *exit,
				   const struct fetch_state *state, struct insn *insn)
{
	struct fetch_memo *memo = &vcpu->memo;
	u64 rip = vcpu->regs.rip;
	struct fetch_insn *kept = fetch_memo_insn(memo, rip);
	const u8 *bytes = fetch_memo_find(memo, rip, sizeof(kept->bytes), exit->cs_base, exit->cr3);
	int err = 0;

	if (unlikely(!bytes))
		return E_NOENT;
	if (!kept->decoded || kept->mode != state->mode || !same_bytes(kept->bytes, bytes)) {
		memcpy(kept->bytes, bytes, sizeof(kept->bytes));
		kept->mode = state->mode;
		err = insn_decode(&kept->insn, kept->bytes, INSN_MAX_LEN, state->mode);
		kept->decoded = !err;
		kept->plain = !err && kept->mode == INSN_64 && is_plain_mov(&kept->insn);
	}
	*insn = kept->insn;
	return err;
}

int vcpu_fetch(struct vcpu *vcpu, const struct vm_exit *exit, struct insn *insn,
	       struct fetch_state *state)
{
	gva_t fault;
	u32 error;
	int err;

	backend->get_fetch_state(vcpu, state);
	/* Data accesses to user pages with AC set are not for SMAP to refuse. */
	if (unlikely(vcpu->regs.rflags & RFLAGS_AC))
		state->paging.cr4 &= ~CR4_SMAP;
	if (likely(!fetch_remembered(vcpu, exit, state, insn)))
		return 0;
	err = fetch(vcpu, insn, state, &fault, &error);
	if (likely(!err))
		return 0;
	if (err == E_FAULT)
		vcpu_page_fault(vcpu, fault.raw, error);
	else
		vm_kill(vcpu->vm, exit, "the instruction that exited cannot be read or decoded");
	return err;
}

const struct insn *vcpu_fetch_plain_mov(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct fetch_memo *memo = &vcpu->memo;
	struct fetch_state state;
	u64 rip = vcpu->regs.rip;
	const struct fetch_insn *kept = fetch_memo_insn(memo, rip);
	const u8 *bytes = fetch_memo_find(memo, rip, sizeof(kept->bytes), exit->cs_base, exit->cr3);

	if (unlikely(!bytes || !kept->plain || !same_bytes(kept->bytes, bytes)))
		return NULL;
	backend->get_fetch_state(vcpu, &state);
	return likely(state.mode == INSN_64) ? &kept->insn : NULL;
}

void vcpu_retired_more(struct vcpu *vcpu)
{
	vcpu_leave_shadow(vcpu);
	if (vcpu->window)
		atomic_fetch_or(&vcpu->requests, REQUEST_EVENT);
	vcpu->regs.rflags &= ~(u64)RFLAGS_RF;
	if (vcpu->regs.rflags & RFLAGS_TF) {
		u64 dr6 = backend->get_reg(vcpu, VREG_DR6);

		backend->set_reg(vcpu, VREG_DR6, dr6 | DR6_BS);
		vcpu_exception(vcpu, VECTOR_GUEST_DB);
	}
}

void vcpu_skip_by(struct vcpu *vcpu, const struct fetch_state *state, u32 len)
{
	u64 rip = vcpu->regs.rip + len;

	vcpu->regs.rip = state->mode == INSN_64 ? rip : (u32)rip;
	vcpu_retired(vcpu);
}

bool vcpu_skip_slowly(struct vcpu *vcpu, const struct vm_exit *exit)
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
