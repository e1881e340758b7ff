/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest for when no other can be had: says where it runs and what it was given, and sends
 * back each line typed. 32-bit, paging off, halted whenever nothing is typed.
 */
#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define LINE_MAX 78u
#define UART_IER (PORT_COM1 + 1)
#define IER_RECEIVED 0x01
#define BACKSPACE 0x08
#define DELETE 0x7f

/* SLP_TYP 5 and SLP_EN: S5 on Sill's machine. */
#define PM1A_POWER_OFF 0x3400

/* Typed and not yet looked at; the handler writes, the main loop reads, with interrupts off. */
static volatile u8 typed[256];
static volatile u8 typed_in, typed_out;

static void on_uart(struct trap_frame *frame)
{
	(void)frame;
	while (serial_readable()) {
		u8 c = (u8)serial_getc();

		/* When full, what is typed is lost. */
		if ((u8)(typed_in + 1) != typed_out)
			typed[typed_in++] = c;
	}
	pic_eoi(IRQ_COM1);
}

static char next_char(void)
{
	while (typed_in == typed_out)
		irq_wait();
	return (char)typed[typed_out++];
}

static void print_hypervisor(void)
{
	struct cpuid leaf = cpuid(1, 0);
	char name[13] = { 0 };

	if (!(leaf.c & BIT(31))) {
		print("Hello from a guest that sees no hypervisor.\n");
		return;
	}
	leaf = cpuid(0x40000000, 0);
	memcpy(name, &leaf.b, 12);
	print("Hello from a guest of %s.\n", on_sill() ? "Sill" : name);
}

static void print_machine(void)
{
	print("\nMemory map:\n");
	for (const struct mb_mmap *e = NULL; (e = boot_mmap_next(e));) {
		u64 last = e->base + e->length - 1;

		print("  %08x%08x-%08x%08x  %s\n", (u32)(e->base >> 32), (u32)e->base,
		      (u32)(last >> 32), (u32)last, e->type == MB_MMAP_RAM ? "RAM" : "reserved");
	}
	print("Command line: %s\n", boot_cmdline());
	print("\nType a line and it comes back; `quit` powers this machine off.\n");
}

/* Reads one line, echoing it, with backspace. */
static void read_line(char *line)
{
	u32 len = 0;

	for (;;) {
		char c = next_char();

		if (c == '\r' || c == '\n')
			break;
		if ((c == BACKSPACE || c == DELETE) && len) {
			len--;
			print("\b \b");
		} else if (c >= ' ' && c < DELETE && len < LINE_MAX) {
			line[len++] = c;
			print("%c", c);
		}
	}
	line[len] = 0;
	print("\n");
}

static void power_off(void)
{
	print("Good-bye.\n");
	serial_drain();
	outw(PORT_PM1A_CNT, PM1A_POWER_OFF);
	clock_wait_us(10000);
	/* Another machine than Sill's: an emulator's exit port, or nothing. */
	guest_exit(0);
}

void guest_main(void)
{
	char line[LINE_MAX + 1];

	print_hypervisor();
	print_machine();
	pic_init();
	lapic_enable();
	trap_set_handler(PIC_VECTOR + IRQ_COM1, on_uart);
	pic_unmask(IRQ_COM1);
	outb(UART_IER, IER_RECEIVED);
	for (;;) {
		print("> ");
		read_line(line);
		if (strlen(line) == 4 && memcmp(line, "quit", 4) == 0)
			power_off();
		print("%s\n", line);
	}
}
