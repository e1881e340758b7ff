/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine and its vCPU: the objects, and what the rest of the house may do with
 * them. A VM is made from its configuration, runs on one CPU, and is taken apart by that CPU
 * after it has ended.
 */
#pragma once

#include "arch/lock.h"
#include "arch/percpu.h"
#include "lib/list.h"
#include "mm/guest_mem.h"
#include "mm/tdp.h"
#include "vm/backend.h"
#include "vm/config.h"
#include "vm/cpuid.h"
#include "vm/exit.h"
#include "vm/fetch_memo.h"
#include "vm/io.h"
#include "vm/regs.h"
#include "vm/timer.h"

enum vm_state { VM_RUNNING, VM_ENDING };

/* Reasons to leave the guest, or not to enter it; set by anyone, cleared by the vCPU's CPU. */
#define REQUEST_EVENT 0x1u /* an interrupt line may have changed */
#define REQUEST_STOP 0x2u /* the VM is ending or resetting */
#define REQUEST_RESCHED 0x4u /* the CPU has something else to do */

struct vcpu {
	struct vcpu_regs regs; /* [self] must stay first: the entry code knows its layout */
	u32 requests; /* [atomic] REQUEST_* */
	u32 cpu; /* [const] index of the CPU it runs on */
	u32 last_cpu; /* [self] where it was loaded last */
	struct vm *vm; /* [const] */
	void *control; /* [self] the back end's */
	struct vm_event pending; /* [self] to deliver at the next entry, before anything new */
	bool halted; /* [self] in HLT */
	bool in_shadow; /* [self] the last exit came with an interrupt shadow */
	bool between; /* [self] an exit came between two instructions, not by one */
	bool window; /* [self] an interrupt waits for the guest to be able to take it */
	u64 flushed_generation; /* [self] of vm->tdp.tlb, at the last flush */
	u64 tsc_aux, xcr0; /* [self] while not loaded on the CPU */
	u64 dr[4]; /* [self] */
	void *fpu; /* [const] XSAVE area */
	struct fetch_memo memo; /* [self] */
	u32 emulated; /* [self] how much, since the host last looked around */
	u64 exits[EXIT_KINDS]; /* [self] */
	struct list node; /* [run queue] */
};
_Static_assert(offsetof(struct vcpu, regs) == 0, "entry code");

struct vm {
	char name[VM_NAME_MAX + 1]; /* [const] */
	u32 state; /* [atomic] enum vm_state */
	u8 exit_code; /* [vm] what the guest wrote to port F4h */
	bool reset_wanted; /* [vm] restart instead of ending */
	const struct vm_config *config; /* [const] */
	struct frame_owner owner; /* of guest memory */
	struct guest_mem mem; /* [const] once built */
	struct tdp tdp;
	struct cpuid_table cpuid; /* [const] */
	struct spinlock dev_lock; /* all devices and the two spaces below */
	struct io_space ports, mmio; /* [const] once built */
	struct timer_queue timers;
	u64 armed; /* [self] when its CPU will next look at timers */
	void *platform; /* [const] of dev/ */
	void *console; /* [const] of shell/ */
	u64 tsc_offset; /* [self] of the vCPU */
	u32 log_tokens; /* [self] guest-caused log lines left, refilled with time */
	u64 log_refill;
	u64 log_dropped;
	struct vcpu vcpu; /* one for now: SMP guests have their own array later */
	struct list node; /* [vm list] */
};

/* The guest's machine, provided by dev/. Called with dev_lock held but for create and destroy. */
struct platform_ops {
	int (*create)(struct vm *vm); /* E_NOMEM */
	int (*reset)(
		struct vm *vm); /* all devices as after power-on; ACPI tables written. E_NOMEM */
	void (*destroy)(struct vm *vm);
	bool (*intr_pending)(struct vm *vm); /* has the vCPU an interrupt to take? */
	int (*intr_ack)(struct vm *vm); /* take it: its vector, or -1 */
	u64 (*apic_base_read)(struct vm *vm);
	bool (*apic_base_write)(struct vm *vm, u64 value); /* false: #GP */
	u8 (*tpr_read)(struct vm *vm); /* CR8 */
	void (*tpr_write)(struct vm *vm, u8 value);
	bool (*console_input)(struct vm *vm, u8 byte); /* false: keep it until room() */
	gpa_t rsdp; /* where reset() puts the ACPI root pointer */
};

/* Where the guests' consoles lead, provided by shell/. */
struct vm_console_ops {
	void (*opened)(struct vm *vm); /* a VM is about to run */
	void (*closed)(struct vm *vm); /* it has ended, and will be gone */
	void (*output)(struct vm *vm, u8 byte); /* dev_lock is held in this and in room */
	void (*room)(struct vm *vm); /* console_input() would take bytes again */
};

extern const struct backend *backend; /* the one in use */
extern const struct platform_ops *platform; /* the one in use */
extern const struct vm_console_ops *vm_console;

/* Choose them, once, at start-up. */
void vm_init(const struct backend *chosen_backend, const struct platform_ops *chosen_platform,
	     const struct vm_console_ops *chosen_console);

/*
 * Called by a back end with physical interrupts and NMIs held, last before it enters: publishes
 * that this CPU is in a guest, and only then looks for requests to the vCPU, for work of the
 * CPU's other vCPUs, and for translations removed since the last flush. Whoever asks first sets
 * the request and then looks at the mode: one of the two sees the other. False: do not enter.
 */
static inline bool vcpu_may_enter(struct vcpu *vcpu)
{
	struct percpu *cpu = this_cpu();
	u64 generation;

	atomic_count(&cpu->entries, 1u);
	atomic_xchg(&cpu->mode, (u32)CPU_GUEST);
	if (unlikely(atomic_load(&vcpu->requests) | atomic_load(&cpu->attention))) {
		atomic_store(&cpu->mode, (u32)CPU_HOST);
		return false;
	}
	generation = atomic_load(&vcpu->vm->tdp.tlb.generation);
	if (unlikely(vcpu->flushed_generation != generation)) {
		vcpu->flushed_generation = generation;
		cpu->tlb_flushes++;
		fetch_memo_forget(&vcpu->memo);
		backend->flush(vcpu);
	}
	return true;
}

/* Where an image handed over by the boot loader lies. */
struct vm_module {
	const char *name; /* the file name word, for messages */
	const u8 *data;
	u64 size;
	const char *cmdline; /* its whole string */
};

/* What the modules of the configurations are; must stay. */
void vm_set_modules(const struct vm_module *modules, u32 count);

/*
 * Build the VM for CPU cpu, up to its first instruction. One log line says what failed; nothing of
 * it is left then. E_NOMEM, E_INVAL (its kernel cannot be loaded).
 */
int __must_check vm_create(const struct vm_config *config, u32 cpu);

/*
 * Let all VMs run, once. They start together, so that a VM that ends at once is not taken for the
 * last one while others are still being built.
 */
void vm_start_all(void);

/* What a VM that was stopped with a report counts as having exited with. */
#define VM_CODE_KILLED 0x7d

/* Called by devices of the VM itself, on its CPU. */
void vm_poweroff(struct vm *vm);
void vm_reset(struct vm *vm);
void vm_end(struct vm *vm, u8 code);

/*
 * End the VM with a report of its registers and the bytes at its instruction: it did something
 * unsupported. Called on the CPU it runs on.
 */
void vm_kill(struct vm *vm, const struct vm_exit *exit, const char *fmt, ...) __printf_like(3, 4);

/* One rate-limited log line about what the guest did. */
void vm_guest_log(struct vm *vm, const char *fmt, ...) __printf_like(2, 3);

/*
 * An interrupt line of the VM changed: have its vCPU look. Any CPU, any lock below LOCK_DEVICES
 * held.
 */
void vm_kick(struct vm *vm, u32 request);

/* Put VM memory, devices and vCPU into the state of a fresh start. The loader's errors. */
int __must_check vm_load(struct vm *vm);

/*
 * Take an ended VM apart; its vCPU is loaded nowhere. All its frames come back. True: no VM is
 * left.
 */
bool __must_check vm_destroy(struct vm *vm);

/* Call fn for every VM, with the VM list locked. */
void vm_for_each(void (*fn)(struct vm *vm, void *ctx), void *ctx);
u32 vm_count(void);
/* The first non-zero code that a VM ended with, or 0. */
u8 vm_first_exit_code(void);
void vm_forget_exit_codes(void);
