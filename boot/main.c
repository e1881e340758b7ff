/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start-up sequence of the boot CPU, from the loader's information to running guests.
 * Every step that can fail says why in one line, and the machine halts.
 */
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "arch/features.h"
#include "arch/log.h"
#include "arch/mce.h"
#include "arch/panic.h"
#include "arch/percpu.h"
#include "arch/power.h"
#include "arch/serial_port.h"
#include "arch/traps.h"
#include "boot/bootinfo.h"
#include "boot/display.h"
#include "boot/doctor.h"
#include "boot/machine.h"
#include "boot/memory.h"
#include "boot/options.h"
#include "boot/selftest.h"
#include "boot/serial.h"
#include "boot/smp.h"
#include "dev/platform.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/host_tables.h"
#include "shell/mux.h"
#include "svm/backend.h"
#include "version.h"
#include "vm/config.h"
#include "vm/sched.h"
#include "vm/vm.h"
#include "vmx/backend.h"

#define PANIC_EXIT_CODE 0x7e

__noreturn void boot_main(u32 magic, u32 info_addr);

/* A canary that differs from boot to boot would need entropy before anything else runs. */
u64 __stack_chk_guard = 0x53696c6cff0a0d00ull;

extern const u64 boot_tsc; /* start.S */

static struct boot_info info;
static struct options options;
static struct vm_config_list configs;

__noreturn static void refuse(const char *what)
{
	log_error("Sill cannot run here: %s. Halted.", what);
	cpu_stop();
}

/* Until there are page tables of our own, the first 4 GiB are all there is. */
static const void *map_low(hpa_t addr, u64 len)
{
	if (addr.raw >= GIB(4) || len > GIB(4) - addr.raw)
		return NULL;
	return hpa_to_ptr(addr);
}

static void *take_low(hpa_t addr, u64 len)
{
	return map_low(addr, len) ? hpa_to_ptr(addr) : NULL;
}

static void banner(void)
{
	char names[300];

	log_info("Sill %s (%s), a micro-hypervisor", SILL_VERSION, SILL_COMMIT);
	log_info("boot: loader \"%s\", command line \"%s\", %u modules", info.loader, info.cmdline,
		 info.module_count);
	log_info("cpu: %s %s, %u-bit physical addresses", cpu_features.vendor,
		 cpu_features.brand[0] ? cpu_features.brand : "", cpu_features.phys_bits);
	features_names(names, sizeof(names));
	log_info("cpu: has %s", names);
	display_log();
}

/* Speak as early as possible: with the default console until the options are known. */
static void start_console(u32 magic, u32 info_addr)
{
	const struct boot_access access = {
		.map = map_low,
		.take = take_low,
		.image = boot_memory_image(),
	};
	int err;

	options_parse(&options, "", 0);
	serial_port_init(options.console_port, options.console_baud);
	err = boot_info_parse(&info, magic, HPA(info_addr), &access);
	display_init(err ? NULL : &info);
	if (err)
		refuse("it was not started by a multiboot 1 or 2 loader");
	options_parse(&options, info.cmdline, strlen(info.cmdline));
	serial_choose(&options, &info, map_low);
	serial_port_init(options.console_port, options.console_baud);
	log_set_level(options.log);
}

/* Choose how guests are run, and say why. */
static const struct backend *choose_backend(void)
{
	const struct backend *chosen = cpu_features.vmx ? &vmx_backend : &svm_backend;
	const char *reason = chosen->probe();

	if (!cpu_features.vmx && !cpu_features.svm)
		reason = "the CPU has neither SVM (AMD-V) nor VMX (Intel VT-x), or they are hidden";
	if (reason)
		refuse(reason);
	if (!options.tdp)
		refuse("tdp=off asks for shadow paging, which this version does not have");
	log_info("virtualization: %s with nested paging (%s): the CPU has both", chosen->name,
		 chosen->tdp_name);
	return chosen;
}

/*
 * Bochs, seen in 2.7: where a host interrupt comes while a virtual one waits for the guest's
 * RFLAGS.IF, it delivers the virtual one, IF or not. Linux then waits for locks that it holds itself.
 * That is its VMX; with SVM the CPU has no interrupts to deliver.
 * It is known by its firmware, which QEMU has too, but QEMU says that it is no real machine.
 */
static bool help_with_apics(void)
{
	bool bochs = cpu_features.vmx && !cpu_features.hypervisor &&
		     strcmp(machine_acpi()->oem, "BOCHS ") == 0;

	if (options.apicv == APICV_AUTO && bochs)
		log_warn("vmx: Bochs runs local APICs wrongly: Sill does it (apicv=on lets Bochs)");
	return options.apicv == APICV_ON || (options.apicv == APICV_AUTO && !bochs);
}

static void describe_vcpu(const void *vcpu, char *buf, size_t size)
{
	const struct vcpu *v = vcpu;

	str_printf(buf, size, "%s/%u, rip %llx", v->vm->name, v->index,
		   (unsigned long long)v->regs.rip);
}

static void after_panic(void)
{
	if (options.on_idle == ON_IDLE_DEBUG_EXIT)
		machine_debug_exit(PANIC_EXIT_CODE);
}

static void start_vms(void);

/* The last VM has ended, or there was none. */
static void on_idle(void)
{
	if (selftest_report()) {
		start_vms();
		return;
	}
	switch (options.on_idle) {
	case ON_IDLE_SHELL:
		log_info("no VM is running: the shell has the console (on-idle=shell)");
		mux_ask_for_shell();
		break;
	case ON_IDLE_POWEROFF:
		log_info("no VM is running: power off (on-idle=poweroff)");
		machine_poweroff();
	case ON_IDLE_REBOOT:
		log_info("no VM is running: reboot (on-idle=reboot)");
		machine_reboot();
	case ON_IDLE_DEBUG_EXIT:
		log_info("no VM is running: exit with code %u (on-idle=debug-exit)",
			 vm_first_exit_code());
		machine_debug_exit(vm_first_exit_code());
	}
}

static void read_modules(void)
{
	struct frame_stats stats;

	for (u32 i = 0; i < info.module_count; i++)
		info.modules[i].data = hpa_to_ptr(info.modules[i].start);
	vm_set_modules(info.modules);
	frame_stats_read(&stats);
	vm_config_parse(&configs, info.modules, info.module_count, stats.free * PAGE_SIZE);
}

static void start_vms(void)
{
	read_modules();
	if (!info.module_count)
		log_warn("no modules: there is nothing to run");
	vm_create_wanted(&configs);
	if (!vm_count()) {
		on_idle();
		return;
	}
	log_info("boot: %llu thousand TSC ticks from the first instruction to the guests",
		 (unsigned long long)(rdtsc() - boot_tsc) / 1000);
	vm_start_all();
}

/* Says what there is and stops, whether guests could run or not. */
__noreturn static void run_doctor(void)
{
	bool ends = options.on_idle_given && options.on_idle != ON_IDLE_SHELL;

	doctor_report(&info, &options);
	log_info("doctor: done%s", ends ? "" : ": halted");
	if (ends)
		on_idle();
	cpu_stop();
}

/* On the real stack, with frames, tables and traps in place. */
__noreturn static void boot_late(void)
{
	const struct backend *chosen;
	const char *reason;

	mce_init();
	if (options.doctor)
		run_doctor();
	reason = machine_init(&info, options.clock);
	if (reason)
		refuse(reason);
	chosen = choose_backend();
	vm_init(chosen, &pc_platform, &mux_console_ops);
	if (chosen->setup(help_with_apics()))
		refuse("there is no memory for the virtualization structures");
	reason = chosen->cpu_enable();
	if (reason)
		refuse(reason);
	power_set_before_end(chosen->cpu_disable);
	machine_start_cpus(options.cpus);
	vm_init_cpus();
	mux_init(options.escape);
	panic_set_describe_vcpu(describe_vcpu);
	panic_set_final(after_panic);
	sched_set_on_idle(on_idle);
	irq_register(VECTOR_CONSOLE, mux_poll);
	irq_register(VECTOR_SHELL, mux_open_shell);
	machine_route_console();
	host_tables_seal();
	if (!options.selftest || !selftest_start())
		start_vms();
	sched_run();
}

__noreturn static void continue_on(u64 stack_top, void (*fn)(void))
{
	asm volatile("movq %0, %%rsp\n\t"
		     "xorl %%ebp, %%ebp\n\t"
		     "pushq $0\n\t"
		     "jmp *%1"
		     :
		     : "r"(stack_top), "r"(fn)
		     : "memory");
	__builtin_unreachable();
}

void boot_main(u32 magic, u32 info_addr)
{
	features_init();
	features_enable();
	traps_init();
	smp_boot_cpu_early();
	start_console(magic, info_addr);
	banner();
	if (boot_memory_init(&info) || smp_boot_cpu_stacks())
		refuse("there is not enough memory for its own tables");
	continue_on(this_cpu()->stacks[STACK_MAIN].top, boot_late);
}
