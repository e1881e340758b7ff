/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console multiplexer. See mux.h.
 *
 * Input arrives on the boot CPU only, in its interrupt window. Output comes from any CPU with
 * the device lock of its VM held, so mux_lock ranks below it.
 */
#include "shell/mux.h"

#include "arch/apic.h"
#include "arch/console.h"
#include "arch/percpu.h"
#include "arch/serial_port.h"
#include "arch/traps.h"
#include "lib/escape.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "shell/shell.h"

#define INPUT_SIZE 1024u
#define KEPT_SIZE 16384u
#define LINE_SIZE 160u

/* One guest's side. */
struct guest_console {
	char kept[KEPT_SIZE]; /* [mux_lock] output while the shell is open, the newest of it */
	u64 kept_bytes; /* [mux_lock] ever since the shell was opened */
	char line[LINE_SIZE]; /* [mux_lock] a line of a guest that is not the focus */
	u32 line_used;
	enum escape_state line_escape; /* [mux_lock] what it has of sequences is left out */
};

static struct spinlock mux_lock = SPINLOCK(LOCK_CONSOLE);
static struct vm *focus; /* [mux_lock] */
static bool shell_is_open; /* [mux_lock] */
static u8 escape_char;
static u8 input[INPUT_SIZE]; /* [mux_lock] for the focus */
static u32 input_first, input_count; /* [mux_lock] */

void mux_init(u8 escape)
{
	escape_char = escape;
}

/* A whole line of a guest that is not the focus. */
static void line_flush(struct vm *vm, struct guest_console *con)
{
	char text[LINE_SIZE + VM_NAME_MAX + 4];
	size_t len = str_printf(text, sizeof(text), "%s| %.*s\n", vm->name, (int)con->line_used,
				con->line);

	con->line_used = 0;
	console_write_line(text, len);
}

/* Of the guest in front: to the port, or kept while the shell has it. */
static void focus_output(struct guest_console *con, u8 byte)
{
	if (!shell_is_open)
		console_write_guest(byte);
	else if (con)
		con->kept[con->kept_bytes++ % KEPT_SIZE] = (char)byte;
}

static void line_add(struct vm *vm, struct guest_console *con, u8 byte)
{
	if (escape_has(&con->line_escape, byte))
		return;
	if (byte == '\n' || (byte >= ' ' && con->line_used == LINE_SIZE))
		line_flush(vm, con);
	if (byte >= ' ')
		con->line[con->line_used++] = (char)byte;
}

/* Take what has been kept, the newest of it, one byte at a time. False: that is all. */
static bool take_kept(struct guest_console *con, u64 *next, u8 *byte)
{
	if (con->kept_bytes - *next > KEPT_SIZE)
		*next = con->kept_bytes - KEPT_SIZE;
	if (*next == con->kept_bytes) {
		con->kept_bytes = 0;
		return false;
	}
	*byte = (u8)con->kept[(*next)++ % KEPT_SIZE];
	return true;
}

/*
 * mux_lock held. The line that vm is in goes on in front: a prompt that waits is seen. What was kept
 * for the one that was there is output of the background now.
 */
static void focus_set(struct vm *vm)
{
	struct guest_console *old = focus ? focus->console : NULL, *con = vm->console;
	u64 next = 0;
	u8 byte;

	if (old)
		old->line_escape = ESCAPE_NONE; /* of when it was in the background before */
	while (old && take_kept(old, &next, &byte))
		line_add(focus, old, byte);
	focus = vm;
	input_count = 0;
	if (!con)
		return;
	for (u32 i = 0; i < con->line_used; i++)
		focus_output(con, (u8)con->line[i]);
	con->line_used = 0;
}

static void mux_output(struct vm *vm, u8 byte)
{
	struct guest_console *con = vm->console;

	spin_lock(&mux_lock);
	if (vm == focus)
		focus_output(con, byte);
	else if (con)
		line_add(vm, con, byte);
	spin_unlock(&mux_lock);
}

static void input_drop_first(void)
{
	input_first = (input_first + 1) % INPUT_SIZE;
	input_count--;
}

/* dev_lock held: hand input to the guest until it takes no more. */
static void feed(struct vm *vm)
{
	spin_lock(&mux_lock);
	while (vm == focus && input_count && platform->console_input(vm, input[input_first]))
		input_drop_first();
	spin_unlock(&mux_lock);
}

static void feed_focus(struct vm *vm, void *ctx __unused)
{
	if (!mux_is_focus(vm))
		return;
	spin_lock(&vm->dev_lock);
	feed(vm);
	spin_unlock(&vm->dev_lock);
}

bool mux_is_focus(const struct vm *vm)
{
	return atomic_load(&focus) == vm;
}

/*
 * With the ring full the byte is lost, as on a UART that overruns. Without a focus it is for the shell,
 * which is about to open.
 */
static void input_add(u8 byte)
{
	spin_lock(&mux_lock);
	if (input_count < INPUT_SIZE) {
		input[(input_first + input_count) % INPUT_SIZE] = byte;
		input_count++;
	}
	spin_unlock(&mux_lock);
}

static void typed(u8 byte)
{
	if (atomic_load(&shell_is_open))
		shell_input(byte, escape_char);
	else if (byte == escape_char)
		mux_open_shell();
	else
		input_add(byte);
}

void mux_poll(void)
{
	int c;

	while ((c = serial_port_getc()) >= 0)
		typed((u8)c);
	vm_for_each(feed_focus, NULL);
}

/* What came when the last guest had gone, and the shell was not open yet. */
static void feed_shell(void)
{
	u8 bytes[INPUT_SIZE];
	u32 count = 0;

	spin_lock(&mux_lock);
	while (!focus && input_count) {
		bytes[count++] = input[input_first];
		input_drop_first();
	}
	spin_unlock(&mux_lock);
	for (u32 i = 0; i < count; i++)
		typed(bytes[i]);
}

void mux_open_shell(void)
{
	bool was_open;

	/* What is typed next may give another guest the console. */
	vm_for_each(feed_focus, NULL);
	spin_lock(&mux_lock);
	was_open = shell_is_open;
	shell_is_open = true;
	spin_unlock(&mux_lock);
	if (was_open)
		return;
	shell_start();
	feed_shell();
}

void mux_ask_for_shell(void)
{
	apic_send_vector(cpus[0]->apic_id, VECTOR_SHELL);
}

/* mux_lock held: what the focus wrote while the shell was open. */
static void replay_kept(struct guest_console *con)
{
	u64 next = 0;
	u8 byte;

	while (take_kept(con, &next, &byte))
		console_write_guest(byte);
}

bool mux_close_shell(void)
{
	bool closed;

	spin_lock(&mux_lock);
	closed = focus != NULL;
	if (closed) {
		shell_is_open = false;
		if (focus->console)
			replay_kept(focus->console);
	}
	spin_unlock(&mux_lock);
	return closed;
}

bool mux_shell_is_open(void)
{
	return atomic_load(&shell_is_open);
}

struct focus_wish {
	const char *name;
	bool found;
};

static void focus_by_name(struct vm *vm, void *ctx)
{
	struct focus_wish *wish = ctx;

	if (strcmp(vm->name, wish->name) != 0)
		return;
	wish->found = true;
	spin_lock(&mux_lock);
	if (vm != focus)
		focus_set(vm);
	spin_unlock(&mux_lock);
}

bool mux_set_focus(const char *name)
{
	struct focus_wish wish = { .name = name };

	vm_for_each(focus_by_name, &wish);
	return wish.found;
}

struct focus_search {
	char first[VM_NAME_MAX + 1], next[VM_NAME_MAX + 1]; /* empty: not found yet */
	bool passed; /* the focus */
};

static void find_next(struct vm *vm, void *ctx)
{
	struct focus_search *search = ctx;

	if (!search->first[0])
		strlcpy(search->first, vm->name, sizeof(search->first));
	if (search->passed && !search->next[0])
		strlcpy(search->next, vm->name, sizeof(search->next));
	search->passed |= mux_is_focus(vm);
}

void mux_next_focus(void)
{
	struct focus_search search = { .passed = false };
	const char *name;

	vm_for_each(find_next, &search);
	name = search.next[0] ? search.next : search.first;
	/* It may have ended meanwhile. */
	if (name[0] && mux_set_focus(name))
		shell_print("console %s", name);
}

static void focus_if_none(struct vm *vm, void *ctx __unused)
{
	spin_lock(&mux_lock);
	if (!focus)
		focus_set(vm);
	spin_unlock(&mux_lock);
}

static void mux_opened(struct vm *vm)
{
	vm->console = kzalloc(sizeof(struct guest_console));
	if (!vm->console)
		log_warn("vm %s: no memory to keep its console output", vm->name);
	focus_if_none(vm, NULL);
}

static void mux_closed(struct vm *vm)
{
	struct guest_console *con = vm->console;

	spin_lock(&mux_lock);
	if (con && vm != focus && con->line_used)
		line_flush(vm, con);
	if (con && vm == focus)
		replay_kept(con);
	if (vm == focus) {
		console_end_guest_line();
		focus = NULL;
		input_count = 0;
	}
	spin_unlock(&mux_lock);
	kfree(con, sizeof(*con));
	vm->console = NULL;
	vm_for_each(focus_if_none, NULL);
}

const struct vm_console_ops mux_console_ops = {
	.opened = mux_opened,
	.closed = mux_closed,
	.output = mux_output,
	.room = feed,
};
