/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files that make up the platform (platform*.c) share, and nobody else.
 */
#pragma once

#include "dev/acpi_tables.h"
#include "dev/apic_bus.h"
#include "dev/debug_exit.h"
#include "dev/fw_cfg.h"
#include "dev/ioapic.h"
#include "dev/pic.h"
#include "dev/pit.h"
#include "dev/pm.h"
#include "dev/reset.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "vm/vm.h"

struct pc {
	struct uart uart;
	struct pic pic;
	struct pit pit;
	struct rtc rtc;
	struct apic_bus bus;
	struct ioapic ioapic;
	struct pm pm;
	struct reset reset;
	struct debug_exit debug_exit;
	struct fw_cfg fw_cfg;
	struct acpi_files acpi; /* [const] what fw_cfg tells of ACPI */
};

static inline struct pc *pc_of(const struct vm *vm)
{
	return vm->platform;
}

/* The local APICs, one for each vCPU. E_NOMEM. */
int __must_check platform_lapics_create(struct vm *vm);
void platform_lapics_destroy(struct pc *pc);
/* As after power-on, and with the first one as firmware leaves it. */
void platform_lapics_reset(struct vm *vm);

/* The callbacks of pic_init(), pit_init(), rtc_init() and ioapic_init(); contexts: vm, pc, pc, vm. */
void platform_pic_output(void *ctx, bool level);
bool platform_pit_busy(void *ctx);
bool platform_rtc_reaches(void *ctx);
bool platform_ioapic_deliver(void *ctx, const struct lapic_ipi *message, bool level);

/* Operations of struct platform_ops. */
bool platform_intr_pending(const struct vcpu *vcpu);
int platform_intr_ack(struct vcpu *vcpu);
void platform_vcpu_init(struct vcpu *vcpu);
void platform_apic_give(struct vcpu *vcpu, struct apic_help *help);
void platform_apic_take(struct vcpu *vcpu);
void platform_apic_written(struct vcpu *vcpu, u32 offset);
void platform_apic_ended(struct vcpu *vcpu, u8 vector);
u64 platform_apic_base_read(const struct vcpu *vcpu);
bool platform_apic_base_write(struct vcpu *vcpu, u64 value);
bool platform_apic_msr_read(struct vcpu *vcpu, u32 msr, u64 *value);
bool platform_apic_msr_write(struct vcpu *vcpu, u32 msr, u64 value);
bool platform_apic_msr_eoi(struct vcpu *vcpu);
void platform_tsc_changed(struct vcpu *vcpu);
u8 platform_tpr_read(const struct vcpu *vcpu);
void platform_tpr_write(struct vcpu *vcpu, u8 value);

/* The tables that firmware would leave: where they are, and have them written. E_NOMEM. */
#define PLATFORM_ACPI_GPA 0xe0000ull
#define PLATFORM_MP_GPA 0xf0000ull
int __must_check platform_tables_write(struct vm *vm);
/* The ACPI tables as the firmware configuration device tells them. E_NOMEM. */
int __must_check platform_acpi_files(const struct vm *vm, struct acpi_files *files);
/* The I/O APIC's id in these tables. */
u8 platform_ioapic_id(const struct vm *vm);
