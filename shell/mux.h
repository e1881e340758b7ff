/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has the host's console: the shell, or one guest, the focus. Another guest's output appears by
 * whole lines with its name in front, between lines of the focus; while the shell is open the
 * focus's output is kept.
 */
#pragma once

#include "vm/vm.h"

extern const struct vm_console_ops mux_console_ops;

/* escape: the character that opens and closes the shell. */
void mux_init(u8 escape);

/* Take what the host's port has received. Called on the boot CPU, with no lock held. */
void mux_poll(void);

/* Open or close the shell, as mux_poll() is called. Closing without a guest is refused (false). */
void mux_open_shell(void);
bool mux_close_shell(void);

/* Is it open? Asked as mux_poll() is called. */
bool mux_shell_is_open(void);

/* From any CPU: have it opened where input arrives. That is mux_open_shell() as VECTOR_SHELL's handler. */
void mux_ask_for_shell(void);

/* Give the console to the VM of this name. False: there is none. */
bool mux_set_focus(const char *name);

/* Give it to the next VM after the one that has it, the first after the last; says which. */
void mux_next_focus(void);

/* Is vm the focus? */
bool mux_is_focus(const struct vm *vm);
