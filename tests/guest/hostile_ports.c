/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes to every port in every width, but for those that end or restart a machine and for the
 * UART's transmitter, and reads every port; where a PC has its devices more of both. The guest must
 * still be there.
 */
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

#define PATTERN 0xa5960fc3u
#define PORT_92 0x92
#define PORTS 0x10000u
#define LEGACY_END 0x1000u /* a PC's fixed devices lie below */

/* Ports that no access of any width may reach. */
static const u16 spared[] = { PORT_KBD,  PORT_92,       PORT_EXIT,         PORT_EXIT + 3,
			      PORT_COM1, PORT_PM1A_CNT, PORT_PM1A_CNT + 1, PORT_RESET };

static bool is_spared(u32 port)
{
	for (u32 i = 0; i < ARRAY_SIZE(spared); i++) {
		if (port <= spared[i] && spared[i] < port + 4)
			return true;
	}
	return false;
}

static void read_port(u16 port)
{
	inb(port);
	inw(port);
	inl(port);
}

static void write_port(u16 port, u32 value)
{
	outb(port, (u8)value);
	outw(port, (u16)value);
	outl(port, value);
}

static void write_range(u32 from, u32 to, u32 value)
{
	for (u32 port = from; port < to; port++) {
		if (!is_spared(port))
			write_port((u16)port, value);
	}
}

static void check(const char *what)
{
	serial_init();
	pic_init();
	tap_ok(cpuid(0, 0).a > 0 && inb(PIC_MASTER_MASK) == 0xff, "alive after %s", what);
}

void guest_main(void)
{
	if (!on_sill())
		tap_skip_all("ports of a real machine can do anything");
	for (u32 port = 0; port < LEGACY_END; port++)
		read_port((u16)port);
	check("reads");
	write_range(0, LEGACY_END, 0);
	check("writes of zeros");
	write_range(0, LEGACY_END, ~0u);
	check("writes of ones");
	write_range(0, PORTS, PATTERN);
	check("writes of a pattern");
	for (u32 port = LEGACY_END; port < PORTS; port++)
		inb((u16)port);
	check("reads of the high ports");
}
