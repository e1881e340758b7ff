/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level faults: memory that is mapped on first touch, and accesses to device memory. A plain
 * move, which nearly all of these are, is decoded and executed here; others are for the interpreter.
 */
#include "lib/err.h"
#include "lib/string.h"
#include "vm/emulate.h"
#include "vm/operand.h"
#include "vm/skip.h"

/* What an emulated instruction's accesses need to know. */
struct mmio_access {
	struct vcpu *vcpu;
	const struct vm_exit *exit;
};

/* Nearly all accesses are to what each vCPU has its own of: its local APIC. */
static inline const struct io_region *find_region(const struct vcpu *vcpu, gpa_t gpa)
{
	if (likely(gpa.raw - vcpu->local.base < vcpu->local.len))
		return &vcpu->local;
	return io_space_find(&vcpu->vm->mmio, gpa.raw);
}

static u64 device_read(struct vcpu *vcpu, gpa_t gpa, unsigned int size)
{
	struct vm *vm = vcpu->vm;
	const struct io_region *region;
	u64 value = ~0ull;

	spin_lock(&vm->dev_lock);
	region = find_region(vcpu, gpa);
	if (region)
		value = region->ops->read(region->dev, gpa.raw - region->base, size);
	spin_unlock(&vm->dev_lock);
	if (unlikely(!region))
		vm_guest_log(vm, "read of gpa %llx, where there is nothing",
			     (unsigned long long)gpa.raw);
	return value;
}

static void device_write(struct vcpu *vcpu, gpa_t gpa, unsigned int size, u64 value)
{
	struct vm *vm = vcpu->vm;
	const struct io_region *region;

	spin_lock(&vm->dev_lock);
	region = find_region(vcpu, gpa);
	if (region)
		region->ops->write(region->dev, gpa.raw - region->base, size, value);
	spin_unlock(&vm->dev_lock);
	if (unlikely(!region))
		vm_guest_log(vm, "write to gpa %llx, where there is nothing",
			     (unsigned long long)gpa.raw);
}

static void access_pieces(struct vcpu *vcpu, gpa_t gpa, u64 *value, unsigned int size, bool write)
{
	u64 got = 0;

	for (unsigned int at = 0, piece; at < size; at += piece) {
		u64 mask;

		piece = 1u << (31 - __builtin_clz(size - at));
		mask = ~0ull >> (64 - 8 * piece);
		if (write)
			device_write(vcpu, GPA(gpa.raw + at), piece, *value >> 8 * at & mask);
		else
			got |= (device_read(vcpu, GPA(gpa.raw + at), piece) & mask) << 8 * at;
	}
	if (!write)
		*value = got;
}

void vcpu_device_read(struct vcpu *vcpu, gpa_t gpa, u64 *value, unsigned int size)
{
	access_pieces(vcpu, gpa, value, size, false);
}

void vcpu_device_write(struct vcpu *vcpu, gpa_t gpa, u64 value, unsigned int size)
{
	access_pieces(vcpu, gpa, &value, size, true);
}

/*
 * The CPU has translated and checked the address of the operand that faulted already. The offset
 * tells when the guest has changed the instruction behind the CPU's back, which then is executed with
 * all checks, as what lies on two pages is.
 */
static inline bool is_faulting(const struct mmio_access *a, u64 linear, unsigned int size)
{
	u64 offset = linear & (PAGE_SIZE - 1);

	return offset == (a->exit->fault.gpa.raw & (PAGE_SIZE - 1)) && offset + size <= PAGE_SIZE;
}

static int emu_read(void *ctx, u64 linear, unsigned int size, u64 *value)
{
	const struct mmio_access *a = ctx;

	/* What cannot be written may well be memory that can be read. */
	if (unlikely(!is_faulting(a, linear, size) || (a->exit->fault.access & ACCESS_WRITE)))
		return E_UNSUPPORTED;
	*value = device_read(a->vcpu, a->exit->fault.gpa, size);
	return 0;
}

static int emu_write(void *ctx, u64 linear, unsigned int size, u64 value)
{
	const struct mmio_access *a = ctx;

	if (unlikely(!is_faulting(a, linear, size)))
		return E_UNSUPPORTED;
	device_write(a->vcpu, a->exit->fault.gpa, size, value);
	return 0;
}

/* The bases that insn can use. In 64-bit mode all but those of FS and GS are 0. */
static void segment_bases(struct vcpu *vcpu, struct emu *emu, const struct insn *insn)
{
	bool flat = emu->mode == INSN_64;
	struct segment seg;

	memset(emu->seg_base, 0, sizeof(emu->seg_base));
	if (likely(flat && insn->seg != SEG_FS && insn->seg != SEG_GS))
		return;
	for (unsigned int i = flat ? SEG_FS : SEG_ES; i <= SEG_GS; i++) {
		backend->get_seg(vcpu, (enum insn_seg)i, &seg);
		emu->seg_base[i] = seg.base;
	}
}

u64 vcpu_operand(struct vcpu *vcpu, const struct fetch_state *state, const struct insn *insn)
{
	struct emu emu = { .regs = &vcpu->regs, .mode = state->mode };

	segment_bases(vcpu, &emu, insn);
	return emu_linear(&emu, insn);
}

/*
 * Local APICs are read and written by MOV, mostly by the same few again and again. What is not so
 * plain is left alone: false.
 */
static bool access_local(struct vcpu *vcpu, const struct vm_exit *exit)
{
	gpa_t gpa = exit->fault.gpa;
	const struct insn *insn;
	u64 *reg;

	if (gpa.raw - vcpu->local.base >= vcpu->local.len || gpa.raw % 4)
		return false;
	insn = vcpu_fetch_plain_mov(vcpu, exit);
	if (unlikely(!insn))
		return false;
	/* As of is_faulting(). */
	if (unlikely((insn_offset(&vcpu->regs, insn, 0) ^ gpa.raw) & (PAGE_SIZE - 1)))
		return false;
	reg = &vcpu->regs.gpr[insn->reg];
	vcpu->regs.rip += insn->len;
	if (insn->opcode == 0x8b)
		*reg = device_read(vcpu, gpa, 4);
	else
		device_write(vcpu, gpa, 4, insn->opcode == 0x89 ? (u32)*reg : (u32)insn->imm);
	vcpu_check_timers(vcpu);
	vcpu_retired(vcpu);
	return true;
}

static __noinline void emulate_access(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct fetch_state state;
	struct mmio_access access = { .vcpu = vcpu, .exit = exit };
	struct insn insn;
	struct emu emu = {
		.regs = &vcpu->regs, .ctx = &access, .read = emu_read, .write = emu_write
	};
	int err = vcpu_fetch(vcpu, exit, &insn, &state);

	if (err)
		return;
	emu.mode = state.mode;
	segment_bases(vcpu, &emu, &insn);
	err = emu_execute(&emu, &insn);
	if (unlikely(err)) {
		vcpu_interpret(vcpu, exit);
		return;
	}
	vcpu_check_timers(vcpu);
	vcpu_retired(vcpu);
}

/* An access to what is no memory, or not for writing: whose can it be? */
static void access_device(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct vm *vm = vcpu->vm;

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
	else if (!access_local(vcpu, exit))
		emulate_access(vcpu, exit);
}

void exit_tdp_fault(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct vm *vm = vcpu->vm;

	if (exit->fault.marked && likely(tdp_mmio_is_current(&vm->tdp))) {
		access_device(vcpu, exit);
		return;
	}
	switch (tdp_fault(&vm->tdp, exit->fault.gpa, exit->fault.access)) {
	case TDP_FIXED:
	case TDP_SPURIOUS:
	case TDP_RETRY:
		return;
	case TDP_NOMEM:
		vm_kill(vm, exit, "no memory left for its second-level page tables");
		return;
	case TDP_EMULATE:
		access_device(vcpu, exit);
		return;
	}
}
