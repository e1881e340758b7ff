/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said about a guest: the report of one that did something unsupported, and
 * rate-limited lines about oddities, so that a guest cannot flood the log.
 */
#include "arch/clock.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "vm/vcpu.h"

#define LOG_BURST 20u
#define LOG_REFILL_NS NS_PER_SEC

typedef unsigned long long ull;

static void report_registers(const struct vcpu *vcpu)
{
	const struct vcpu_regs *r = &vcpu->regs;
	const u64 *g = r->gpr;
	const char *n = vcpu->vm->name;

	log_error("vm %s: rip %016llx  rflags %08llx  rsp %016llx  rbp %016llx", n, (ull)r->rip,
		  (ull)r->rflags, (ull)g[GPR_RSP], (ull)g[GPR_RBP]);
	log_error("vm %s: rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx", n, (ull)g[GPR_RAX],
		  (ull)g[GPR_RBX], (ull)g[GPR_RCX], (ull)g[GPR_RDX]);
	log_error("vm %s: rsi %016llx  rdi %016llx  r8  %016llx  r9  %016llx", n, (ull)g[GPR_RSI],
		  (ull)g[GPR_RDI], (ull)g[GPR_R8], (ull)g[GPR_R9]);
	log_error("vm %s: r10 %016llx  r11 %016llx  r12 %016llx  r13 %016llx", n, (ull)g[GPR_R10],
		  (ull)g[GPR_R11], (ull)g[GPR_R12], (ull)g[GPR_R13]);
	log_error("vm %s: r14 %016llx  r15 %016llx", n, (ull)g[GPR_R14], (ull)g[GPR_R15]);
}

static void report_system(const struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	struct segment cs, ss;

	backend->get_seg(vcpu, SEG_CS, &cs);
	backend->get_seg(vcpu, SEG_SS, &ss);
	log_error("vm %s: cr0 %08llx  cr2 %016llx  cr3 %016llx  cr4 %08llx  efer %04llx", vm->name,
		  (ull)backend->get_reg(vcpu, VREG_CR0), (ull)backend->get_reg(vcpu, VREG_CR2),
		  (ull)backend->get_reg(vcpu, VREG_CR3), (ull)backend->get_reg(vcpu, VREG_CR4),
		  (ull)backend->get_reg(vcpu, VREG_EFER));
	log_error("vm %s: cs %04x base %llx limit %x attr %03x  ss %04x base %llx attr %03x",
		  vm->name, cs.selector, (ull)cs.base, cs.limit, cs.attr, ss.selector, (ull)ss.base,
		  ss.attr);
}

static void report_bytes(const struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	struct fetch_state state;
	u8 bytes[INSN_MAX_LEN + 1];
	char text[3 * INSN_MAX_LEN + 1] = "";
	size_t len = 0, used = 0;
	gva_t fault;
	u32 error;

	backend->get_fetch_state(vcpu, &state);
	if (guest_fetch(&vm->mem, &state.paging, GVA(state.linear_rip), bytes, &len, &fault,
			&error)) {
		log_error("vm %s: bytes at rip: not readable", vm->name);
		return;
	}
	for (size_t i = 0; i < MIN(len, (size_t)INSN_MAX_LEN); i++)
		used += (size_t)str_printf(text + used, sizeof(text) - used, " %02x", bytes[i]);
	log_error("vm %s: bytes at rip:%s", vm->name, text);
}

void vm_kill(struct vm *vm, const struct vm_exit *exit, const char *fmt, ...)
{
	const struct vcpu *vcpu = this_cpu()->vcpu;
	char reason[160], text[240];
	va_list args;

	va_start(args, fmt);
	str_vprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	/* First: the report is of the vCPU that ends the VM, which stays until that has left. */
	if (!vm_end(vm, VM_CODE_KILLED))
		return;
	log_error("vm %s: stopped: %s", vm->name, reason);
	backend->describe_exit(vcpu, text, sizeof(text));
	log_error("vm %s: exit %s  vCPU %u on CPU %u", vm->name, text, vcpu->index, vcpu->cpu);
	report_registers(vcpu);
	/* After a refused entry the control block may hold anything. */
	if (exit->kind != EXIT_ENTRY_FAILED) {
		report_system(vcpu);
		report_bytes(vcpu);
	}
}

/* May a line be logged? Any CPU's vCPUs ask. */
static bool take_log_token(struct vm *vm)
{
	u64 now = clock_ns(), refill = atomic_load(&vm->log_refill), dropped;
	u32 tokens;

	if (now >= refill && atomic_cmpxchg(&vm->log_refill, &refill, now + LOG_REFILL_NS)) {
		dropped = atomic_xchg(&vm->log_dropped, 0ull);
		if (dropped)
			log_warn("vm %s: %llu lines like this were dropped", vm->name,
				 (ull)dropped);
		atomic_store(&vm->log_tokens, LOG_BURST);
	}
	tokens = atomic_load(&vm->log_tokens);
	while (tokens && !atomic_cmpxchg(&vm->log_tokens, &tokens, tokens - 1))
		;
	if (!tokens)
		atomic_fetch_add(&vm->log_dropped, 1ull);
	return tokens;
}

void vm_guest_log(struct vm *vm, const char *fmt, ...)
{
	char text[160];
	va_list args;

	if (!take_log_token(vm))
		return;
	va_start(args, fmt);
	str_vprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_warn("vm %s: %s", vm->name, text);
}
