/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands. Each prints one record a line, of words key=value, so that people and
 * scripts read the same.
 */
#include "arch/clock.h"
#include "arch/console.h"
#include "arch/features.h"
#include "arch/log.h"
#include "arch/percpu.h"
#include "arch/power.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "shell/for_vm.h"
#include "shell/mux.h"
#include "shell/shell.h"
#include "version.h"

typedef unsigned long long ull;

static void cmd_help(u32 argc __unused, char **argv __unused)
{
	for (u32 i = 0; i < shell_command_count; i++)
		shell_print("%-9s %s\n", shell_commands[i].name, shell_commands[i].usage);
}

static void cmd_version(u32 argc __unused, char **argv __unused)
{
	char names[300];

	features_names(names, sizeof(names));
	shell_print("sill version=%s commit=%s backend=%s paging=%s uptime-ms=%llu\n", SILL_VERSION,
		    SILL_COMMIT, backend->name, backend->tdp_name, (ull)(clock_ns() / NS_PER_MS));
	shell_print("cpu vendor=%s features: %s\n", cpu_features.vendor, names);
}

struct loaded {
	const struct vcpu *vcpu;
	char name[VM_NAME_MAX + 4];
};

/* Another CPU's vCPU may be gone by now: it is looked for among those that are not. */
static void find_loaded(struct vm *vm, void *ctx)
{
	struct loaded *loaded = ctx;

	for (u32 i = 0; i < vm->vcpu_count; i++) {
		if (loaded->vcpu == &vm->vcpus[i])
			str_printf(loaded->name, sizeof(loaded->name), "%s/%u", vm->name, i);
	}
}

static void cmd_cpus(u32 argc __unused, char **argv __unused)
{
	static const char *const modes[] = {
		[CPU_HOST] = "host", [CPU_GUEST] = "guest", [CPU_IDLE] = "idle"
	};

	for (u32 i = 0; i < cpu_count; i++) {
		const struct percpu *cpu = cpus[i];
		struct loaded loaded = { .vcpu = atomic_load(&cpu->vcpu), .name = "-" };

		vm_for_each(find_loaded, &loaded);
		shell_print("cpu index=%u apic=%u mode=%s vcpu=%s interrupts=%llu nmis=%llu "
			    "ipis-sent=%llu tlb-flushes=%llu\n",
			    cpu->index, cpu->apic_id, modes[atomic_load(&cpu->mode)], loaded.name,
			    (ull)cpu->interrupts, (ull)cpu->nmis, (ull)cpu->ipis,
			    (ull)cpu->tlb_flushes);
	}
}

static void print_owner(const struct frame_owner *owner, void *ctx __unused)
{
	shell_print("owner id=%u frames=%llu name=\"%s\"\n", owner->id,
		    (ull)atomic_load(&owner->frames), owner->name);
}

static void cmd_mem(u32 argc __unused, char **argv __unused)
{
	struct frame_stats stats;

	frame_stats_read(&stats);
	shell_print("frames total=%llu free=%llu blocks-4k=%llu blocks-2m=%llu blocks-1g=%llu\n",
		    (ull)stats.total, (ull)stats.free, (ull)stats.free_blocks[LEVEL_4K],
		    (ull)stats.free_blocks[LEVEL_2M], (ull)stats.free_blocks[LEVEL_1G]);
	frame_owner_for_each(print_owner, NULL);
}

static void cmd_log(u32 argc __unused, char **argv __unused)
{
	static char copy[32768];
	size_t len = log_copy(copy, sizeof(copy));

	console_write(copy, len);
}

static void print_vm(struct vm *vm, void *ctx __unused)
{
	const struct tlb_stats *tlb = &vm->tdp.tlb.stats;
	struct tdp_stats s;

	tdp_stats_read(&vm->tdp, &s);
	shell_print(
		"vm name=%s mem=%lluM vcpus=%u paused=%s console=%s pf_taken=%llu pf_fixed=%llu "
		"pf_spurious=%llu pages_4k=%llu pages_2m=%llu pages_1g=%llu table_pages=%llu\n",
		vm->name, (ull)(vm->config->mem >> 20), vm->vcpu_count, vm->paused ? "yes" : "no",
		mux_is_focus(vm) ? "yes" : "no", (ull)s.pf_taken, (ull)s.pf_fixed,
		(ull)s.pf_spurious, (ull)s.pages_4k, (ull)s.pages_2m, (ull)s.pages_1g,
		(ull)s.table_pages);
	shell_print("mmu name=%s pf_emulate=%llu pf_retry=%llu pf_mmio_spte_created=%llu "
		    "nx_lpage_splits=%llu splits=%llu collapses=%llu pages_freed=%llu\n",
		    vm->name, (ull)s.pf_emulate, (ull)s.pf_retry, (ull)s.pf_mmio_spte_created,
		    (ull)s.nx_lpage_splits, (ull)s.splits, (ull)s.collapses, (ull)s.pages_freed);
	shell_print("tlb name=%s remote_tlb_flush=%llu remote_tlb_flush_requests=%llu "
		    "ipis_sent=%llu ipis_avoided=%llu walks_waited=%llu\n",
		    vm->name, (ull)atomic_load(&tlb->remote_tlb_flush),
		    (ull)atomic_load(&tlb->remote_tlb_flush_requests),
		    (ull)atomic_load(&tlb->ipis_sent), (ull)atomic_load(&tlb->ipis_avoided),
		    (ull)atomic_load(&tlb->walks_waited));
}

/* What each CPU has done for a VM. */
static void print_vm_cpus(struct vm *vm, void *ctx __unused)
{
	for (u32 i = 0; i < cpu_count; i++) {
		const struct tdp_stats *s = &vm->tdp.stats[i];

		shell_print("mmu name=%s cpu=%u pf_fixed=%llu pf_spurious=%llu pf_retry=%llu "
			    "pf_emulate=%llu splits=%llu pages_freed=%llu\n",
			    vm->name, i, (ull)s->pf_fixed, (ull)s->pf_spurious, (ull)s->pf_retry,
			    (ull)s->pf_emulate, (ull)s->splits, (ull)s->pages_freed);
	}
}

static void cmd_mmu(u32 argc __unused, char **argv __unused)
{
	if (!vm_count())
		shell_print("no VM\n");
	vm_for_each(print_vm_cpus, NULL);
}

static void cmd_vm(u32 argc __unused, char **argv __unused)
{
	if (!vm_count())
		shell_print("no VM\n");
	vm_for_each(print_vm, NULL);
}

static void print_vcpu(const struct vcpu *vcpu)
{
	static const char *const names[EXIT_KINDS] = {
		[EXIT_UNKNOWN] = "unknown",
		[EXIT_HOST] = "host",
		[EXIT_CPUID] = "cpuid",
		[EXIT_RDMSR] = "rdmsr",
		[EXIT_WRMSR] = "wrmsr",
		[EXIT_IO] = "io",
		[EXIT_TDP_FAULT] = "tdp",
		[EXIT_HLT] = "hlt",
		[EXIT_CR_ACCESS] = "cr",
		[EXIT_DR_ACCESS] = "dr",
		[EXIT_XSETBV] = "xsetbv",
		[EXIT_TASK_SWITCH] = "task",
		[EXIT_INTR_WINDOW] = "window",
		[EXIT_NMI_WINDOW] = "nmi-window",
		[EXIT_NOP] = "nop",
		[EXIT_PAUSE] = "pause",
		[EXIT_UD] = "ud",
		[EXIT_EXCEPTION] = "exception",
		[EXIT_SHUTDOWN] = "shutdown",
		[EXIT_APIC_WRITE] = "apic-write",
		[EXIT_APIC_EOI] = "apic-eoi",
		[EXIT_EMULATE] = "emulate",
		[EXIT_ENTRY_FAILED] = "entry-failed",
	};
	const char *state = vcpu->waits ? "not-started" : vcpu->halted ? "halted" : "running";

	shell_print("vcpu vm=%s index=%u cpu=%u moves=%u state=%s rip=%llx rsp=%llx rflags=%llx "
		    "exits:",
		    vcpu->vm->name, vcpu->index, vcpu->cpu, vcpu->moves, state, (ull)vcpu->regs.rip,
		    (ull)vcpu->regs.gpr[GPR_RSP], (ull)vcpu->regs.rflags);
	for (u32 i = 0; i < EXIT_KINDS; i++) {
		if (vcpu->exits[i])
			shell_print(" %s=%llu", names[i], (ull)vcpu->exits[i]);
	}
	shell_print("\n");
}

static void print_vcpus(struct vm *vm, void *ctx __unused)
{
	for (u32 i = 0; i < vm->vcpu_count; i++)
		print_vcpu(&vm->vcpus[i]);
}

static void cmd_vcpu(u32 argc __unused, char **argv __unused)
{
	if (!vm_count())
		shell_print("no vCPU\n");
	vm_for_each(print_vcpus, NULL);
}

static void cmd_console(u32 argc, char **argv)
{
	if (argc > 1 && !mux_set_focus(argv[1]))
		shell_print("error: no VM '%s'\n", argv[1]);
	else if (!mux_close_shell())
		shell_print("no guest is running\n");
}

static int pause_vm(struct vm *vm, const struct request *request __unused)
{
	vm_set_paused(vm, true);
	return 0;
}

static int resume_vm(struct vm *vm, const struct request *request __unused)
{
	vm_set_paused(vm, false);
	return 0;
}

/* They have the VM and no other word. */
static void cmd_pause(u32 argc, char **argv)
{
	for_vm(argc == 2 ? argc : 0, argv, 2, "VM", pause_vm);
}

static void cmd_resume(u32 argc, char **argv)
{
	for_vm(argc == 2 ? argc : 0, argv, 2, "VM", resume_vm);
}

static void cmd_start(u32 argc, char **argv)
{
	int err;

	if (argc != 2) {
		shell_print("error: usage: start VM\n");
		return;
	}
	err = vm_start_again(argv[1]);
	if (err == E_NOENT)
		shell_print("error: no module is of a VM '%s'\n", argv[1]);
	else if (err == E_EXIST)
		shell_print("error: VM '%s' has not ended\n", argv[1]);
	else if (err)
		shell_print("error: VM '%s' cannot be started: 'log' says why\n", argv[1]);
}

static void cmd_reboot(u32 argc __unused, char **argv __unused)
{
	machine_reboot();
}

static void cmd_poweroff(u32 argc __unused, char **argv __unused)
{
	machine_poweroff();
}

static void cmd_panic(u32 argc __unused, char **argv __unused)
{
	panic("asked for in the shell");
}

const struct shell_command shell_commands[] = {
	{ "help", "this list", cmd_help },
	{ "version", "what runs here", cmd_version },
	{ "cpus", "the CPUs and what each is doing", cmd_cpus },
	{ "mem", "free memory, and who has the rest, in 4 KiB frames", cmd_mem },
	{ "log", "the log since start-up", cmd_log },
	{ "vm", "the virtual machines", cmd_vm },
	{ "vcpu", "their virtual CPUs, where each was at its last exit, exits by reason",
	  cmd_vcpu },
	{ "mmu", "what each CPU has done in their second-level tables", cmd_mmu },
	{ "slot", "VM [add|remove|move|ro|rw ...] its memory slots", cmd_slot },
	{ "dirty", "VM start|harvest|stop|check ... what is written in a slot", cmd_dirty },
	{ "tree", "VM zap|split|collapse|age its second-level tables", cmd_tree },
	{ "walk", "VM GPA the second-level entries on the way to an address", cmd_walk },
	{ "console", "[VM] back to a guest's console", cmd_console },
	{ "start", "VM a guest that has ended, once more from its modules", cmd_start },
	{ "pause", "VM have its vCPUs stand still; its clocks go on", cmd_pause },
	{ "resume", "VM let them go on", cmd_resume },
	{ "reboot", "restart the machine", cmd_reboot },
	{ "poweroff", "switch the machine off", cmd_poweroff },
	{ "panic", "stop with a report, to see what one looks like", cmd_panic },
};
const u32 shell_command_count = ARRAY_SIZE(shell_commands);
