/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose output appears when: that of the guest in front at once, or, while the shell is open, when
 * it is closed, as far as it is kept; that of the others by whole lines with their names.
 */
#include <string.h>

#include "arch/apic.h"
#include "arch/console.h"
#include "arch/serial_port.h"
#include "host.h"
#include "host_alloc.h"
#include "lib/printf.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "shell/mux.h"
#include "shell/shell.h"

#define KEPT 16384u /* of the output while the shell is open, the newest */
#define LINE 160u /* of the others' lines */
#define ESCAPE 0x1d

static struct vm vms[3];
static u32 vm_used;
static char port[4 * KEPT]; /* what was written to the host's console */
static u32 port_used;

/* ---- the machine, and the guests' list ---- */

bool serial_port_present(void)
{
	return true;
}

void serial_port_put(u8 byte)
{
	assert_true(port_used + 1 < sizeof(port));
	port[port_used++] = (char)byte;
	port[port_used] = '\0';
}

int serial_port_getc(void)
{
	return -1;
}

void shell_start(void)
{
	console_write("\nsill> ", 7);
}

void shell_input(u8 byte, u8 escape)
{
	(void)byte;
	(void)escape;
}

void shell_print(const char *fmt, ...)
{
	(void)fmt;
}

void apic_send_vector(u32 id, u8 vector)
{
	(void)id;
	(void)vector;
}

const struct platform_ops *platform;

void vm_for_each(void (*fn)(struct vm *vm, void *ctx), void *ctx)
{
	for (u32 i = 0; i < vm_used; i++)
		fn(&vms[i], ctx);
}

/* ---- what the tests say ---- */

static struct vm *vm_opens(void)
{
	struct vm *vm = &vms[vm_used++];

	memset(vm, 0, sizeof(*vm));
	str_printf(vm->name, sizeof(vm->name), "vm%u", vm_used - 1);
	mux_console_ops.opened(vm);
	return vm;
}

/* The last one that was opened: as it ends it is in no list any more. */
static void vm_closes(void)
{
	vm_used--;
	mux_console_ops.closed(&vms[vm_used]);
}

static void says(struct vm *vm, const char *text)
{
	while (*text)
		mux_console_ops.output(vm, (u8)*text++);
}

static void forget(void)
{
	port_used = 0;
	port[0] = '\0';
}

/* All that has been written since the last time, but for CRs. */
static void expect(const char *text)
{
	char *to = port;

	for (const char *from = port; *from; from++) {
		if (*from != '\r')
			*to++ = *from;
	}
	*to = '\0';
	assert_string_equal(port, text);
	forget();
}

static void logs(const char *line)
{
	console_write_line(line, strlen(line));
}

static void open_shell(void)
{
	mux_open_shell();
	expect("\nsill> ");
}

static int setup(void **state)
{
	const struct mem_range ram = { HPA(0), MIB(16) };

	(void)state;
	host_memory_reset(MIB(16));
	assert_int_equal(frames_init(&ram, 1, NULL, 0), 0);
	assert_int_equal(heap_init(), 0);
	mux_init(ESCAPE);
	console_write("\n", 1);
	forget();
	return 0;
}

/* Nothing is left of a test: the shell is closed, and there is no guest. */
static int teardown(void **state)
{
	(void)state;
	mux_close_shell();
	while (vm_used)
		vm_closes();
	host_alloc_fail(0, false);
	return 0;
}

static void test_in_front(void **state)
{
	struct vm *front = vm_opens();

	(void)state;
	assert_true(mux_is_focus(front));
	says(front, "a\tb\r\nc\x1b[0m");
	assert_string_equal(port, "a\tb\r\nc\x1b[0m");
}

/* The log's lines, as the other guests', are not in the one that the guest in front is in. */
static void test_log(void **state)
{
	struct vm *front = vm_opens(), *other = vm_opens();

	(void)state;
	says(front, "1..");
	logs("[0.1] one\n");
	says(front, "2");
	says(other, "other\n");
	says(front, "1\n");
	expect("1..\n[0.1] one\n1..2\nvm1| other\n1..21\n");
	/* A question to the terminal is asked once. */
	says(front, "# \x1b[6nls\b \b");
	logs("[0.2] two\n");
	expect("# \x1b[6nls\b \b\n[0.2] two\n# ls\b \b");
	/* One that is broken up is cancelled, and begun again; of a whole one nothing is left. */
	says(front, "\r\x1b[3");
	logs("[0.2] two\n");
	says(front, "1mred\x1b(B\x1b]0;title\a\x05\x1b]1;t\x1b\\!");
	logs("[0.2] two\n");
	expect("\x1b[3\x18\n[0.2] two\n\x1b[31mred\x1b(B\x1b]0;title\a\x05\x1b]1;t\x1b\\!\n"
	       "[0.2] two\nred!");
	/* One that it has returned in is whole. */
	says(front, "\r");
	logs("[0.3] three\n");
	says(front, "\n");
	expect("\n[0.3] three\n\n");
	/* The shell's are not the guest's. */
	says(front, "# ");
	expect("# ");
	open_shell();
	logs("[0.4] four\n");
	says(other, "other\n");
	expect("\n[0.4] four\nvm1| other\n");
	assert_true(mux_close_shell());
	expect("");
}

/* Whole lines, without what moves the cursor; the line in front is written again after each. */
static void test_lines_of_others(void **state)
{
	struct vm *front = vm_opens(), *other = vm_opens();

	(void)state;
	says(other, "one\r\n");
	expect("vm1| one\n");
	says(front, "login: ");
	says(other, "\x1b[1;31mt\x1b[0m\x1b=w\x1b[5o");
	expect("login: ");
	says(other, "o\x1b[5\r\n\n");
	expect("\nvm1| two\nlogin: \nvm1| \nlogin: ");
	says(front, "me\r\n");
	says(other, "three\n");
	expect("me\nvm1| three\n");
}

static void test_long_lines(void **state)
{
	struct vm *front = vm_opens(), *other = vm_opens();
	char line[LINE + 1] = { 0 }, twice[2 * LINE + 64];

	(void)state;
	memset(line, 'x', LINE);
	/* One in front that is too long to be written again is not. */
	says(front, line);
	says(other, "one\n");
	str_printf(twice, sizeof(twice), "%s\nvm1| one\n%s", line, line);
	expect(twice);
	says(front, "y");
	says(other, "two\n");
	expect("y\nvm1| two\n");
	/* One of the others' goes on in the next. */
	says(front, "\n");
	says(other, line);
	expect("\n");
	says(other, "z\n");
	str_printf(twice, sizeof(twice), "vm1| %s\nvm1| z\n", line);
	expect(twice);
	/* But it is no line more that ends where it is full. */
	says(other, line);
	says(other, "\r\n");
	str_printf(twice, sizeof(twice), "vm1| %s\n", line);
	expect(twice);
	/* What ends in one that is too long, and broken up, leaves no empty one. */
	assert_true(mux_set_focus("vm1"));
	says(other, line);
	says(other, "x");
	says(front, "one\n");
	vm_closes();
	str_printf(twice, sizeof(twice), "%sx\nvm0| one\n", line);
	expect(twice);
}

/* While the shell is open the others go on, and what the one in front says is kept. */
static void test_kept(void **state)
{
	struct vm *front = vm_opens(), *other = vm_opens();

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		open_shell();
		says(front, "done\r\n# ");
		says(other, "one\n");
		expect("\nvm1| one\n");
		assert_true(mux_close_shell());
		expect("done\n# ");
		/* It is the line in front as if it had come now. */
		says(other, "two\n");
		expect("\nvm1| two\n# ");
	}
	says(front, "\n");
}

/* The newest, and not a byte less. */
static void test_more_than_is_kept(void **state)
{
	struct vm *front = vm_opens();
	char text[KEPT + 1000];

	(void)state;
	for (u32 i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 23);
	text[sizeof(text) - 1] = '\0';
	for (u32 more = 0; more < 1000; more += 333) {
		open_shell();
		says(front, text + sizeof(text) - 1 - KEPT - more);
		assert_true(mux_close_shell());
		expect(text + sizeof(text) - 1 - KEPT);
	}
}

/* Who comes to the front while it is in a line goes on in it there. */
static void test_line_goes_on_in_front(void **state)
{
	struct vm *front = vm_opens(), *other = vm_opens();

	(void)state;
	says(front, "shell one # ");
	says(other, "shell two # ");
	expect("shell one # ");
	open_shell();
	assert_true(mux_set_focus("vm1"));
	says(other, "ls");
	assert_true(mux_close_shell());
	expect("shell two # ls");
	/* The line it was in is no more the other one's, which begins a new one. */
	says(front, "beep\n");
	expect("\nvm0| beep\nshell two # ls");
	assert_false(mux_set_focus("vm2"));
	says(other, "\n");
	expect("\n");
	/* Nor is an escape sequence that it began there gone on with when it is back. */
	says(front, "\x1b[");
	assert_true(mux_set_focus("vm0"));
	says(front, "31mred\n");
	assert_true(mux_set_focus("vm1"));
	forget();
	says(front, "2026\n");
	expect("vm0| 2026\n");
}

/* What was kept of one that loses the front is like what it says then. */
static void test_kept_when_the_front_is_lost(void **state)
{
	struct vm *front = vm_opens(), *other = vm_opens();

	(void)state;
	open_shell();
	says(front, "kept\r\nin a ");
	mux_next_focus();
	assert_true(mux_is_focus(other));
	expect("\nvm0| kept\n");
	says(front, "line\n");
	expect("vm0| in a line\n");
	assert_true(mux_close_shell());
	expect("");
}

/* Nothing that a guest has said is lost as it ends; who comes to the front then goes on in its line. */
static void test_ends(void **state)
{
	struct vm *first = vm_opens(), *last = vm_opens();

	(void)state;
	says(last, "half");
	vm_closes();
	expect("vm1| half\n");
	last = vm_opens();
	assert_true(mux_set_focus("vm1"));
	says(first, "# ");
	open_shell();
	says(last, "last words\n");
	vm_closes();
	expect("last words\n");
	assert_true(mux_is_focus(first));
	assert_true(mux_close_shell());
	expect("# ");
	vm_closes();
	/* The line that it was in is no more anybody's. */
	expect("\n");
	logs("[0.1] vm0: ended\n");
	expect("[0.1] vm0: ended\n");
	/* With nobody to go back to the shell stays. */
	mux_open_shell();
	assert_false(mux_close_shell());
	vm_opens();
	assert_true(mux_close_shell());
}

/* Who has no memory for it is seen in front only. */
static void test_no_memory(void **state)
{
	struct vm *front, *other;

	(void)state;
	host_alloc_fail(1, true);
	front = vm_opens();
	other = vm_opens();
	assert_non_null(strstr(host_log, "vm vm1: no memory to keep its console output"));
	says(front, "seen\n");
	says(other, "not seen\n");
	expect("seen\n");
	open_shell();
	says(front, "not seen\n");
	assert_true(mux_set_focus("vm1"));
	assert_true(mux_close_shell());
	says(other, "seen too\n");
	expect("seen too\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_front, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines_of_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_than_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_line_goes_on_in_front, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept_when_the_front_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	};

	return cmocka_run_group_tests_name("mux", tests, NULL, NULL);
}
