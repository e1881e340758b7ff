/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port accesses of the guest. A port without a device reads as all ones and swallows writes.
 */
#include "arch/clock.h"
#include "arch/cpu.h"
#include "lib/err.h"
#include "vm/desc.h"
#include "vm/skip.h"

/* Elements of a REP INS or OUTS done in one exit, and how long at most: then the host looks around again. */
#define STRING_BATCH 512u
#define STRING_NS NS_PER_MS /* a byte for the console can take that, by a slow port */

static u64 port_read(struct vm *vm, u16 port, unsigned int size)
{
	const struct io_region *region = io_space_find(&vm->ports, port);

	if (!region)
		return 0xffffffffu;
	return region->ops->read(region->dev, port - region->base, size);
}

static void port_write(struct vm *vm, u16 port, unsigned int size, u64 value)
{
	const struct io_region *region = io_space_find(&vm->ports, port);

	if (region)
		region->ops->write(region->dev, port - region->base, size, value);
}

static u64 size_mask(unsigned int size)
{
	return size == 8 ? ~0ull : (1ull << 8 * size) - 1;
}

/* One element between the port and memory at linear. False: a fault is queued or the VM killed. */
static bool string_element(struct vcpu *vcpu, const struct vm_exit *exit,
			   const struct fetch_state *state, u64 linear)
{
	struct vm *vm = vcpu->vm;
	u64 value = 0;
	int err;

	if (exit->io.in) {
		err = vcpu_probe_linear(vcpu, exit, state, linear, exit->io.size, PF_WRITE);
		if (err)
			return false;
	} else if (vcpu_read_linear(vcpu, exit, state, linear, &value, exit->io.size)) {
		return false;
	}
	spin_lock(&vm->dev_lock);
	if (exit->io.in)
		value = port_read(vm, exit->io.port, exit->io.size);
	else
		port_write(vm, exit->io.port, exit->io.size, value);
	spin_unlock(&vm->dev_lock);
	if (!exit->io.in)
		return true;
	return !vcpu_write_linear(vcpu, exit, state, linear, value, exit->io.size);
}

static void add_to(u64 *reg, u64 delta, unsigned int addrsize)
{
	u64 value = *reg + delta;

	if (addrsize == 8)
		*reg = value;
	else if (addrsize == 4)
		*reg = (u32)value;
	else
		*reg = (*reg & ~0xffffull) | (value & 0xffff);
}

/*
 * The CPU exits before it looks at the operand in memory: limit, type and alignment are checked here,
 * and what is canonical where it is translated. False: a fault is queued.
 */
static bool element_allowed(struct vcpu *vcpu, const struct vm_exit *exit,
			    const struct fetch_state *state, const struct segment *s, u8 seg,
			    u64 offset)
{
	bool is_protected = state->paging.cr0 & CR0_PE && !(vcpu->regs.rflags & RFLAGS_VM);
	bool checks_alignment = state->paging.user && state->paging.cr0 & CR0_AM &&
				vcpu->regs.rflags & RFLAGS_AC;

	if (state->mode != INSN_64 && (!segment_holds(s, offset, exit->io.size) ||
				       (is_protected && !segment_allows(s, exit->io.in)))) {
		vcpu_exception_error(vcpu, seg == SEG_SS ? VECTOR_GUEST_SS : VECTOR_GUEST_GP, 0);
		return false;
	}
	if (checks_alignment && (s->base + offset) & (exit->io.size - 1u)) {
		vcpu_exception_error(vcpu, VECTOR_GUEST_AC, 0);
		return false;
	}
	return true;
}

static void get_segment(const struct vcpu *vcpu, const struct fetch_state *state, u8 seg,
			struct segment *s)
{
	backend->get_seg(vcpu, (enum insn_seg)seg, s);
	if (state->mode == INSN_64 && seg != SEG_FS && seg != SEG_GS)
		s->base = 0;
}

static void exit_io_string(struct vcpu *vcpu, const struct vm_exit *exit)
{
	u64 *gpr = vcpu->regs.gpr;
	struct fetch_state state;
	struct insn insn;
	struct segment segment;
	u64 *index, delta, addr_mask, end = clock_ns() + STRING_NS;
	u8 seg;

	if (vcpu_fetch(vcpu, exit, &insn, &state))
		return;
	index = exit->io.in ? &gpr[GPR_RDI] : &gpr[GPR_RSI];
	seg = exit->io.in ? (u8)SEG_ES : insn.seg;
	get_segment(vcpu, &state, seg, &segment);
	delta = vcpu->regs.rflags & RFLAGS_DF ? -(u64)exit->io.size : exit->io.size;
	addr_mask = size_mask(insn.addrsize);
	for (u32 i = 0; i < STRING_BATCH && (!i || clock_ns() < end); i++) {
		u64 offset = *index & addr_mask, linear = segment.base + offset;

		if (exit->io.rep && !(gpr[GPR_RCX] & addr_mask))
			break;
		/* The VM has ended or restarts: by what was written, perhaps. */
		if (atomic_load(&vcpu->requests) & REQUEST_STOP)
			break;
		if (!element_allowed(vcpu, exit, &state, &segment, seg, offset))
			return;
		if (!string_element(vcpu, exit, &state,
				    state.mode == INSN_64 ? linear : (u32)linear))
			return;
		add_to(index, delta, insn.addrsize);
		if (!exit->io.rep)
			break;
		add_to(&gpr[GPR_RCX], ~0ull, insn.addrsize);
	}
	vcpu_check_timers(vcpu);
	if (!exit->io.rep || !(gpr[GPR_RCX] & addr_mask))
		vcpu_skip_by(vcpu, &state, insn.len);
}

void exit_io(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct vm *vm = vcpu->vm;
	u64 *rax = &vcpu->regs.gpr[GPR_RAX];
	u64 mask, value;

	if (unlikely(exit->io.string)) {
		exit_io_string(vcpu, exit);
		return;
	}
	if (!vcpu_skip(vcpu, exit))
		return;
	mask = size_mask(exit->io.size);
	spin_lock(&vm->dev_lock);
	if (exit->io.in) {
		value = port_read(vm, exit->io.port, exit->io.size) & mask;
		*rax = exit->io.size == 4 ? value : (*rax & ~mask) | value;
	} else {
		port_write(vm, exit->io.port, exit->io.size, *rax & mask);
	}
	spin_unlock(&vm->dev_lock);
	vcpu_check_timers(vcpu);
}
