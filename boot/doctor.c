/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doctor: the console, ACPI, clocks and CPUs, and the order of it all. See doctor.h.
 */
#include "boot/doctor.h"

#include "arch/clock.h"
#include "arch/direct_map.h"
#include "arch/features.h"
#include "arch/log.h"
#include "arch/serial_port.h"
#include "boot/doctor_lines.h"
#include "boot/machine.h"
#include "boot/memory.h"
#include "boot/serial.h"
#include "lib/printf.h"
#include "lib/string.h"

#define VGA_TEXT 0xb8000ull
#define FRAMEBUFFER_TEXT 2u
#define XAPIC_LAST_ID 254u

void doctor_say(enum verdict verdict, const char *fmt, ...)
{
	static const char *const words[] = {
		[DOCTOR_OK] = "ok   ",
		[DOCTOR_WARN] = "warn ",
		[DOCTOR_LACKS] = "lacks",
	};
	char text[340];
	va_list args;

	va_start(args, fmt);
	str_vprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_info("doctor: %s %s", words[verdict], text);
}

static void loader(const struct boot_info *info)
{
	doctor_say(DOCTOR_OK, "boot loader: \"%s\", %s, %u modules", info->loader,
		   info->efi_system_table || info->efi_memory_map ? "EFI firmware"
								  : "BIOS firmware",
		   info->module_count);
}

static void serial(const struct options *options)
{
	const char *speed = "as fast as firmware left it";
	char baud[20];

	if (options->console_baud) {
		str_printf(baud, sizeof(baud), "%u baud", options->console_baud);
		speed = baud;
	}
	if (!options->console_port)
		doctor_say(DOCTOR_WARN, "serial port: none, %s", serial_how());
	else if (serial_port_present())
		doctor_say(DOCTOR_OK, "serial port: %x, %s (%s)", options->console_port, speed,
			   serial_how());
	else
		doctor_say(DOCTOR_LACKS,
			   "serial port: nothing answers at %x (%s): say console=0xPORT, or "
			   "turn the port on in the firmware's setup",
			   options->console_port, serial_how());
}

/* Where there is no text screen, nobody answers at its memory. */
static bool vga_answers(void)
{
	volatile u16 *cell = hpa_to_ptr(HPA(VGA_TEXT));
	u16 old = *cell;
	bool answers;

	*cell = 0x0755;
	answers = *cell == 0x0755;
	*cell = 0x07aa;
	answers &= *cell == 0x07aa;
	*cell = old;
	return answers;
}

static void screen(const struct boot_info *info)
{
	const struct boot_framebuffer *fb = &info->framebuffer;

	if (fb->width && fb->type != FRAMEBUFFER_TEXT)
		doctor_say(DOCTOR_OK, "screen: %ux%u pixels of %u bits at %llx, not VGA text",
			   fb->width, fb->height, fb->bpp, (unsigned long long)fb->addr.raw);
	else if (vga_answers())
		doctor_say(DOCTOR_OK, "screen: VGA text at %llx", VGA_TEXT);
	else
		doctor_say(DOCTOR_WARN, "screen: no VGA text: without a serial port nothing is "
					"seen of Sill");
}

static void tables(const struct acpi_info *acpi)
{
	char names[ACPI_NAMES_MAX * 5 + 1] = "";
	size_t used = 0;

	if (!acpi->name_count) {
		doctor_say(DOCTOR_LACKS, "ACPI: no tables: one CPU, no I/O APIC, no power-off");
		return;
	}
	for (u32 i = 0; i < acpi->name_count; i++)
		used += (size_t)str_printf(names + used, sizeof(names) - used, " %s",
					   acpi->names[i]);
	doctor_say(DOCTOR_OK, "ACPI: tables%s", names);
}

static void cpus_described(const struct acpi_madt *madt)
{
	u32 large = 0;

	if (!madt->found || !madt->cpu_count) {
		doctor_say(DOCTOR_LACKS, "CPUs: none described (no MADT): Sill uses one");
		return;
	}
	for (u32 i = 0; i < madt->cpu_count; i++)
		large += madt->cpus[i].apic_id > XAPIC_LAST_ID;
	doctor_say(madt->cpus_dropped || madt->cpus_repeated ? DOCTOR_WARN : DOCTOR_OK,
		   "CPUs: %u enabled, %u disabled entries, %u repeated, %u beyond Sill's limit of "
		   "%u; %u I/O APICs",
		   madt->cpu_count + madt->cpus_dropped, madt->cpus_disabled, madt->cpus_repeated,
		   madt->cpus_dropped, ACPI_MAX_CPUS, madt->ioapic_count);
	if (!large)
		doctor_say(DOCTOR_OK, "CPUs: all APIC ids are below 255");
	else
		doctor_say(cpu_features.x2apic ? DOCTOR_OK : DOCTOR_LACKS,
			   "CPUs: %u with APIC ids above 254, which need x2APIC: %s", large,
			   cpu_features.x2apic ? "it is there"
					       : "turn it on in the firmware's "
						 "setup");
	if (!boot_memory_trampoline().raw)
		doctor_say(DOCTOR_LACKS, "CPUs: no free page below 512 KiB to start them from: "
					 "Sill uses one");
}

static void power(const struct acpi_fadt *fadt)
{
	bool reset = fadt->reset_supported && fadt->reset_space == ACPI_SPACE_IO;

	if (fadt->s5_found && fadt->pm1a_cnt)
		doctor_say(DOCTOR_OK, "power-off: by ACPI, port %x", fadt->pm1a_cnt);
	else
		doctor_say(DOCTOR_WARN,
			   "power-off: ACPI offers none: Sill halts, and you switch off");
	if (reset)
		doctor_say(DOCTOR_OK, "reset: by ACPI, port %llx",
			   (unsigned long long)fadt->reset_addr);
	else
		doctor_say(DOCTOR_OK, "reset: not by ACPI: port cf9, keyboard controller, triple "
				      "fault, in this order");
}

static void clocks(const struct acpi_info *acpi, bool works)
{
	doctor_say(acpi->fadt.pm_timer || acpi->hpet_addr ? DOCTOR_OK : DOCTOR_WARN,
		   "clocks: PM timer %s, HPET %s", acpi->fadt.pm_timer ? "yes" : "no",
		   acpi->hpet_addr ? "yes" : "no");
	if (works)
		doctor_say(DOCTOR_OK, "TSC: %llu MHz", (unsigned long long)clock_tsc_khz() / 1000);
}

/* False: without what is missing there Sill does not run at all. */
static bool machine(const struct boot_info *info, const struct options *options)
{
	const struct acpi_info *acpi = machine_acpi();
	const char *reason = machine_init(info, options->clock);

	if (reason)
		doctor_say(DOCTOR_LACKS, "start-up: %s", reason);
	tables(acpi);
	cpus_described(&acpi->madt);
	power(&acpi->fadt);
	clocks(acpi, !reason);
	return !reason;
}

void doctor_report(const struct boot_info *info, const struct options *options)
{
	bool works;

	log_set_level(MAX(options->log, LOG_INFO));
	loader(info);
	serial(options);
	screen(info);
	doctor_memory(info);
	works = machine(info, options);
	doctor_cpu(works);
}
