/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O APIC redirection entries. See ioapic.h.
 */
#include "arch/ioapic.h"

#include "arch/percpu.h"
#include "lib/err.h"

#define IOAPIC_MAX 16u
#define REG_VERSION 1u
#define REG_REDIRECTION 0x10u
#define REDIRECTION_MASKED 0x10000u
#define REDIRECTION_LEVEL 0x8000u
#define REDIRECTION_LOW 0x2000u

static struct {
	volatile u32 *mmio;
	u32 gsi_base, inputs;
} ioapics[IOAPIC_MAX] __ro_after_init;
static u32 ioapic_count __ro_after_init;

static void ioapic_write(volatile u32 *mmio, u32 reg, u32 value)
{
	mmio[0] = reg;
	mmio[4] = value;
}

int ioapic_add(volatile u32 *mmio, u32 gsi_base)
{
	u32 inputs;

	if (ioapic_count == IOAPIC_MAX)
		return E_NOMEM;
	mmio[0] = REG_VERSION;
	inputs = (mmio[4] >> 16 & 0xff) + 1;
	for (u32 i = 0; i < inputs; i++)
		ioapic_write(mmio, REG_REDIRECTION + 2 * i, REDIRECTION_MASKED);
	ioapics[ioapic_count].mmio = mmio;
	ioapics[ioapic_count].gsi_base = gsi_base;
	ioapics[ioapic_count].inputs = inputs;
	ioapic_count++;
	return 0;
}

int ioapic_route(u32 gsi, u8 vector, u32 apic_id, bool level, bool low)
{
	for (u32 i = 0; i < ioapic_count; i++) {
		u32 input = gsi - ioapics[i].gsi_base;

		if (input >= ioapics[i].inputs)
			continue;
		ioapic_write(ioapics[i].mmio, REG_REDIRECTION + 2 * input + 1, apic_id << 24);
		ioapic_write(ioapics[i].mmio, REG_REDIRECTION + 2 * input,
			     vector | (level ? REDIRECTION_LEVEL : 0) |
				     (low ? REDIRECTION_LOW : 0));
		return 0;
	}
	return E_NOENT;
}
