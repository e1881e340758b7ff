/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level faults: memory that is mapped on first touch, and accesses to device
 * memory, whose instruction is decoded and executed here. And the guest's memory by linear address, for
 * this and for string I/O.
 */
#include "lib/err.h"
#include "lib/string.h"
#include "vm/emulate.h"
#include "vm/vcpu.h"

/* What an emulated instruction's accesses need to know. */
struct mmio_access {
	struct vcpu *vcpu;
	const struct vm_exit *exit;
	const struct fetch_state *state;
};

static u64 device_read(struct vm *vm, gpa_t gpa, unsigned int size)
{
	const struct io_region *region;
	u64 value = ~0ull;

	spin_lock(&vm->dev_lock);
	region = io_space_find(&vm->mmio, gpa.raw);
	if (region)
		value = region->ops->read(region->dev, gpa.raw - region->base, size);
	spin_unlock(&vm->dev_lock);
	if (unlikely(!region))
		vm_guest_log(vm, "read of gpa %llx, where there is nothing",
			     (unsigned long long)gpa.raw);
	return value;
}

static void device_write(struct vm *vm, gpa_t gpa, unsigned int size, u64 value)
{
	const struct io_region *region;

	spin_lock(&vm->dev_lock);
	region = io_space_find(&vm->mmio, gpa.raw);
	if (region)
		region->ops->write(region->dev, gpa.raw - region->base, size, value);
	spin_unlock(&vm->dev_lock);
	if (unlikely(!region))
		vm_guest_log(vm, "write to gpa %llx, where there is nothing",
			     (unsigned long long)gpa.raw);
}

/* Translate one byte's address for the guest's current privilege. */
static int translate(struct vcpu *vcpu, const struct vm_exit *exit, const struct fetch_state *state,
		     u64 linear, u32 access, gpa_t *gpa)
{
	u32 error = 0;
	int err;

	if (state->paging.user)
		access |= PF_USER;
	err = guest_walk(&vcpu->vm->mem, &state->paging, GVA(linear), access, gpa, &error);
	if (likely(!err))
		return 0;
	if (err == E_FAULT && !gva_is_canonical(&state->paging, GVA(linear)))
		vcpu_exception_error(vcpu, VECTOR_GUEST_GP, 0);
	else if (err == E_FAULT)
		vcpu_page_fault(vcpu, linear, error);
	else
		vm_kill(vcpu->vm, exit, "its page tables lie at gpa %llx, where there is no memory",
			(unsigned long long)gpa->raw);
	return err;
}

/* The piece of [linear, linear + size) on linear's page. */
static unsigned int on_page(u64 linear, unsigned int size)
{
	return (unsigned int)MIN((u64)size, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
}

int vcpu_read_linear(struct vcpu *vcpu, const struct vm_exit *exit, const struct fetch_state *state,
		     u64 linear, u64 *value, unsigned int size)
{
	u8 bytes[8] = { 0 };

	for (unsigned int done = 0; done < size;) {
		unsigned int part = on_page(linear + done, size - done);
		const u8 *memory;
		u64 device;
		gpa_t gpa;
		int err = translate(vcpu, exit, state, linear + done, 0, &gpa);

		if (err)
			return err;
		memory = guest_mem_ptr(&vcpu->vm->mem, gpa);
		if (!memory)
			device = device_read(vcpu->vm, gpa, part);
		memcpy(bytes + done, memory ? memory : (const u8 *)&device, part);
		done += part;
	}
	memcpy(value, bytes, sizeof(bytes));
	return 0;
}

int vcpu_probe_write(struct vcpu *vcpu, const struct vm_exit *exit, const struct fetch_state *state,
		     u64 linear, unsigned int size)
{
	gpa_t gpa;
	int err = translate(vcpu, exit, state, linear, PF_WRITE, &gpa);

	if (!err && on_page(linear, size) < size)
		err = translate(vcpu, exit, state, linear + on_page(linear, size), PF_WRITE, &gpa);
	return err;
}

int vcpu_write_linear(struct vcpu *vcpu, const struct vm_exit *exit,
		      const struct fetch_state *state, u64 linear, const u64 *value,
		      unsigned int size)
{
	const u8 *bytes = (const u8 *)value;
	int err = vcpu_probe_write(vcpu, exit, state, linear, size);

	for (unsigned int done = 0; !err && done < size;) {
		unsigned int part = on_page(linear + done, size - done);
		u64 device = 0;
		u8 *memory;
		gpa_t gpa;

		err = translate(vcpu, exit, state, linear + done, PF_WRITE, &gpa);
		if (err)
			break;
		memory = guest_mem_ptr(&vcpu->vm->mem, gpa);
		if (memory) {
			memcpy(memory, bytes + done, part);
		} else {
			memcpy(&device, bytes + done, part);
			device_write(vcpu->vm, gpa, part, device);
		}
		done += part;
	}
	return err;
}

static int emu_read(void *ctx, u64 linear, unsigned int size, u64 *value)
{
	const struct mmio_access *a = ctx;

	return vcpu_read_linear(a->vcpu, a->exit, a->state, linear, value, size);
}

static int emu_write(void *ctx, u64 linear, unsigned int size, u64 value)
{
	const struct mmio_access *a = ctx;

	return vcpu_write_linear(a->vcpu, a->exit, a->state, linear, &value, size);
}

static void segment_bases(struct vcpu *vcpu, struct emu *emu)
{
	struct segment seg;
	unsigned int first = emu->mode == INSN_64 ? SEG_FS : SEG_ES;

	memset(emu->seg_base, 0, sizeof(emu->seg_base));
	for (unsigned int i = first; i <= SEG_GS; i++) {
		backend->get_seg(vcpu, (enum insn_seg)i, &seg);
		emu->seg_base[i] = seg.base;
	}
}

u64 vcpu_operand(struct vcpu *vcpu, const struct fetch_state *state, const struct insn *insn)
{
	struct emu emu = { .regs = &vcpu->regs, .mode = state->mode };

	segment_bases(vcpu, &emu);
	return emu_linear(&emu, insn);
}

static void emulate_access(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct fetch_state state;
	struct mmio_access access = { .vcpu = vcpu, .exit = exit, .state = &state };
	struct insn insn;
	struct emu emu = {
		.regs = &vcpu->regs, .ctx = &access, .read = emu_read, .write = emu_write
	};
	int err = vcpu_fetch(vcpu, exit, &insn, &state);

	if (err)
		return;
	emu.mode = state.mode;
	segment_bases(vcpu, &emu);
	err = emu_execute(&emu, &insn);
	if (err == E_UNSUPPORTED)
		vm_kill(vcpu->vm, exit,
			"its instruction on device memory at gpa %llx is not supported",
			(unsigned long long)exit->fault.gpa.raw);
	else if (!err)
		vcpu_retired(vcpu);
}

void exit_tdp_fault(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct vm *vm = vcpu->vm;

	switch (tdp_fault(&vm->tdp, exit->fault.gpa, exit->fault.access)) {
	case TDP_FIXED:
	case TDP_SPURIOUS:
	case TDP_RETRY:
		return;
	case TDP_NOMEM:
		vm_kill(vm, exit, "no memory left for its second-level page tables");
		return;
	case TDP_DENY:
		vm_kill(vm, exit, "a forbidden access to gpa %llx",
			(unsigned long long)exit->fault.gpa.raw);
		return;
	case TDP_EMULATE:
		break;
	}
	if (exit->interrupted.kind != EVENT_NONE)
		vm_kill(vm, exit, "bad gpa %llx: it takes an interrupt or exception there",
			(unsigned long long)exit->fault.gpa.raw);
	else if (exit->fault.table_walk)
		vm_kill(vm, exit, "bad gpa %llx: its page tables lie where there is no memory",
			(unsigned long long)exit->fault.gpa.raw);
	else if (exit->fault.access & ACCESS_EXEC)
		vm_kill(vm, exit,
			"bad gpa %llx: it fetched an instruction where there is no memory",
			(unsigned long long)exit->fault.gpa.raw);
	else
		emulate_access(vcpu, exit);
}
