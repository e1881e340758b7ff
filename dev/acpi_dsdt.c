/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DSDT's contents, and as much of an AML assembler as they need: names with constant
 * values, and devices with an id and fixed resources; and a device for each CPU, whose number
 * is that of its entry in the MADT.
 */
#include "dev/acpi_buffer.h"
#include "dev/pic.h"
#include "dev/pit.h"
#include "dev/pm.h"
#include "dev/rtc.h"
#include "dev/uart.h"

#define AML_NAME 0x08u
#define AML_BYTE 0x0au
#define AML_DWORD 0x0cu
#define AML_STRING 0x0du
#define AML_SCOPE 0x10u
#define AML_BUFFER 0x11u
#define AML_PACKAGE 0x12u
#define AML_EXTENDED 0x5bu
#define AML_EXTENDED_DEVICE 0x82u

#define RESOURCE_IRQ 0x22u
#define RESOURCE_IO 0x47u
#define RESOURCE_IO_DECODE16 0x01u
#define RESOURCE_END 0x79u

#define DEVICE_IO_MAX 3u
#define NO_IRQ 0xffu

struct device {
	char name[5];
	char id[8]; /* three letters and four hexadecimal digits */
	u8 uid; /* 0 or 1 */
	u8 irq;
	struct {
		u16 port;
		u8 len; /* 0: unused */
	} io[DEVICE_IO_MAX];
};

static const struct device devices[] = {
	{
		.name = "PIC_",
		.id = "PNP0000",
		.irq = 2,
		.io = { { PIC_MASTER_PORT, PIC_PORTS },
			{ PIC_SLAVE_PORT, PIC_PORTS },
			{ PIC_ELCR_PORT, PIC_ELCR_PORTS } },
	},
	{
		.name = "TIMR",
		.id = "PNP0100",
		.irq = PIT_IRQ,
		.io = { { PIT_PORT, PIT_PORTS } },
	},
	{
		.name = "SPKR",
		.id = "PNP0800",
		.irq = NO_IRQ,
		.io = { { PIT_PORT61, 1 } },
	},
	{
		.name = "RTC_",
		.id = "PNP0B00",
		.irq = RTC_IRQ,
		.io = { { RTC_PORT, RTC_PORTS } },
	},
	{
		.name = "COM1",
		.id = "PNP0501",
		.uid = 1,
		.irq = UART_COM1_IRQ,
		.io = { { UART_COM1_PORT, UART_PORTS } },
	},
};

/*
 * What has contents begins with its length, itself included, which is known only at its
 * end: three bytes are kept for it, 4 bits in the first and 8 in each of the others.
 */
static u32 aml_begin(struct acpi_buffer *buf)
{
	u32 at = buf->used;

	acpi_reserve(buf, 3);
	return at;
}

static void aml_end(struct acpi_buffer *buf, u32 at)
{
	u32 len = buf->used - at;

	if (buf->full)
		return;
	if (len > 0xfffff) {
		buf->full = true;
		return;
	}
	buf->data[at] = (u8)(0x80 | (len & 0xf));
	buf->data[at + 1] = (u8)(len >> 4);
	buf->data[at + 2] = (u8)(len >> 12);
}

/* A name segment: four characters. */
static void aml_segment(struct acpi_buffer *buf, const char *name)
{
	acpi_append(buf, name, 4);
}

static void aml_name(struct acpi_buffer *buf, const char *name)
{
	acpi_append_byte(buf, AML_NAME);
	aml_segment(buf, name);
}

static void aml_byte(struct acpi_buffer *buf, u8 value)
{
	if (value > 1)
		acpi_append_byte(buf, AML_BYTE);
	acpi_append_byte(buf, value); /* 0 and 1 are opcodes of their own */
}

static u8 hex_digit(char c)
{
	return (u8)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* An id in EISA's compressed form: five bits a letter, four a digit, most significant first. */
static void aml_eisa_id(struct acpi_buffer *buf, const char *id)
{
	u32 letters = (u32)(id[0] - '@') << 10 | (u32)(id[1] - '@') << 5 | (u32)(id[2] - '@');

	acpi_append_byte(buf, AML_DWORD);
	acpi_append_byte(buf, (u8)(letters >> 8));
	acpi_append_byte(buf, (u8)letters);
	for (unsigned int i = 3; i < 7; i += 2)
		acpi_append_byte(buf, (u8)(hex_digit(id[i]) << 4 | hex_digit(id[i + 1])));
}

static void append_resources(struct acpi_buffer *buf, const struct device *device)
{
	for (unsigned int i = 0; i < DEVICE_IO_MAX && device->io[i].len; i++) {
		u16 port = device->io[i].port;

		acpi_append_byte(buf, RESOURCE_IO);
		acpi_append_byte(buf, RESOURCE_IO_DECODE16);
		acpi_append(buf, &port, 2); /* from */
		acpi_append(buf, &port, 2); /* to */
		acpi_append_byte(buf, 1); /* alignment */
		acpi_append_byte(buf, device->io[i].len);
	}
	if (device->irq != NO_IRQ) {
		u16 mask = (u16)BIT(device->irq);

		acpi_append_byte(buf, RESOURCE_IRQ);
		acpi_append(buf, &mask, 2);
	}
	acpi_append_byte(buf, RESOURCE_END);
	acpi_append_byte(buf, 0); /* no checksum */
}

static u8 resources_len(const struct device *device)
{
	u8 scratch[DEVICE_IO_MAX * 8 + 3 + 2];
	struct acpi_buffer buf = { .data = scratch, .size = sizeof(scratch) };

	append_resources(&buf, device);
	return (u8)buf.used;
}

/* Its contents are to follow, up to aml_end(). */
static u32 begin_device(struct acpi_buffer *buf, const char *name)
{
	u32 body;

	acpi_append_byte(buf, AML_EXTENDED);
	acpi_append_byte(buf, AML_EXTENDED_DEVICE);
	body = aml_begin(buf);
	aml_segment(buf, name);
	return body;
}

/* A processor device. Its name is C and its number, in hexadecimal. */
static void append_cpu(struct acpi_buffer *buf, u8 number)
{
	static const char digits[] = "0123456789ABCDEF", id[] = "ACPI0007";
	const char name[] = { 'C', '0', digits[number >> 4], digits[number & 15] };
	u32 body = begin_device(buf, name);

	aml_name(buf, "_HID");
	acpi_append_byte(buf, AML_STRING);
	acpi_append(buf, id, sizeof(id));
	aml_name(buf, "_UID");
	aml_byte(buf, number);
	aml_end(buf, body);
}

static void append_device(struct acpi_buffer *buf, const struct device *device)
{
	u32 body = begin_device(buf, device->name), resources;

	aml_name(buf, "_HID");
	aml_eisa_id(buf, device->id);
	aml_name(buf, "_UID");
	aml_byte(buf, device->uid);
	aml_name(buf, "_CRS");
	acpi_append_byte(buf, AML_BUFFER);
	resources = aml_begin(buf);
	aml_byte(buf, resources_len(device));
	append_resources(buf, device);
	aml_end(buf, resources);
	aml_end(buf, body);
}

/* \_S5: what to write into the sleep type fields of PM1a and PM1b control for power-off. */
static void append_power_off(struct acpi_buffer *buf)
{
	u32 package;

	aml_name(buf, "_S5_");
	acpi_append_byte(buf, AML_PACKAGE);
	package = aml_begin(buf);
	acpi_append_byte(buf, 4);
	aml_byte(buf, PM_SLEEP_TYPE_OFF);
	aml_byte(buf, PM_SLEEP_TYPE_OFF);
	aml_byte(buf, 0);
	aml_byte(buf, 0);
	aml_end(buf, package);
}

void acpi_dsdt_append(struct acpi_buffer *buf, u32 cpus)
{
	u32 scope;

	append_power_off(buf);
	acpi_append_byte(buf, AML_SCOPE);
	scope = aml_begin(buf);
	acpi_append_byte(buf, '\\');
	aml_segment(buf, "_SB_");
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++)
		append_device(buf, &devices[i]);
	for (u32 i = 0; i < cpus; i++)
		append_cpu(buf, (u8)i);
	aml_end(buf, scope);
}
