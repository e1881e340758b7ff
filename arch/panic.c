/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Panic reports. See panic.h. Runs with whatever is left: takes no lock that a stopped CPU
 * may hold, and a second panic during the report only halts.
 */
#include "arch/panic.h"

#include "arch/apic.h"
#include "arch/console.h"
#include "arch/cpu.h"
#include "arch/log.h"
#include "arch/mce.h"
#include "arch/percpu.h"
#include "arch/symbols.h"
#include "arch/traps.h"
#include "lib/atomic.h"
#include "lib/printf.h"

#define BACKTRACE_MAX 24u

static u32 panicking; /* [atomic] 1 + index of the CPU that reports */
static u32 stopped; /* [atomic] CPUs that have stopped for it */
static void (*describe_vcpu)(const void *vcpu, char *buf, size_t size);
static void (*final_action)(void);

void panic_set_describe_vcpu(void (*describe)(const void *vcpu, char *buf, size_t size))
{
	describe_vcpu = describe;
}

void panic_set_final(void (*final)(void))
{
	final_action = final;
}

__printf_like(1, 2) static void report(const char *fmt, ...)
{
	char line[200];
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = (size_t)str_vprintf(line, sizeof(line), fmt, args);
	va_end(args);
	console_write(line, MIN(len, sizeof(line) - 1));
}

void panic_check_stop(void)
{
	u32 who = atomic_load(&panicking);

	if (!who || who == this_cpu()->index + 1)
		return;
	atomic_fetch_add(&stopped, 1u);
	cpu_stop();
}

/* Returns only for the first CPU that panics. */
static void panic_begin(void)
{
	u32 nobody = 0;
	u32 me = this_cpu()->index + 1;

	irq_disable();
	if (!atomic_cmpxchg(&panicking, &nobody, me)) {
		if (nobody == me)
			console_break_lock();
		else
			atomic_fetch_add(&stopped, 1u);
		cpu_stop();
	}
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i] && cpus[i] != this_cpu() && atomic_load(&cpus[i]->online))
			apic_send_nmi(cpus[i]->apic_id);
	}
	for (u32 i = 0; i < 1000000 && atomic_load(&stopped) + 1 < cpu_count; i++)
		cpu_relax();
	console_break_lock();
	report("\n*** Sill panic on CPU %u", this_cpu()->index);
}

static bool on_a_stack(u64 rbp)
{
	const struct percpu *cpu = this_cpu();
	extern const u8 bss_start[], bss_end[];

	if (!is_aligned(rbp, 8))
		return false;
	for (u32 i = 0; i < STACK_COUNT; i++) {
		if (rbp >= cpu->stacks[i].bottom && rbp + 16 <= cpu->stacks[i].top)
			return true;
	}
	/* the boot stack */
	return rbp >= (u64)bss_start && rbp + 16 <= (u64)bss_end;
}

static void report_address(u64 rip)
{
	u64 offset = 0;
	const char *name = symbol_name(rip, &offset);

	report("    %016llx  %s+0x%llx\n", (unsigned long long)rip, name ? name : "?",
	       (unsigned long long)offset);
}

static void backtrace(u64 rip, u64 rbp)
{
	report("backtrace:\n");
	report_address(rip);
	for (u32 i = 0; i < BACKTRACE_MAX && on_a_stack(rbp); i++) {
		const u64 *frame = (const u64 *)rbp;

		if (!frame[1])
			break;
		/* A return address lies behind its call: look up the call. */
		report_address(frame[1] - 1);
		rbp = frame[0];
	}
}

/* What was the reason of the panic, or just came to light in the banks. */
static void report_machine_checks(void)
{
	char text[160];

	for (u32 bank = 0; mce_take(&bank, text, sizeof(text));)
		report("machine check %s\n", text);
	if (mce_take_global(text, sizeof(text)))
		report("machine check %s\n", text);
}

__noreturn static void panic_end(void)
{
	const void *vcpu = this_cpu()->vcpu;
	char text[100];

	report_machine_checks();
	if (vcpu && describe_vcpu) {
		describe_vcpu(vcpu, text, sizeof(text));
		report("running vCPU: %s\n", text);
	} else {
		report("running vCPU: none\n");
	}
	report("stopped: %u of %u other CPUs\n", atomic_load(&stopped), cpu_count - 1);
	report("*** end of report; the machine is halted\n");
	if (final_action)
		final_action();
	cpu_stop();
}

__noreturn void panic(const char *fmt, ...)
{
	char text[160];
	va_list args;

	panic_begin();
	va_start(args, fmt);
	str_vprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report(": %s\n", text);
	report("cr0 %llx  cr3 %llx  cr4 %llx\n", (unsigned long long)read_cr0(),
	       (unsigned long long)read_cr3(), (unsigned long long)read_cr4());
	backtrace((u64)__builtin_return_address(0), (u64)__builtin_frame_address(0));
	panic_end();
}

static void report_registers(const struct trap_frame *f)
{
	const struct {
		const char *name;
		u64 value;
	} regs[] = {
		{ "rax", f->rax },     { "rbx", f->rbx },     { "rcx", f->rcx },
		{ "rdx", f->rdx },     { "rsi", f->rsi },     { "rdi", f->rdi },
		{ "rbp", f->rbp },     { "rsp", f->rsp },     { "r8 ", f->r8 },
		{ "r9 ", f->r9 },      { "r10", f->r10 },     { "r11", f->r11 },
		{ "r12", f->r12 },     { "r13", f->r13 },     { "r14", f->r14 },
		{ "r15", f->r15 },     { "rip", f->rip },     { "rfl", f->rflags },
		{ "cr0", read_cr0() }, { "cr2", read_cr2() }, { "cr3", read_cr3() },
		{ "cr4", read_cr4() },
	};

	for (u32 i = 0; i < ARRAY_SIZE(regs); i++)
		report("%s %016llx%s", regs[i].name, (unsigned long long)regs[i].value,
		       i % 4 == 3 ? "\n" : "  ");
	report("\n");
}

__noreturn void panic_trap(const struct trap_frame *frame, const char *name)
{
	panic_begin();
	report(": %s (vector %llu, error %llx)\n", name, (unsigned long long)frame->vector,
	       (unsigned long long)frame->error);
	report_registers(frame);
	backtrace(frame->rip, frame->rbp);
	panic_end();
}

/* Called by code that the compiler guards with a canary. */
__noreturn void __stack_chk_fail(void);
__noreturn void __stack_chk_fail(void)
{
	panic("a stack canary was overwritten");
}
