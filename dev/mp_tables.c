/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MultiProcessor tables: see mp_tables.h.
 *
 *	floating pointer --> header, CPUs, bus, I/O APIC, its inputs, the local APICs' inputs
 */
#include "dev/mp_tables.h"

#include "dev/acpi_buffer.h"
#include "dev/ioapic.h"
#include "dev/lapic.h"
#include "dev/pit.h"
#include "lib/checksum.h"
#include "lib/err.h"

#define MP_REVISION 4u /* 1.4 */
#define ISA_BUS 0u
#define ISA_IRQS 16u
#define IRQ_CASCADE 2u
#define ALL_CPUS 0xffu

struct mp_floating {
	char signature[4];
	u32 config;
	u8 length; /* in 16 bytes */
	u8 revision;
	u8 checksum;
	u8 features[5]; /* none: a table is there, and the 8259s come by virtual wire */
};
_Static_assert(sizeof(struct mp_floating) == 16, "MP floating pointer");

struct mp_config {
	char signature[4];
	u16 length;
	u8 revision;
	u8 checksum;
	char oem_id[8];
	char product_id[12];
	u32 oem_table;
	u16 oem_table_size;
	u16 entries;
	u32 lapic_base;
	u16 extended_length;
	u8 extended_checksum;
	u8 reserved;
};
_Static_assert(sizeof(struct mp_config) == 44, "MP configuration table header");

enum mp_entry { MP_CPU, MP_BUS, MP_IOAPIC, MP_IOAPIC_INPUT, MP_LAPIC_INPUT };

struct mp_cpu {
	u8 type;
	u8 apic_id, apic_version;
	u8 flags;
	u32 signature, features;
	u32 reserved[2];
};
_Static_assert(sizeof(struct mp_cpu) == 20, "MP processor entry");
#define CPU_ENABLED 1u
#define CPU_BOOT 2u

struct mp_bus {
	u8 type;
	u8 id;
	char name[6];
};

struct mp_ioapic {
	u8 type;
	u8 id, version;
	u8 flags;
	u32 base;
};
#define IOAPIC_ENABLED 1u

/* An input of the I/O APIC, or of local APICs. */
struct mp_input {
	u8 type;
	u8 kind; /* enum mp_kind */
	u16 flags; /* 0: polarity and trigger mode are those of the bus */
	u8 bus, irq;
	u8 apic, pin;
};
_Static_assert(sizeof(struct mp_input) == 8, "MP interrupt assignment entry");

enum mp_kind { KIND_VECTOR, KIND_NMI, KIND_SMI, KIND_EXTINT };

static void append_cpus(struct acpi_buffer *buf, const struct mp_machine *machine)
{
	for (u32 i = 0; i < machine->cpus; i++) {
		const struct mp_cpu cpu = {
			.type = MP_CPU,
			.apic_id = machine->apic_ids[i],
			.apic_version = LAPIC_VERSION,
			.flags = CPU_ENABLED | (i == 0 ? CPU_BOOT : 0),
			.signature = machine->signature,
			.features = machine->features,
		};

		acpi_append(buf, &cpu, sizeof(cpu));
	}
}

static void append_input(struct acpi_buffer *buf, enum mp_entry type, enum mp_kind kind, u8 irq,
			 u8 apic, u8 pin)
{
	const struct mp_input input = {
		.type = (u8)type,
		.kind = (u8)kind,
		.bus = ISA_BUS,
		.irq = irq,
		.apic = apic,
		.pin = pin,
	};

	acpi_append(buf, &input, sizeof(input));
}

/*
 * The ISA interrupts have the inputs of their numbers, but for the PIT's. Not named is the 8259s'
 * input, whose entry the firmware would have to have set up then. How many there are.
 */
static u32 append_ioapic_inputs(struct acpi_buffer *buf, u8 ioapic)
{
	u32 count = 0;

	for (u8 irq = 0; irq < ISA_IRQS; irq++) {
		if (irq == IRQ_CASCADE)
			continue;
		append_input(buf, MP_IOAPIC_INPUT, KIND_VECTOR, irq, ioapic,
			     irq == PIT_IRQ ? IOAPIC_PIT_PIN : irq);
		count++;
	}
	return count;
}

/* All entries, in the order of their types. How many there are. */
static u32 append_entries(struct acpi_buffer *buf, const struct mp_machine *machine)
{
	const struct mp_bus isa = { .type = MP_BUS, .id = ISA_BUS, .name = "ISA   " };
	const struct mp_ioapic ioapic = {
		.type = MP_IOAPIC,
		.id = machine->ioapic_id,
		.version = IOAPIC_VERSION,
		.flags = IOAPIC_ENABLED,
		.base = (u32)IOAPIC_BASE,
	};
	u32 inputs;

	append_cpus(buf, machine);
	acpi_append(buf, &isa, sizeof(isa));
	acpi_append(buf, &ioapic, sizeof(ioapic));
	inputs = append_ioapic_inputs(buf, machine->ioapic_id);
	append_input(buf, MP_LAPIC_INPUT, KIND_EXTINT, 0, machine->apic_ids[0], 0);
	append_input(buf, MP_LAPIC_INPUT, KIND_NMI, 0, ALL_CPUS, 1);
	return machine->cpus + 2 + inputs + 2;
}

static void fill_config(struct mp_config *config, u32 length, u32 entries)
{
	memcpy(config->signature, "PCMP", sizeof(config->signature));
	memcpy(config->oem_id, "SILL    ", sizeof(config->oem_id));
	memcpy(config->product_id, "VM          ", sizeof(config->product_id));
	config->length = (u16)length;
	config->revision = MP_REVISION;
	config->entries = (u16)entries;
	config->lapic_base = (u32)LAPIC_BASE;
	config->checksum = (u8)-checksum_bytes(config, length);
}

static void fill_floating(struct mp_floating *floating, u32 config)
{
	memcpy(floating->signature, "_MP_", sizeof(floating->signature));
	floating->config = config;
	floating->length = sizeof(*floating) / 16;
	floating->revision = MP_REVISION;
	floating->checksum = (u8)-checksum_bytes(floating, sizeof(*floating));
}

int mp_tables_build(u8 *data, u32 size, gpa_t gpa, const struct mp_machine *machine)
{
	struct acpi_buffer buf = { .data = data, .size = size };
	struct mp_floating *floating;
	struct mp_config *config;
	u32 entries;

	if (machine->cpus == 0 || machine->cpus > MP_MAX_CPUS ||
	    !is_aligned(gpa.raw, MP_TABLES_ALIGN))
		return E_INVAL;
	if (size > GIB(1) || gpa.raw > GIB(4) - size)
		return E_RANGE;
	floating = acpi_reserve(&buf, sizeof(*floating));
	config = acpi_reserve(&buf, sizeof(*config));
	entries = append_entries(&buf, machine);
	if (!floating || !config || buf.full)
		return E_NOMEM;
	fill_config(config, buf.used - (u32)sizeof(*floating), entries);
	fill_floating(floating, (u32)(gpa.raw + sizeof(*floating)));
	return (int)buf.used;
}
