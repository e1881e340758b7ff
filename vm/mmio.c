/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level faults: memory that is mapped on first touch, and accesses to device memory, whose
 * instruction is decoded and executed here. And the guest's memory by linear address, for this and
 * for string I/O.
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
	bool one_operand; /* in memory: what it touches is what faulted */
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

/* An access that lies on one page, which nearly all do. */
static int access_page(struct vcpu *vcpu, const struct vm_exit *exit,
		       const struct fetch_state *state, u64 linear, u64 *value, unsigned int size,
		       bool write)
{
	const struct guest_mem *mem = &vcpu->vm->mem;
	void *memory;
	gpa_t gpa;
	int err = translate(vcpu, exit, state, linear, write ? PF_WRITE : 0, &gpa);

	if (unlikely(err))
		return err;
	memory = write ? guest_mem_ptr_write(mem, gpa) : guest_mem_ptr(mem, gpa);
	if (!memory && write) {
		device_write(vcpu, gpa, size, *value);
	} else if (!memory) {
		*value = device_read(vcpu, gpa, size);
	} else if (write) {
		memcpy(memory, value, size);
		guest_mem_written(mem, gpa);
	} else {
		memcpy(value, memory, size);
	}
	return 0;
}

int vcpu_read_linear(struct vcpu *vcpu, const struct vm_exit *exit, const struct fetch_state *state,
		     u64 linear, u64 *value, unsigned int size)
{
	unsigned int first = on_page(linear, size);
	u64 low = 0, high = 0;
	int err = access_page(vcpu, exit, state, linear, &low, first, false);

	if (unlikely(!err && first < size)) {
		err = access_page(vcpu, exit, state, linear + first, &high, size - first, false);
		low &= BIT(8 * first) - 1;
		high <<= 8 * first;
	}
	if (!err)
		*value = low | high;
	return err;
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
		      const struct fetch_state *state, u64 linear, u64 value, unsigned int size)
{
	unsigned int first = on_page(linear, size);
	int err;

	if (likely(first == size))
		return access_page(vcpu, exit, state, linear, &value, size, true);
	/* Both pages must be writable before a byte is written to either. */
	err = vcpu_probe_write(vcpu, exit, state, linear, size);
	if (!err)
		err = access_page(vcpu, exit, state, linear, &value, first, true);
	if (!err) {
		value >>= 8 * first;
		err = access_page(vcpu, exit, state, linear + first, &value, size - first, true);
	}
	return err;
}

static bool replace(void *memory, u64 old, u64 value, unsigned int size)
{
	u8 old8 = (u8)old;
	u16 old16 = (u16)old;
	u32 old32 = (u32)old;

	switch (size) {
	case 1:
		return atomic_cmpxchg((u8 *)memory, &old8, (u8)value);
	case 2:
		return atomic_cmpxchg((u16 *)memory, &old16, (u16)value);
	case 4:
		return atomic_cmpxchg((u32 *)memory, &old32, (u32)value);
	default:
		return atomic_cmpxchg((u64 *)memory, &old, value);
	}
}

int vcpu_replace_linear(struct vcpu *vcpu, const struct vm_exit *exit,
			const struct fetch_state *state, u64 linear, u64 old, u64 value,
			unsigned int size)
{
	const struct guest_mem *mem = &vcpu->vm->mem;
	void *memory;
	gpa_t gpa;
	int err = translate(vcpu, exit, state, linear, PF_WRITE, &gpa);

	if (err)
		return err;
	memory = guest_mem_ptr_write(mem, gpa);
	if (!memory || on_page(linear, size) < size)
		return vcpu_write_linear(vcpu, exit, state, linear, value, size);
	if (!replace(memory, old, value, size))
		return E_EXIST;
	guest_mem_written(mem, gpa);
	return 0;
}

/*
 * The CPU has translated and checked the address of an only operand already. The offset tells when
 * the guest has changed the instruction behind the CPU's back; then it is translated like any
 * other.
 */
static inline bool is_faulting(const struct mmio_access *a, u64 linear, unsigned int size)
{
	u64 gpa = a->exit->fault.gpa.raw;

	return a->one_operand && ((linear ^ gpa) & (PAGE_SIZE - 1)) == 0 &&
	       on_page(linear, size) == size;
}

static int emu_read(void *ctx, u64 linear, unsigned int size, u64 *value)
{
	const struct mmio_access *a = ctx;

	/* What cannot be written may well be memory that can be read. */
	if (unlikely(!is_faulting(a, linear, size) || (a->exit->fault.access & ACCESS_WRITE)))
		return vcpu_read_linear(a->vcpu, a->exit, a->state, linear, value, size);
	*value = device_read(a->vcpu, a->exit->fault.gpa, size);
	return 0;
}

static int emu_write(void *ctx, u64 linear, unsigned int size, u64 value)
{
	const struct mmio_access *a = ctx;

	if (unlikely(!is_faulting(a, linear, size)))
		return vcpu_write_linear(a->vcpu, a->exit, a->state, linear, value, size);
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
	access.one_operand = insn.has_modrm && insn.mem;
	segment_bases(vcpu, &emu, &insn);
	err = emu_execute(&emu, &insn);
	vcpu_check_timers(vcpu);
	if (err == E_UNSUPPORTED)
		vm_kill(vcpu->vm, exit,
			"its instruction on device memory at gpa %llx is not supported",
			(unsigned long long)exit->fault.gpa.raw);
	else if (!err)
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
	else
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
