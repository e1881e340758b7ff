/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine and its vCPUs: the objects, and what the rest of the house may do with
 * them. A VM is made from its configuration; its vCPUs begin spread over the CPUs that it may use.
 * When it has ended, or starts again, each CPU puts its vCPUs of it aside, and the last one to
 * do so takes it apart, or loads it anew.
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
#include "vm/guest_tsc.h"
#include "vm/io.h"
#include "vm/pv_pages.h"
#include "vm/regs.h"
#include "vm/runq.h"
#include "vm/timer.h"

/* The first vCPU that wants the end or a reset decides which of the two it is. */
enum vm_state { VM_RUNNING, VM_RESETTING, VM_ENDING };

/* Reasons to leave the guest, or not to enter it; set by anyone, cleared by the vCPU's CPU. */
#define REQUEST_EVENT 0x1u /* an interrupt, or a signal, may have come or gone */
#define REQUEST_STOP 0x2u /* the VM is ending or resetting */
#define REQUEST_RESCHED 0x4u /* the CPU has something else to do */
#define REQUEST_PAUSE 0x8u /* the VM is paused; cleared by who lets it go on */

/* What a vCPU does on its home CPU. */
enum vcpu_place {
	VCPU_ASLEEP, /* until a request or a timer wakes it */
	VCPU_WAITS, /* for its turn */
	VCPU_RUNS /* it is its turn */
};

/* What other vCPUs send besides interrupts. */
#define SIGNAL_NMI 0x1u
#define SIGNAL_INIT 0x2u
#define SIGNAL_START 0x4u

/* What a vCPU has told of, and asked for, by KVM's MSRs: pv.h. */
struct pv_vcpu {
	u64 clock_msr, wall_msr; /* [devices] as written */
	u64 steal_msr; /* [self] as written */
	u64 tsc_base; /* [const] while it runs: the TSC offset that its VM's time counts from */
	u64 steal_ns; /* [self] that it has waited for a CPU, in all */
	u64 steal_base,
		steal_told; /* [self] of that: when the guest turned it on; when last told */
	bool is_out; /* [self] the guest has been told that it does not run */
};

/* On cache lines of its own: the others of its VM, on other CPUs, have theirs beside it. */
struct vcpu {
	struct vcpu_regs regs; /* [self] must stay first: the entry code knows its layout */
	u32 requests; /* [atomic] REQUEST_* */
	u32 index; /* [const] in vm->vcpus, and its APIC id; 0 is the one that starts the VM */
	u32 cpu; /* [atomic] index of its home: where it runs, waits, or sleeps */
	u32 place; /* [atomic] enum vcpu_place */
	struct share share; /* [run queue] while it waits; [self] */
	u32 last_cpu; /* [self] where it was loaded last */
	u32 moves; /* [run queue] how often another CPU has taken it */
	struct vm *vm; /* [const] */
	void *control; /* [self] the back end's */
	struct vm_event pending; /* [self] to deliver at the next entry, before anything new */
	bool in_shadow; /* [self] the last exit came with an interrupt shadow */
	bool window; /* [self] an interrupt or NMI waits for the guest to be able to take it */
	bool halted; /* [self] in HLT, or waiting for a start-up IPI */
	bool is_loaded; /* [atomic] its state is in its home CPU */
	bool yields; /* [self] others first: it waits for something in a loop, or gives its CPU away */
	bool between; /* [self] an exit came between two instructions, not by one */
	u32 signals; /* [devices] SIGNAL_*: those that its CPU has not seen to */
	u8 start_page; /* [devices] of SIGNAL_START: the 4 KiB page to start at */
	bool waits; /* [devices] for a start-up IPI */
	bool deaf; /* [devices] no interrupt can wake it: counted in vm->deaf */
	u64 tsc_offset; /* [self] its TSC minus the boot CPU's */
	void *apic_page; /* [const] where the CPU can run its local APIC; NULL: it cannot */
	u32 apic_helps; /* [const] with the page: bits of enum apic_helper */
	bool apic_useful; /* [self] the CPU may do some of what the guest does with it */
	bool apic_given; /* [self] the page has it, at least in part */
	struct io_region local; /* [self] device memory that each vCPU has its own of */
	struct timer_queue timers; /* of its own devices; of the first: of the VM's others too */
	u64 armed; /* [atomic] the first of its timers that its home knows of */
	u64 flushed_generation; /* [self] of vm->tdp.tlb, at the last flush */
	u64 tsc_aux, xcr0; /* [self] while not loaded on the CPU */
	u64 dr[4]; /* [self] */
	void *fpu; /* [const] XSAVE area */
	struct fetch_memo memo; /* [self] */
	struct pv_vcpu pv;
	u32 emulated; /* [self] how much, since the host last looked around */
	u64 exits[EXIT_KINDS]; /* [self] */
	struct list node; /* [run queue] among those that sleep */
} __aligned(64);
_Static_assert(offsetof(struct vcpu, regs) == 0, "entry code");

struct vm {
	char name[VM_NAME_MAX + 1]; /* [const] */
	u32 state; /* [atomic] enum vm_state */
	bool paused; /* [vm_list_lock] */
	u8 exit_code; /* [state] what the guest wrote to port F4h; of who made it VM_ENDING */
	const struct vm_config *config; /* [const] */
	struct guest_tsc tsc; /* [const] */
	u64 tsc_epoch; /* [const] while it runs: the boot CPU's TSC when its own was 0 */
	struct cpu_set cpus; /* [const] that may run it; some may not be there */
	struct frame_owner owner; /* of guest memory */
	struct guest_mem mem; /* [const] once built */
	struct tdp tdp;
	struct timer nx_recovery; /* nx_recovery.c */
	u64 nx_recovered; /* [self] of the first vCPU: the gfn where it goes on */
	struct cpuid_table cpuid; /* [const] */
	struct spinlock dev_lock; /* all devices and the two spaces below */
	struct io_space ports, mmio; /* [const] once built */
	void *platform; /* [const] of dev/ */
	void *console; /* [const] of shell/ */
	u32 log_tokens; /* [atomic] guest-caused log lines left, refilled with time */
	u64 log_refill; /* [atomic] */
	u64 log_dropped; /* [atomic] */
	u32 vcpu_count; /* [const] */
	u32 present; /* [atomic] vCPUs that are not put aside */
	u64 load_ns; /* [const] while vCPUs are present: how long its last restart has taken */
	struct vm_share share;
	u32 waiting; /* [atomic] vCPUs that wait for a CPU */
	u32 deaf; /* [devices] vCPUs that only another one could wake */
	struct vcpu *vcpus; /* [const] */
	struct list node; /* [vm list] */
	bool started; /* [vm list] its vCPUs have been queued */
};

/* The guest's machine, provided by dev/. Called with dev_lock held, or as each says. */
struct platform_ops {
	/* The vCPUs are there, and get their local regions. E_NOMEM. create, reset, destroy: no lock. */
	int (*create)(struct vm *vm);
	int (*reset)(
		struct vm *vm); /* all devices as after power-on; ACPI tables written. E_NOMEM */
	void (*destroy)(struct vm *vm);
	bool (*intr_pending)(const struct vcpu *vcpu); /* has it an interrupt to take? */
	int (*intr_ack)(struct vcpu *vcpu); /* take it: its vector, or -1 */
	void (*vcpu_init)(struct vcpu *vcpu); /* an INIT resets it, and what is its own */
	/* Of its own local APIC; these take dev_lock where they need it. */
	u64 (*apic_base_read)(const struct vcpu *vcpu);
	bool (*apic_base_write)(struct vcpu *vcpu, u64 value); /* false: #GP */
	/* Its registers that are MSRs, IA32_TSC_DEADLINE among them. False: #GP. */
	bool (*apic_msr_read)(struct vcpu *vcpu, u32 msr, u64 *value);
	bool (*apic_msr_write)(struct vcpu *vcpu, u32 msr, u64 value);
	/* The same for 0 to the MSR of the EOI register. */
	bool (*apic_msr_eoi)(struct vcpu *vcpu);
	void (*tsc_changed)(struct vcpu *vcpu); /* the vCPU has written its TSC */
	u8 (*tpr_read)(const struct vcpu *vcpu); /* CR8 */
	void (*tpr_write)(struct vcpu *vcpu, u8 value);
	/*
	 * Let the CPU run the local APIC in vcpu->apic_page, as far as vcpu->apic_helps says that it can
	 * and the APIC's state allows; and take it back, before anything else is asked of it.
	 */
	void (*apic_give)(struct vcpu *vcpu, struct apic_help *help);
	void (*apic_take)(struct vcpu *vcpu);
	/* What these exits tell of, when it has been taken back. They take dev_lock. */
	void (*apic_written)(struct vcpu *vcpu, u32 offset);
	void (*apic_ended)(struct vcpu *vcpu, u8 vector);
	bool (*console_input)(struct vm *vm, u8 byte); /* false: keep it until room() */
	u32 apic_timer_khz; /* what a local APIC's timer divides */
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

/* When all CPUs are up, before the first VM: which of them run VMs that do not say pin=. */
void vm_init_cpus(void);

/*
 * A turn of a vCPU on this CPU: from here on it holds pointers to the guest's memory, and enters
 * with its tables. Counted as an entry is, for tlb_wait_for_exits(): a guest that is emulated need
 * not enter for long. The full barrier: who has replaced something sees the space, or we see what
 * is there now.
 */
static inline void vcpu_turn_begin(struct vcpu *vcpu)
{
	struct percpu *cpu = this_cpu();

	atomic_store(&cpu->space, &vcpu->vm->tdp.tlb);
	atomic_fetch_add(&cpu->entries, 1u);
}

static inline void vcpu_turn_end(void)
{
	atomic_store(&this_cpu()->space, NULL);
}

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

/*
 * Called by a back end after an exit, when the CPU runs the local APIC: what handles the exit may want to
 * use it.
 */
void vcpu_take_apic(struct vcpu *vcpu);

/* What the modules of the configurations are; must stay. */
void vm_set_modules(const struct config_module *modules);
/* One of them, by its index as configurations have it. */
const struct config_module *vm_module_at(u32 index);

/*
 * Put memory, devices and vCPUs, which run nowhere, into the state of a fresh start. The errors of
 * loader_load(), or of platform->reset().
 */
int __must_check vm_load(struct vm *vm);

/*
 * Build the VM, up to its first instruction, with its vCPUs on CPU cpu and on those below it that it may
 * use, in turn. One log line says what failed; nothing of it is left then. E_NOMEM, E_INVAL (its
 * kernel cannot be loaded, or it is pinned to a CPU that is not there).
 */
int __must_check vm_create(const struct vm_config *config, u32 cpu);

/*
 * Let all VMs run that do not yet. They start together, so that a VM that ends at once is not taken
 * for the last one while others are still being built.
 */
void vm_start_all(void);

/* vm_wanted.c: build all VMs of list, which must stay; once. Those that cannot be are left out. */
void vm_create_wanted(const struct vm_config_list *list);

/*
 * Build and start one of them that has ended, from its modules, as at first. Called on the boot CPU.
 * E_NOENT (there is none of this name, or not yet), E_EXIST (it has not ended); the others: E_INVAL if
 * its configuration is not valid, and what vm_create() says; a log line, now or at boot, has the reason.
 */
int __must_check vm_start_again(const char *name);

/* nx_recovery.c: huge pages come back, if the VM's configuration forbids to execute from them. */
void nx_recovery_start(struct vm *vm);

/* What a VM that was stopped with a report counts as having exited with. */
#define VM_CODE_KILLED 0x7d

/*
 * Have none of its vCPUs run, and no timer of its devices, until it is to go on; a reset in between
 * does not change that. Called by a function of vm_for_each(). Does not wait: a vCPU that is in the
 * guest leaves it at once. The clocks of the VM go on.
 */
void vm_set_paused(struct vm *vm, bool paused);

/* Called on a CPU that has one of its vCPUs, mostly by devices. The first of these counts. */
void vm_poweroff(struct vm *vm);
void vm_reset(struct vm *vm);
/* False: it ends, or starts again, already. */
bool vm_end(struct vm *vm, u8 code);

/*
 * End the VM with a report of its registers and the bytes at its instruction: it did something
 * unsupported. Called by the vCPU that did, which is loaded on this CPU.
 */
void vm_kill(struct vm *vm, const struct vm_exit *exit, const char *fmt, ...) __printf_like(3, 4);

/* One rate-limited log line about what the guest did. */
void vm_guest_log(struct vm *vm, const char *fmt, ...) __printf_like(2, 3);

/* Have the vCPU look at request. Any CPU, any lock up to LOCK_DEVICES held. */
void vcpu_kick(struct vcpu *vcpu, u32 request);

/*
 * An NMI, INIT or start-up IPI (then with the page it names) has come for the vCPU. dev_lock is
 * held.
 */
void vcpu_signal(struct vcpu *vcpu, u32 signal, u8 page);

/* All vCPUs have been put aside. False: the VM is to be destroyed; true: it starts again. */
bool __must_check vm_restart(struct vm *vm);

/*
 * Take an ended VM apart; its vCPUs are loaded nowhere. All its frames come back. True: no VM is
 * left.
 */
bool __must_check vm_destroy(struct vm *vm);

/* Call fn for every VM, with the VM list locked. */
void vm_for_each(void (*fn)(struct vm *vm, void *ctx), void *ctx);
u32 vm_count(void);
/* The first non-zero code that a VM ended with, or 0. */
u8 vm_first_exit_code(void);
void vm_forget_exit_codes(void);
