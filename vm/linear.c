/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's memory, and its devices, by linear address: for all that executes the guest's
 * instructions. An access on two pages is checked on both before anything is done to either.
 */
#include "lib/err.h"
#include "lib/string.h"
#include "vm/vcpu.h"

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

/* On one page, of which the guest's rights have been checked. */
static void access_gpa(struct vcpu *vcpu, gpa_t gpa, u64 *value, unsigned int size, bool write)
{
	const struct guest_mem *mem = &vcpu->vm->mem;
	void *memory = write ? guest_mem_ptr_write(mem, gpa) : guest_mem_ptr(mem, gpa);

	if (!memory && write) {
		vcpu_device_write(vcpu, gpa, *value, size);
	} else if (!memory) {
		vcpu_device_read(vcpu, gpa, value, size);
	} else if (write) {
		memcpy(memory, value, size);
		guest_mem_written(mem, gpa);
	} else {
		memcpy(value, memory, size);
	}
}

/* Where a piece on the next page is. Without 64-bit mode addresses wrap around. */
static u64 next_page(const struct fetch_state *state, u64 linear)
{
	u64 next = align_down(linear, PAGE_SIZE) + PAGE_SIZE;

	return state->mode != INSN_64 && !(linear >> 32) ? (u32)next : next;
}

/* Both ends of an access, before anything is done to either: gpa[1] only of one on two pages. */
static int translate_both(struct vcpu *vcpu, const struct vm_exit *exit,
			  const struct fetch_state *state, u64 linear, unsigned int size,
			  u32 access, gpa_t gpa[2])
{
	int err = translate(vcpu, exit, state, linear, access, &gpa[0]);

	if (likely(err || on_page(linear, size) == size))
		return err;
	return translate(vcpu, exit, state, next_page(state, linear), access, &gpa[1]);
}

int vcpu_probe_linear(struct vcpu *vcpu, const struct vm_exit *exit,
		      const struct fetch_state *state, u64 linear, unsigned int size, u32 access)
{
	gpa_t gpa[2];

	return translate_both(vcpu, exit, state, linear, size, access, gpa);
}

int vcpu_read_linear(struct vcpu *vcpu, const struct vm_exit *exit, const struct fetch_state *state,
		     u64 linear, u64 *value, unsigned int size)
{
	unsigned int first = on_page(linear, size);
	u64 low = 0, high = 0;
	gpa_t gpa[2];
	int err = translate_both(vcpu, exit, state, linear, size, 0, gpa);

	if (unlikely(err))
		return err;
	access_gpa(vcpu, gpa[0], &low, first, false);
	if (unlikely(first < size)) {
		access_gpa(vcpu, gpa[1], &high, size - first, false);
		low &= BIT(8 * first) - 1;
		high <<= 8 * first;
	}
	*value = low | high;
	return 0;
}

int vcpu_write_linear(struct vcpu *vcpu, const struct vm_exit *exit,
		      const struct fetch_state *state, u64 linear, u64 value, unsigned int size)
{
	unsigned int first = on_page(linear, size);
	gpa_t gpa[2];
	int err = translate_both(vcpu, exit, state, linear, size, PF_WRITE, gpa);

	if (unlikely(err))
		return err;
	access_gpa(vcpu, gpa[0], &value, first, true);
	if (unlikely(first < size)) {
		value >>= 8 * first;
		access_gpa(vcpu, gpa[1], &value, size - first, true);
	}
	return 0;
}

/* CMPXCHG16B on memory: *old becomes what was there. The guest's CPU has the instruction. */
static bool cmpxchg_pair(void *memory, u64 old[2], const u64 value[2])
{
	bool same;

	asm volatile("lock cmpxchg16b (%3)"
		     : "=@ccz"(same), "+a"(old[0]), "+d"(old[1])
		     : "r"(memory), "b"(value[0]), "c"(value[1])
		     : "memory");
	return same;
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

int vcpu_replace_pair(struct vcpu *vcpu, const struct vm_exit *exit,
		      const struct fetch_state *state, u64 linear, u64 old[2], const u64 value[2],
		      bool *same)
{
	const struct guest_mem *mem = &vcpu->vm->mem;
	void *memory;
	u64 got[2];
	gpa_t gpa;
	int err = translate(vcpu, exit, state, linear, PF_WRITE, &gpa);

	if (err)
		return err;
	memory = guest_mem_ptr_write(mem, gpa);
	if (memory) {
		*same = cmpxchg_pair(memory, old, value);
		guest_mem_written(mem, gpa);
		return 0;
	}
	for (unsigned int i = 0; i < 2; i++)
		access_gpa(vcpu, GPA(gpa.raw + 8 * i), &got[i], 8, false);
	*same = got[0] == old[0] && got[1] == old[1];
	memcpy(old, got, sizeof(got));
	if (*same)
		memcpy(got, value, sizeof(got));
	for (unsigned int i = 0; i < 2; i++)
		access_gpa(vcpu, GPA(gpa.raw + 8 * i), &got[i], 8, true);
	return 0;
}
