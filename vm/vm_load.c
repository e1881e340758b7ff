/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM as its guest finds it: devices as after power-on, the kernel in its memory, the vCPUs at
 * their start.
 */
#include "arch/cpu.h"
#include "lib/err.h"
#include "vm/guest_e820.h"
#include "vm/loader.h"
#include "vm/sched.h"
#include "vm/vcpu.h"

#define IDENTITY_PDE 0xe7u /* P, R/W, U/S, A, D, PS */

static const struct config_module *modules;

/* For messages. */
struct module_name {
	char text[64];
};

void vm_set_modules(const struct config_module *list)
{
	modules = list;
}

const struct config_module *vm_module_at(u32 index)
{
	return &modules[index];
}

/* Pages of 4 MiB, for all privilege levels, accessed and dirty so that the CPU need not write. */
static int write_identity_map(struct vm *vm)
{
	u32 *entries;

	if (!backend->needs_identity_map())
		return 0;
	entries = guest_mem_ptr(&vm->mem, GPA(GUEST_IDENTITY_MAP));
	for (u32 i = 0; entries && i < 1024; i++)
		entries[i] = i << 22 | IDENTITY_PDE;
	return entries ? 0 : E_FAULT;
}

static void start_state(struct vcpu *vcpu, const struct load_result *start)
{
	vcpu->regs.rip = start->rip;
	vcpu->regs.gpr[GPR_RAX] = start->rax;
	vcpu->regs.gpr[GPR_RBX] = start->rbx;
	vcpu->regs.gpr[GPR_RSI] = start->rsi;
	backend->set_reg(vcpu, VREG_CR0, start->cr0);
	backend->set_reg(vcpu, VREG_CR3, start->cr3);
	backend->set_reg(vcpu, VREG_CR4, start->cr4);
	backend->set_reg(vcpu, VREG_EFER, start->efer);
	backend->set_seg(vcpu, SEG_CS, &start->code);
	for (unsigned int seg = SEG_ES; seg <= SEG_GS; seg++) {
		if (seg != SEG_CS)
			backend->set_seg(vcpu, (enum insn_seg)seg, &start->data);
	}
	backend->set_table(vcpu, TABLE_GDTR, start->gdt.raw, start->gdt_limit);
}

static const char *name_of(const struct config_module *module, struct module_name *name)
{
	config_module_name(module, name->text, sizeof(name->text));
	return name->text;
}

static int load_kernel(struct vm *vm, struct load_result *start)
{
	const struct vm_config *config = vm->config;
	const struct config_module *kernel = vm_module_at(config->kernel);
	struct load_module extras[VM_MAX_INITRDS];
	struct module_name names[VM_MAX_INITRDS + 1];
	struct load_request req = {
		.vm_name = vm->name,
		.mem = &vm->mem,
		.mem_size = config->mem,
		.kernel = kernel->data,
		.kernel_size = kernel->size,
		.kernel_name = name_of(kernel, &names[VM_MAX_INITRDS]),
		.cmdline = config->cmdline,
		.modules = extras,
		.module_count = config->initrd_count,
		.rsdp = platform->rsdp,
	};

	for (u32 i = 0; i < config->initrd_count; i++) {
		const struct config_module *module = vm_module_at(config->initrds[i]);

		extras[i] = (struct load_module){
			.data = module->data,
			.size = module->size,
			.name = name_of(module, &names[i]),
			.cmdline = module->cmdline,
		};
	}
	return loader_load(&req, start);
}

int vm_load(struct vm *vm)
{
	u64 epoch = rdtsc() - this_cpu()->tsc_skew;
	struct load_result start;
	int err = platform->reset(vm);

	if (!err)
		err = load_kernel(vm, &start);
	if (!err)
		err = write_identity_map(vm);
	if (err)
		return err;
	sched_unload();
	vm->tsc_epoch = epoch;
	vm->deaf = vm->vcpu_count - 1;
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		vcpu->tsc_offset = -guest_tsc_at(&vm->tsc, epoch);
		backend->load(vcpu);
		vcpu_reset(vcpu);
		if (i == 0)
			start_state(vcpu, &start);
		backend->put(vcpu);
	}
	atomic_store(&vm->state, (u32)VM_RUNNING);
	return 0;
}
