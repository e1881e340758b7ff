/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the sleep types of the soft-off state in AML without an interpreter: looks for the
 * bytes that define the name _S5_ as a package of constants.
 *
 *	NameOp ['\'] "_S5_" PackageOp PkgLength NumElements SLP_TYPa SLP_TYPb ...
 *
 * No state.
 */
#include "arch/acpi_parse_tables.h"
#include "lib/string.h"

#define AML_ZERO 0x00u
#define AML_ONE 0x01u
#define AML_NAME 0x08u
#define AML_BYTE 0x0au
#define AML_WORD 0x0bu
#define AML_DWORD 0x0cu
#define AML_PACKAGE 0x12u
#define AML_ROOT 0x5cu

#define NAME_LENGTH 4u
/* SLP_TYP has three bits. */
#define SLP_TYP_MAX 7u

/* The package at offset without its length bytes; empty when it is none, or not all inside. */
static struct bytes package_at(struct bytes aml, u64 offset)
{
	const struct bytes none = { .data = NULL, .len = 0 };
	u64 start = offset + 1;
	u32 lead = bytes_u8(aml, start);
	u32 extra = lead >> 6;
	/* The low bits of a length of several bytes are four; alone they are six. */
	u64 len = extra ? lead & 0xf : lead & 0x3f;

	if (bytes_u8(aml, offset) != AML_PACKAGE)
		return none;
	for (u32 i = 0; i < extra; i++)
		len |= (u64)bytes_u8(aml, start + 1 + i) << (4 + 8 * i);
	/* The length counts its own bytes. */
	if (len < 1 + extra)
		return none;
	return bytes_slice(aml, start + 1 + extra, len - 1 - extra);
}

/* Read the constant at *offset, and move it past. */
static bool read_slp_typ(struct bytes package, u64 *offset, u8 *typ)
{
	u8 op = bytes_u8(package, *offset);
	unsigned int size = op == AML_BYTE ? 1 : op == AML_WORD ? 2 : op == AML_DWORD ? 4 : 0;
	u64 value = size ? bytes_get(package, *offset + 1, size) : op;

	if (!bytes_has(package, *offset, 1 + size))
		return false;
	if (!size && op != AML_ZERO && op != AML_ONE)
		return false;
	*offset += 1 + size;
	*typ = (u8)value;
	return value <= SLP_TYP_MAX;
}

/* Is what stands before the name at offset what makes it a definition? */
static bool is_defined_at(struct bytes aml, u64 offset)
{
	u8 before = bytes_u8(aml, offset - 1);

	return before == AML_NAME || (before == AML_ROOT && bytes_u8(aml, offset - 2) == AML_NAME);
}

bool acpi_s5_find(struct bytes dsdt, u8 *typ_a, u8 *typ_b)
{
	/* From behind the header, so that there are always two bytes before the name. */
	for (u64 name = ACPI_HEADER_SIZE; bytes_has(dsdt, name, NAME_LENGTH); name++) {
		struct bytes package;
		u64 element = 1;
		u8 a, b;

		if (memcmp(dsdt.data + name, "_S5_", NAME_LENGTH) != 0 ||
		    !is_defined_at(dsdt, name))
			continue;
		package = package_at(dsdt, name + NAME_LENGTH);
		if (bytes_u8(package, 0) < 2 || !read_slp_typ(package, &element, &a) ||
		    !read_slp_typ(package, &element, &b))
			continue;
		*typ_a = a;
		*typ_b = b;
		return true;
	}
	return false;
}
