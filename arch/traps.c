/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IDT and what happens on each vector. See traps.h.
 */
#include "arch/traps.h"

#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/panic.h"
#include "arch/percpu.h"
#include "lib/atomic.h"
#include "lib/log.h"

#define ENTRY_SIZE 16u
#define GATE_INTERRUPT 0x8e00u

extern const u8 trap_entries[];

struct idt_gate idt[256] __aligned(16) __ro_after_init;
static void (*irq_handlers[256])(void) __ro_after_init;
static u64 nmi_abort_begin __ro_after_init, nmi_abort_end __ro_after_init,
	nmi_abort __ro_after_init;

static const char *const exception_names[] = {
	"#DE divide error",
	"#DB debug",
	"NMI",
	"#BP breakpoint",
	"#OF overflow",
	"#BR bound range",
	"#UD invalid opcode",
	"#NM no FPU",
	"#DF double fault",
	"coprocessor overrun",
	"#TS invalid TSS",
	"#NP segment not present",
	"#SS stack fault",
	"#GP general protection",
	"#PF page fault",
	"vector 15",
	"#MF x87 error",
	"#AC alignment check",
	"#MC machine check",
	"#XM SIMD error",
};

static u8 ist_of(u32 vector)
{
	switch (vector) {
	case VECTOR_DF:
		return STACK_DF;
	case VECTOR_MC:
		return STACK_MC;
	default:
		return 0;
	}
}

void traps_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(idt); i++) {
		u64 entry = (u64)trap_entries + (u64)i * ENTRY_SIZE;

		idt[i] = (struct idt_gate){
			.offset_low = (u16)entry,
			.selector = SEL_CODE64,
			.attr = (u16)(GATE_INTERRUPT | ist_of(i)),
			.offset_mid = (u16)(entry >> 16),
			.offset_high = (u32)(entry >> 32),
		};
	}
}

void irq_register(u8 vector, void (*fn)(void))
{
	irq_handlers[vector] = fn;
}

static void trap_interrupt(const struct trap_frame *frame)
{
	void (*fn)(void) = irq_handlers[frame->vector];

	this_cpu()->interrupts++;
	if (fn)
		fn();
	if (frame->vector != VECTOR_SPURIOUS && frame->vector >= VECTOR_TIMER)
		apic_eoi();
}

void nmi_set_abort(const u8 *begin, const u8 *end, const u8 *abort)
{
	nmi_abort_begin = (u64)begin;
	nmi_abort_end = (u64)end;
	nmi_abort = (u64)abort;
}

static void trap_nmi(struct trap_frame *frame)
{
	this_cpu()->nmis++;
	atomic_store(&this_cpu()->nmi_seen, 1u);
	if (frame->rip >= nmi_abort_begin && frame->rip < nmi_abort_end)
		frame->rip = nmi_abort;
	panic_check_stop();
	/*
	 * Our IRET ends the shadow of the STI: an interrupt that is pending comes before the
	 * HLT, which would then sleep over what it was sent for.
	 */
	if (frame->rip == (u64)irq_wait_hlt)
		frame->rip++;
}

void trap_dispatch(struct trap_frame *frame)
{
	const char *name = "unknown exception";

	if (frame->vector >= VECTOR_FIRST_IRQ) {
		trap_interrupt(frame);
		return;
	}
	if (frame->vector == VECTOR_NMI) {
		trap_nmi(frame);
		return;
	}
	if (frame->vector < ARRAY_SIZE(exception_names))
		name = exception_names[frame->vector];
	panic_trap(frame, name);
}
