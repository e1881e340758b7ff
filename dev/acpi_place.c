/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables at addresses: those that the hypervisor chooses, or those that firmware will
 * choose, for which there is a script. See acpi_tables.h; what the tables say is in acpi_tables.c.
 */
#include "dev/acpi_layout.h"
#include "dev/acpi_tables.h"
#include "dev/fw_cfg_file.h"
#include "lib/checksum.h"
#include "lib/err.h"
#include "lib/log.h"

_Static_assert(ACPI_FIRST_TABLE % ACPI_TABLES_ALIGN == 0, "the FACS is first among the tables");

/* The commands of the linker/loader script, as QEMU's firmware interface has them: little-endian. */
enum loader_command_type { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER = 2, LOADER_ADD_CHECKSUM = 3 };

enum loader_zone { ZONE_HIGH = 1, ZONE_BIOS_AREA = 2 };

struct loader_command {
	u32 type;
	union {
		struct {
			char file[FW_CFG_NAME_MAX];
			u32 align;
			u8 zone;
		} __packed allocate;
		/* What is at offset in file grows by the address that other has got. */
		struct {
			char file[FW_CFG_NAME_MAX], other[FW_CFG_NAME_MAX];
			u32 offset;
			u8 size;
		} __packed pointer;
		struct {
			char file[FW_CFG_NAME_MAX];
			u32 offset, start, length;
		} __packed checksum;
		u8 room[124];
	};
} __packed;
_Static_assert(sizeof(struct loader_command) == 128, "a command has 128 bytes");
_Static_assert(sizeof(struct loader_command) * (2 + ACPI_POINTERS + ACPI_CHECKSUMS) ==
		       sizeof(((struct acpi_files *)0)->script),
	       "the script: two files, pointers, checksums");

void acpi_point(struct acpi_layout *layout, void *field, u32 size, u32 target)
{
	assert(layout->pointer_count < ACPI_POINTERS);
	layout->pointers[layout->pointer_count++] = (struct acpi_pointer){
		.at = (u32)((u8 *)field - layout->buf.data),
		.size = size,
	};
	memcpy(field, &target, sizeof(target));
}

void acpi_sum_up(struct acpi_layout *layout, const u8 *byte, u32 from, u32 len)
{
	assert(layout->checksum_count < ACPI_CHECKSUMS);
	layout->checksums[layout->checksum_count++] = (struct acpi_checksum){
		.at = (u32)(byte - layout->buf.data),
		.from = from,
		.len = len,
	};
}

static int lay_out(struct acpi_layout *layout, const u8 *apic_ids, u32 cpus)
{
	if (cpus == 0 || cpus > ACPI_MAX_CPUS)
		return E_INVAL;
	acpi_lay_out(layout, apic_ids, cpus);
	return layout->buf.full ? E_NOMEM : 0;
}

/* Also downwards: by is added modulo 2^64. */
static void move_pointer(u8 *data, const struct acpi_pointer *pointer, u64 by)
{
	u64 value = 0;

	memcpy(&value, data + pointer->at, pointer->size);
	value += by;
	memcpy(data + pointer->at, &value, pointer->size);
}

int acpi_tables_build(u8 *data, u32 size, gpa_t gpa, const u8 *apic_ids, u32 cpus)
{
	struct acpi_layout layout = { .buf = { .data = data, .size = size } };
	int err;

	if (!is_aligned(gpa.raw, ACPI_TABLES_ALIGN))
		return E_INVAL;
	/* The 32-bit pointers among the tables' must reach. */
	if (size > GIB(1) || gpa.raw > GIB(4) - size)
		return E_RANGE;
	err = lay_out(&layout, apic_ids, cpus);
	if (err)
		return err;
	for (u32 i = 0; i < layout.pointer_count; i++)
		move_pointer(data, &layout.pointers[i], gpa.raw);
	for (u32 i = 0; i < layout.checksum_count; i++) {
		const struct acpi_checksum *sum = &layout.checksums[i];

		data[sum->at] = (u8)-checksum_bytes(data + sum->from, sum->len);
	}
	return (int)layout.buf.used;
}

/* The file that has the byte at an offset of the layout; *offset becomes that in the file. */
static const char *file_of(u32 *offset)
{
	if (*offset < ACPI_FIRST_TABLE)
		return ACPI_FILE_RSDP;
	*offset -= ACPI_FIRST_TABLE;
	return ACPI_FILE_TABLES;
}

static struct loader_command *next(struct acpi_files *files, enum loader_command_type type)
{
	struct loader_command *command = (void *)(files->script + files->loader.len);

	files->loader.len += sizeof(*command);
	*command = (struct loader_command){ .type = (u32)type };
	return command;
}

static void add_file(struct acpi_files *files, const char *name, u32 align, enum loader_zone zone)
{
	struct loader_command *command = next(files, LOADER_ALLOCATE);

	strlcpy(command->allocate.file, name, FW_CFG_NAME_MAX);
	command->allocate.align = align;
	command->allocate.zone = (u8)zone;
}

/* All point to tables: none to the RSDP. */
static void add_pointer(struct acpi_files *files, const struct acpi_pointer *pointer)
{
	struct loader_command *command = next(files, LOADER_ADD_POINTER);
	u32 offset = pointer->at;

	move_pointer(files->data, pointer, -(u64)ACPI_FIRST_TABLE);
	strlcpy(command->pointer.file, file_of(&offset), FW_CFG_NAME_MAX);
	strlcpy(command->pointer.other, ACPI_FILE_TABLES, FW_CFG_NAME_MAX);
	command->pointer.offset = offset;
	command->pointer.size = (u8)pointer->size;
}

static void add_checksum(struct acpi_files *files, const struct acpi_checksum *sum)
{
	struct loader_command *command = next(files, LOADER_ADD_CHECKSUM);
	u32 offset = sum->at, start = sum->from;

	strlcpy(command->checksum.file, file_of(&offset), FW_CFG_NAME_MAX);
	file_of(&start);
	command->checksum.offset = offset;
	command->checksum.start = start;
	command->checksum.length = sum->len;
}

int acpi_files_build(struct acpi_files *files, const u8 *apic_ids, u32 cpus)
{
	struct acpi_layout layout = { .buf = { .data = files->data, .size = ACPI_FILES_SIZE } };
	int err = lay_out(&layout, apic_ids, cpus);

	if (err)
		return err;
	files->rsdp = (struct bytes){ files->data, ACPI_RSDP_SIZE };
	files->tables = (struct bytes){ files->data + ACPI_FIRST_TABLE,
					layout.buf.used - ACPI_FIRST_TABLE };
	files->loader = (struct bytes){ files->script, 0 };
	/* Where systems without UEFI look for it. */
	add_file(files, ACPI_FILE_RSDP, 16, ZONE_BIOS_AREA);
	add_file(files, ACPI_FILE_TABLES, ACPI_TABLES_ALIGN, ZONE_HIGH);
	for (u32 i = 0; i < layout.pointer_count; i++)
		add_pointer(files, &layout.pointers[i]);
	for (u32 i = 0; i < layout.checksum_count; i++)
		add_checksum(files, &layout.checksums[i]);
	return 0;
}
