/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC of one vCPU, in xAPIC mode: one page of MMIO, always at LAPIC_BASE. What
 * concerns other vCPUs leaves by the VM's bus (apic_bus.h), what concerns its own vCPU by
 * callbacks. All calls, and the timer's function, under the VM's device lock.
 */
#pragma once

#include "vm/io.h"
#include "vm/timer.h"

#define LAPIC_BASE 0xfee00000ull
#define LAPIC_SIZE 0x1000ull

/* IA32_APIC_BASE */
#define LAPIC_BASE_BSP 0x100ull
#define LAPIC_BASE_X2APIC 0x400ull
#define LAPIC_BASE_ENABLE 0x800ull

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
	u8 dest; /* physical: an APIC id or ff, for all; logical: a message destination address */
	bool logical;
};

/* Its vCPU, as the APIC sees it. Each may be NULL. */
struct lapic_host {
	/* What lapic_pending() or lapic_accepts_pic() answers has changed. */
	void (*update)(void *ctx);
	/* An NMI, INIT or start-up IPI has arrived for this vCPU. At an INIT: lapic_stop(). */
	void (*signal)(void *ctx, enum lapic_delivery delivery, u8 vector);
	/* A level-triggered interrupt has ended: for the I/O APIC. It may request it again. */
	void (*eoi)(void *ctx, u8 vector);
	void *ctx;
};

/* A bit per vector. */
struct lapic_vectors {
	u64 bits[4];
};

struct apic_bus;

struct lapic {
	struct lapic_host host; /* [const] */
	struct apic_bus *bus; /* [const] with this APIC on it */
	u8 id; /* [const] */
	bool bsp; /* [const] */
	int pending; /* the vector to be delivered now, or -1; what lapic_pending() answers */

	bool enabled; /* the enable bit of the base MSR */
	bool stopped; /* by an INIT, until it is reset */
	u8 tpr, ppr;
	u32 ldr, dfr, svr;
	u32 esr; /* as latched by the last write */
	u32 errors; /* seen since */
	u32 icr_low, icr_high;
	u32 lvt[LVT_COUNT];
	struct lapic_vectors irr, isr, tmr;

	struct timer timer; /* armed while the timer runs and is not masked */
	bool timer_running;
	u8 timer_shift; /* log2 of the divisor: ns per count */
	u8 timer_divide; /* the divide register */
	u32 timer_initial;
	u64 timer_start; /* clock_ns() when the count was timer_initial; may be before time 0 */
	u64 timer_last; /* when it fired last */
};

/* The device is the struct lapic; the range is LAPIC_SIZE bytes. */
extern const struct io_ops lapic_io;

/* The APIC with id 0 is the boot CPU's. */
void lapic_init(struct lapic *apic, u8 id, struct apic_bus *bus, const struct lapic_host *host,
		struct timer_queue *queue);

/* As after power-on or INIT; the base MSR's enable bit is set. */
void lapic_reset(struct lapic *apic);

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

/* The vCPU takes vector, which lapic_pending() gave: from requested to in service. */
void lapic_ack(struct lapic *apic, u8 vector);

/* Does the 8259's interrupt line reach this CPU? */
bool lapic_accepts_pic(const struct lapic *apic);

/*
 * Request an interrupt. False, and nothing happens, when the APIC is off; also false for vectors
 * below 16, which are errors.
 */
bool lapic_request(struct lapic *apic, u8 vector, bool level);

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
 * E_INVAL: reserved bits or x2APIC mode, the guest is owed #GP. E_UNSUPPORTED: another
 * address, which this APIC refuses. Nothing has changed then. The BSP bit is not written.
 */
int __must_check lapic_write_base(struct lapic *apic, u64 value);
