/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC of one vCPU: in xAPIC mode a page of MMIO, first at LAPIC_BASE, in x2APIC mode MSRs.
 * What concerns other vCPUs leaves by the VM's bus (apic_bus.h), what concerns its own vCPU by
 * callbacks. All calls, and the timer's function, under the VM's device lock.
 */
#pragma once

#include "vm/apic_help.h"
#include "vm/io.h"
#include "vm/timer.h"

#define LAPIC_BASE 0xfee00000ull
#define LAPIC_SIZE 0x1000ull

/* IA32_APIC_BASE */
#define LAPIC_BASE_BSP 0x100ull
#define LAPIC_BASE_X2APIC 0x400ull
#define LAPIC_BASE_ENABLE 0x800ull

#define LAPIC_VERSION 0x14u /* as the version register has it */

/* The registers of x2APIC mode are MSRs from here on, one for each 16 bytes of the page. */
#define LAPIC_MSRS 0x800u
#define LAPIC_MSR_COUNT 0x40u

/*
 * A periodic timer interrupts no more often than this, whatever the guest programs: it must
 * not keep the host busy with nothing but its ticks. The count still reads as it should.
 */
#define LAPIC_MIN_PERIOD_NS 20000u

/* The local vector table, in register order from 320h. */
enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

/* Delivery modes, as ICR and LVT encode them. */
enum lapic_delivery {
	DELIVER_FIXED,
	DELIVER_LOWEST,
	DELIVER_SMI,
	DELIVER_RESERVED,
	DELIVER_NMI,
	DELIVER_INIT,
	DELIVER_STARTUP,
	DELIVER_EXTINT
};

/* An inter-processor interrupt on its way. */
struct lapic_ipi {
	u8 delivery; /* enum lapic_delivery: fixed, lowest, NMI, INIT or start-up */
	u8 vector; /* for start-up: the page number of the code */
	u32 dest; /* physical: an APIC id; logical: a message destination address; LAPIC_DEST_ALL */
	bool logical;
};

#define LAPIC_DEST_ALL 0xffffffffu

/* A destination of 8 bits, as xAPIC and I/O APIC have them: there FF means all. */
static inline u32 lapic_dest8(u8 dest)
{
	return dest == 0xff ? LAPIC_DEST_ALL : dest;
}

/* Its vCPU, as the APIC sees it. Each may be NULL. */
struct lapic_host {
	/*
	 * What lapic_pending() or lapic_accepts_pic() answers, or what lapic_give() would do, has changed, not
	 * by lapic_ack().
	 */
	void (*update)(void *ctx);
	/* An NMI, INIT or start-up IPI has arrived for this vCPU. At an INIT: lapic_stop(). */
	void (*signal)(void *ctx, enum lapic_delivery delivery, u8 vector);
	/* A level-triggered interrupt has ended: for the I/O APIC. It may request it again. */
	void (*eoi)(void *ctx, u8 vector);
	/*
	 * The page of registers goes to gpa. E_INVAL: there is no such address; E_UNSUPPORTED: it
	 * cannot lie there, as it cannot anywhere without this function.
	 */
	int (*move)(void *ctx, u64 gpa);
	/*
	 * The clock_ns() time at which the vCPU's TSC has come to tsc, 0 when it has already. NULL: that
	 * TSC is clock_ns().
	 */
	u64 (*tsc_time)(void *ctx, u64 tsc);
	void *ctx;
};

/* A bit per vector, and one per word of them that is not 0. */
struct lapic_vectors {
	u64 bits[4];
	u32 words;
};

struct apic_bus;

struct lapic {
	struct lapic_host host; /* [const] */
	struct apic_bus *bus; /* [const] with this APIC on it */
	u32 id; /* [const] */
	bool bsp; /* [const] the boot CPU's */
	int pending; /* the vector to be delivered now, or -1; what lapic_pending() answers */

	u64 base; /* IA32_APIC_BASE: where the page is, and the next two and bsp as bits */
	bool enabled;
	bool x2apic; /* only with enabled */
	bool stopped; /* by an INIT, until it is reset */
	u8 tpr, ppr;
	u32 ldr, dfr, svr;
	u32 esr; /* as latched by the last write */
	u32 errors; /* seen since */
	u32 icr_low, icr_high; /* icr_high: the destination, in xAPIC mode in bits 31:24 */
	u32 lvt[LVT_COUNT];
	bool lint[2]; /* the levels at LINT0 and LINT1, asserted is true */
	struct lapic_vectors irr, isr, tmr;

	struct timer timer; /* armed while the timer runs and is not masked */
	bool timer_running;
	u8 timer_shift; /* log2 of the divisor: ns per count */
	u8 timer_divide; /* the divide register */
	u32 timer_initial;
	u64 timer_start; /* clock_ns() when the count was timer_initial; may be before time 0 */
	u64 timer_last; /* when it fired last */
	/*
	 * The CPU runs it, in this page (lapic_give()). irr has what was requested since; isr and tpr are 0,
	 * and so is ppr, but for APIC_TPR_SHADOW, where isr stays, and ppr is its part. NULL otherwise.
	 */
	u32 *page;
	u8 helper; /* enum apic_helper, of the last lapic_give() */
	bool uses_cr8; /* the guest has written CR8 since the reset */
	/* In TSC-deadline mode, in which none of the others runs: */
	u64 tsc_deadline; /* of the vCPU's TSC; 0: not armed */
	u64 tsc_time; /* the clock_ns() of that */
};

/* The device is the struct lapic; the range is LAPIC_SIZE bytes. */
extern const struct io_ops lapic_io;

/*
 * The APIC with id 0 is the boot CPU's; the bus has each at the place that is its id.
 */
void lapic_init(struct lapic *apic, u32 id, struct apic_bus *bus, const struct lapic_host *host,
		struct timer_queue *queue);

/* As after power-on: in xAPIC mode, at LAPIC_BASE; host.move is not called. The lines stay. */
void lapic_reset(struct lapic *apic);

/* As after an INIT: place and mode stay. */
void lapic_reset_registers(struct lapic *apic);

/*
 * An INIT has come: it takes no interrupts, and nothing that the vCPU, which may still run, writes.
 * When the vCPU is reset so is the APIC.
 */
void lapic_stop(struct lapic *apic);

/*
 * As a PC's firmware leaves the boot CPU's: enabled, the 8259's interrupts come in by
 * LINT0 (virtual wire), NMIs by LINT1.
 */
void lapic_init_virtual_wire(struct lapic *apic);

/* The highest vector that may interrupt the CPU now (IF aside), or -1. */
static inline int lapic_pending(const struct lapic *apic)
{
	return apic->pending;
}

/* The vCPU takes vector, if it is what lapic_pending() gives: from requested to in service. */
void lapic_ack(struct lapic *apic, u8 vector);

/* Does the 8259's interrupt line reach this CPU? */
bool lapic_accepts_pic(const struct lapic *apic);

/*
 * Request an interrupt. False, and nothing happens, when the APIC is off; also false for vectors
 * below 16, which are errors.
 */
bool lapic_request(struct lapic *apic, u8 vector, bool level);

/* The level at its input LINT0 or LINT1. The 8259's interrupts go by lapic_accepts_pic() as well. */
void lapic_set_lint(struct lapic *apic, enum lapic_lvt lint, bool level);

/* Does it take interrupts? */
bool lapic_is_active(const struct lapic *apic);

/* Would an IPI to dest reach this APIC? */
bool lapic_is_destination(const struct lapic *apic, const struct lapic_ipi *ipi);

/*
 * A message to this APIC. level: it is to tell host.eoi when it has ended. False: not taken, as of
 * lapic_request(), or of no kind that it knows.
 */
bool lapic_accept(struct lapic *apic, const struct lapic_ipi *message, bool level);

/* The task priority as MOV CR8 sees it: 0-15. */
u8 lapic_read_cr8(const struct lapic *apic);
void lapic_write_cr8(struct lapic *apic, u64 value);

u64 lapic_read_base(const struct lapic *apic);

/*
 * IA32_APIC_BASE. E_INVAL: reserved bits, no such address, or no way leads from this mode to that,
 * the guest is owed #GP. E_UNSUPPORTED: host.move refuses the address. Nothing has changed
 * then. The BSP bit is not written.
 */
int __must_check lapic_write_base(struct lapic *apic, u64 value);

/* The register at LAPIC_MSRS + index. False: the guest is owed #GP, nothing has changed. */
bool __must_check lapic_read_msr(struct lapic *apic, u32 index, u64 *value);
bool __must_check lapic_write_msr(struct lapic *apic, u32 index, u64 value);
/* The same for 0 to the EOI register, the most frequent of all writes. */
bool __must_check lapic_write_eoi_msr(struct lapic *apic);

/* IA32_TSC_DEADLINE. Without that mode it is 0, and cannot be written. */
u64 lapic_read_tsc_deadline(struct lapic *apic);
void lapic_write_tsc_deadline(struct lapic *apic, u64 value);

/*
 * lapic_virtual.c: let the CPU run the APIC in page (4 KiB, as words), by one of helpers (bits of enum
 * apic_helper), from the vCPU's next entry on; help is for the CPU. While it does, others may
 * request interrupts here, and everything else is done after lapic_take(). It is given always, or
 * help->helper is APIC_SOFTWARE.
 */
void lapic_give(struct lapic *apic, u32 *page, u32 helpers, struct apic_help *help);

/* The APIC has everything again. Nothing happens when it was not given. */
void lapic_take(struct lapic *apic);

/*
 * A register that the CPU has let the guest write, by its offset in page, has not had its effect. It has been
 * taken.
 */
void lapic_page_written(struct lapic *apic, const u32 *page, u32 offset);

/* The CPU has ended the interrupt, and lapic_give() has asked for that to be told. */
void lapic_ended(struct lapic *apic, u8 vector);

/* Wherever it is: its processor priority, and is vector requested? */
u8 lapic_priority(const struct lapic *apic);
bool lapic_is_requested(const struct lapic *apic, u8 vector);

/* What host.tsc_time() answers has changed, other than by time. */
void lapic_tsc_changed(struct lapic *apic);
