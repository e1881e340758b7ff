/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The choice of the serial port. See serial.h. Runs before there is anything to print on.
 */
#include "boot/serial.h"

#include "arch/acpi_parse.h"
#include "lib/log.h"
#include "lib/string.h"

static struct acpi_spcr spcr; /* port 0 when it was not used */
static const char *how = "COM1, the default";

void serial_choose(struct options *options, const struct boot_info *info,
		   const void *(*map)(hpa_t addr, u64 len))
{
	u8 rsdp[ACPI_RSDP_SIZE] = { 0 };
	u32 len = info->rsdp_len;

	if (options->console_given) {
		how = "as console= says";
		return;
	}
	if (len && acpi_rsdp_is_valid(info->rsdp, len))
		memcpy(rsdp, info->rsdp, len);
	else
		len = acpi_find_rsdp(rsdp, map);
	if (len)
		acpi_find_spcr(&spcr, rsdp, len, map);
	if (!spcr.port)
		return;
	options->console_port = spcr.port;
	options->console_baud = spcr.baud;
	how = "as the firmware's table SPCR says";
}

const char *serial_how(void)
{
	return how;
}

bool serial_interrupt(struct serial_interrupt *interrupt)
{
	interrupt->isa = spcr.has_irq;
	interrupt->number = spcr.has_irq ? spcr.irq : spcr.gsi;
	return spcr.port && (spcr.has_irq || spcr.has_gsi);
}
