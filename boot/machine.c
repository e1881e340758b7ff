/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware says about the machine, and setting it up accordingly. See machine.h.
 */
#include "boot/machine.h"

#include "arch/acpi_parse.h"
#include "arch/apic.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "arch/features.h"
#include "arch/ioapic.h"
#include "arch/percpu.h"
#include "arch/power.h"
#include "arch/serial_port.h"
#include "arch/traps.h"
#include "boot/memory.h"
#include "boot/serial.h"
#include "boot/smp.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/host_tables.h"

#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA 0xa1
#define PIC_MASTER_COMMAND 0x20
#define PIC_SLAVE_COMMAND 0xa0
#define ISA_IRQS 16u
#define LAPIC_LEN 0x1000u
#define HPET_LEN 0x400u
#define IOAPIC_LEN 0x20u

static struct acpi_info acpi;

/* Firmware tables may lie in memory that the direct map does not have yet. */
static const void *map_firmware(hpa_t addr, u64 len)
{
	return host_map_firmware(addr, len) ? NULL : hpa_to_ptr(addr);
}

static void read_acpi(const struct boot_info *info)
{
	u8 rsdp[ACPI_RSDP_SIZE] = { 0 };
	u32 len = info->rsdp_len;

	if (len && acpi_rsdp_is_valid(info->rsdp, len))
		memcpy(rsdp, info->rsdp, len);
	else
		len = acpi_find_rsdp(rsdp, map_firmware);
	if (!len || acpi_parse(&acpi, rsdp, len, map_firmware))
		log_warn("acpi: no usable tables: one CPU, no power-off");
	else
		log_info("acpi: %u CPUs in the MADT, %u I/O APICs, PM timer %s, power-off %s",
			 acpi.madt.cpu_count, acpi.madt.ioapic_count,
			 acpi.fadt.pm_timer ? "yes" : "no", acpi.fadt.s5_found ? "yes" : "no");
}

static void init_power(void)
{
	const struct acpi_fadt *fadt = &acpi.fadt;
	struct power_info power = {
		.pm1a_cnt = fadt->pm1a_cnt,
		.pm1b_cnt = fadt->pm1b_cnt,
		.has_s5 = fadt->s5_found,
		.slp_typ_a = fadt->s5_typ_a,
		.slp_typ_b = fadt->s5_typ_b,
	};

	if (fadt->reset_supported && fadt->reset_space == ACPI_SPACE_IO &&
	    fadt->reset_addr <= UINT16_MAX) {
		power.reset_port = (u16)fadt->reset_addr;
		power.reset_value = fadt->reset_value;
	}
	power_init(&power);
}

/* The 8259 pair is not used: move it off the exceptions' vectors and mask it. */
static void silence_pic(void)
{
	outb(PIC_MASTER_COMMAND, 0x11);
	outb(PIC_SLAVE_COMMAND, 0x11);
	outb(PIC_MASTER_DATA, VECTOR_FIRST_IRQ);
	outb(PIC_SLAVE_DATA, VECTOR_FIRST_IRQ + 8);
	outb(PIC_MASTER_DATA, 4);
	outb(PIC_SLAVE_DATA, 2);
	outb(PIC_MASTER_DATA, 1);
	outb(PIC_SLAVE_DATA, 1);
	outb(PIC_MASTER_DATA, 0xff);
	outb(PIC_SLAVE_DATA, 0xff);
}

static const char *init_apics(void)
{
	volatile void *mmio;
	hpa_t base;

	if (!cpu_features.apic)
		return "this CPU has no local APIC, or firmware has turned it off";
	/* What the CPU itself says counts; the MADT's word may be any. */
	base = HPA(rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDR);
	if (base.raw != acpi.madt.lapic_addr && acpi.madt.found)
		log_warn("acpi: the MADT has the local APICs at 0x%lx, the CPU at 0x%lx",
			 acpi.madt.lapic_addr, base.raw);
	silence_pic();
	mmio = host_map_io(base, LAPIC_LEN);
	if (!mmio)
		return "its local APIC lies beyond what can be mapped";
	apic_init(mmio);
	apic_enable();
	cpus[0]->apic_id = apic_id();
	for (u32 i = 0; i < acpi.madt.ioapic_count; i++) {
		mmio = host_map_io(HPA(acpi.madt.ioapics[i].addr), IOAPIC_LEN);
		if (!mmio || ioapic_add(mmio, acpi.madt.ioapics[i].gsi_base))
			log_warn("acpi: I/O APIC %u is not used", acpi.madt.ioapics[i].id);
	}
	return NULL;
}

/* False: nothing there counts, or not what clock= asks for. */
static bool init_clock(enum clock_source wanted)
{
	static const char *const sources[CLOCK_SOURCES] = {
		[CLOCK_PM_TIMER] = "ACPI PM timer",
		[CLOCK_HPET] = "HPET",
		[CLOCK_CPUID] = "CPU's own word (CPUID 15h)",
		[CLOCK_PIT] = "PIT",
	};
	struct clock_hardware hardware = { .pm_timer = acpi.fadt.pm_timer };
	enum clock_source used;

	if (acpi.hpet_addr)
		hardware.hpet = (volatile u32 *)host_map_io(HPA(acpi.hpet_addr), HPET_LEN);
	if (!clock_init(wanted, &hardware, &used)) {
		log_error("clock: nothing that clock=%s allows tells the TSC's frequency: "
			  "there is %s PM timer and %s HPET",
			  clock_source_names[wanted], acpi.fadt.pm_timer ? "a" : "no",
			  hardware.hpet ? "an" : "no");
		return false;
	}
	log_info("clock: TSC %llu.%03llu MHz by the %s%s",
		 (unsigned long long)clock_tsc_khz() / 1000,
		 (unsigned long long)clock_tsc_khz() % 1000, sources[used],
		 cpu_features.invariant_tsc ? "" : " (the CPU does not promise a constant rate)");
	return true;
}

const char *machine_init(const struct boot_info *info, enum clock_source clock)
{
	const char *reason;

	read_acpi(info);
	init_power();
	reason = init_apics();
	if (reason)
		return reason;
	if (!init_clock(clock))
		return "it has no clock to tell the TSC's frequency by";
	return NULL;
}

const struct acpi_info *machine_acpi(void)
{
	return &acpi;
}

void machine_start_cpus(u32 limit)
{
	u32 in_table = acpi.madt.cpu_count;

	if (in_table > 1 && limit > 1) {
		hpa_t trampoline = boot_memory_trampoline();

		if (trampoline.raw)
			smp_start(&acpi.madt, limit, trampoline);
		else
			log_warn("cpu: no free page below 512 KiB: only one CPU is used");
	}
	log_info("cpu: %u of %u up, %s mode", cpu_count, MAX(in_table, 1u),
		 apic_is_x2apic() ? "x2APIC" : "xAPIC");
}

void machine_route_console(void)
{
	int irq = serial_port_irq();
	struct serial_interrupt spcr;
	u32 gsi;
	bool level = false, low = false;

	if (irq < 0) {
		if (!serial_port_present() || !serial_interrupt(&spcr))
			return;
		irq = spcr.isa ? (int)spcr.number : -1;
		/* As buses other than ISA have it. */
		level = low = !spcr.isa && spcr.number >= ISA_IRQS;
	}
	gsi = irq < 0 ? spcr.number : (u32)irq;
	for (u32 i = 0; i < acpi.madt.iso_count; i++) {
		const struct acpi_iso *iso = &acpi.madt.isos[i];

		if (iso->irq != irq)
			continue;
		gsi = iso->gsi;
		level = (iso->flags & ACPI_ISO_TRIGGER) == ACPI_ISO_TRIGGER_LEVEL;
		low = (iso->flags & ACPI_ISO_POLARITY) == ACPI_ISO_POLARITY_LOW;
	}
	if (ioapic_route(gsi, VECTOR_CONSOLE, cpus[0]->apic_id, level, low))
		log_warn("console: no I/O APIC has its interrupt %u: no input", gsi);
	else
		serial_port_irq_enable();
}
