/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads every port in every width, and writes zeros, ones and a pattern to every port but those
 * that end or restart a machine, and the UART's transmitter. The guest must still be there.
 */
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

#define PATTERN 0xa5960fc3u
#define PORT_92 0x92

/* Ports that no access of any width may reach. */
static const u16 spared[] = { PORT_KBD,      PORT_92,           PORT_EXIT, PORT_COM1,
			      PORT_PM1A_CNT, PORT_PM1A_CNT + 1, PORT_RESET };

static bool is_spared(u32 port)
{
	for (u32 i = 0; i < ARRAY_SIZE(spared); i++) {
		if (port <= spared[i] && spared[i] < port + 4)
			return true;
	}
	return false;
}

static void read_all(void)
{
	for (u32 port = 0; port < 0x10000; port++) {
		inb((u16)port);
		inw((u16)port);
		inl((u16)port);
	}
}

static void write_all(u32 value)
{
	for (u32 port = 0; port < 0x10000; port++) {
		if (is_spared(port))
			continue;
		outb((u16)port, (u8)value);
		outw((u16)port, (u16)value);
		outl((u16)port, value);
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
	read_all();
	check("reads");
	write_all(0);
	check("writes of zeros");
	write_all(~0u);
	check("writes of ones");
	write_all(PATTERN);
	check("writes of a pattern");
}
