/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables that a PC's firmware leaves in the BIOS area: ACPI's, and for systems without ACPI
 * those of the MultiProcessor specification.
 */
#include "dev/mp_tables.h"
#include "dev/platform_internal.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm/heap.h"

#define TABLES_SIZE 0x4000u

/* An APIC id is the vCPU's number. How many there are. */
static u32 list_apic_ids(const struct vm *vm, u8 *ids)
{
	for (u32 i = 0; i < vm->vcpu_count; i++)
		ids[i] = (u8)i;
	return vm->vcpu_count;
}

u8 platform_ioapic_id(const struct vm *vm)
{
	u8 ids[VM_MAX_CPUS];

	return acpi_ioapic_id(ids, list_apic_ids(vm, ids));
}

static int build_acpi(const struct vm *vm, u8 *tables)
{
	u8 ids[VM_MAX_CPUS];

	return acpi_tables_build(tables, TABLES_SIZE, GPA(PLATFORM_ACPI_GPA), ids,
				 list_apic_ids(vm, ids));
}

int platform_acpi_files(const struct vm *vm, struct acpi_files *files)
{
	u8 ids[VM_MAX_CPUS];

	return acpi_files_build(files, ids, list_apic_ids(vm, ids));
}

static int build_mp(const struct vm *vm, u8 *tables)
{
	u8 ids[VM_MAX_CPUS];
	const struct mp_machine machine = {
		.apic_ids = ids,
		.cpus = list_apic_ids(vm, ids),
		.ioapic_id = platform_ioapic_id(vm),
		.signature = vm->cpuid.basic[1].eax,
		.features = vm->cpuid.basic[1].edx,
	};

	return mp_tables_build(tables, TABLES_SIZE, GPA(PLATFORM_MP_GPA), &machine);
}

/* They come as the bytes used, which fit into the memory that every VM has below 1 MiB. */
static int write_tables(struct vm *vm, u64 gpa, int (*build)(const struct vm *vm, u8 *tables))
{
	u8 *tables = kzalloc(TABLES_SIZE);
	int err = tables ? build(vm, tables) : E_NOMEM;

	if (err > 0)
		err = guest_mem_write(&vm->mem, GPA(gpa), tables, (u64)err);
	kfree(tables, TABLES_SIZE);
	return err;
}

int platform_tables_write(struct vm *vm)
{
	int err = write_tables(vm, PLATFORM_ACPI_GPA, build_acpi);

	if (!err)
		err = write_tables(vm, PLATFORM_MP_GPA, build_mp);
	if (err)
		log_error("vm %s: its firmware's tables could not be written", vm->name);
	return err;
}
