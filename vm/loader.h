/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting a guest's kernel and its modules into guest memory, and saying in which state
 * the first vCPU must start. The kernel is a Linux bzImage or a multiboot 1 kernel. All of
 * a request's bytes and strings are untrusted; a failure is one log line and an error code.
 *
 * What the loaders build for the guest's start-up code lies in low memory that the E820
 * map calls usable, for the guest to reclaim once it has taken over:
 *
 *	0x10000    descriptor table
 *	0x11000    page tables (64-bit bzImage only)
 *	0x17000    boot_params, or the multiboot information up to 0x90000
 *	0x18000    command line (bzImage), up to 0x90000
 */
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm/guest_mem.h"
#include "vm/guest_e820.h"
#include "vm/regs.h"

#define LOAD_AREA_BASE ((u64)0x10000)
#define LOAD_GDT LOAD_AREA_BASE
#define LOAD_PAGE_TABLES ((u64)0x11000)
#define LOAD_INFO ((u64)0x17000)
#define LOAD_CMDLINE ((u64)0x18000)
#define LOAD_AREA_END ((u64)0x90000)

struct load_module {
	const u8 *data;
	u64 size;
	const char *name; /* its file name, for messages */
	const char *cmdline; /* its whole string, for multiboot kernels; NULL is empty */
};

struct load_request {
	const char *vm_name; /* for messages */
	struct guest_mem *mem; /* its slots are those of mem_size (guest_low_size ...) */
	u64 mem_size; /* bytes */
	const u8 *kernel;
	u64 kernel_size;
	const char *kernel_name; /* its file name, for messages and for a multiboot command line */
	const char *cmdline; /* the guest's own command line; NULL is empty */
	const struct load_module *modules; /* a bzImage takes them all as one initrd */
	u32 module_count;
	gpa_t rsdp; /* the guest's ACPI root pointer; 0: none */
};

enum load_mode { LOAD_PROT32, LOAD_LONG64 };

/*
 * The state in which the first vCPU starts: these registers, all other general registers
 * 0, rflags RFLAGS_FIXED, CS code, the other five segments data, GDTR gdt and gdt_limit,
 * IDTR empty. What is not named here is as after reset.
 */
struct load_result {
	enum load_mode mode;
	u64 rip, rax, rbx, rsi;
	u64 cr0, cr3, cr4, efer;
	struct segment code, data;
	gpa_t gdt;
	u16 gdt_limit;
};

/*
 * Load the request's kernel, whichever kind it is. 0: result is filled. E_INVAL: the kernel
 * is corrupt or nothing we know; E_UNSUPPORTED: sound, but asks for what there is not;
 * E_NOMEM: it or a module does not fit; E_RANGE: a string is too long for its place.
 */
int __must_check loader_load(const struct load_request *req, struct load_result *result);

/* The rest is for the loaders. */

/* One line that names the VM and the kernel's module. */
#define load_error(req, fmt, ...) \
	log_error("vm %s: %s: " fmt, (req)->vm_name, (req)->kernel_name, ##__VA_ARGS__)

/* Copy into guest memory. E_NOMEM, with a line, where the guest has none. */
int __must_check load_write(const struct load_request *req, u64 gpa, const void *data, u64 len);
int __must_check load_zero(const struct load_request *req, u64 gpa, u64 len);

/* The state of mode at rip with its descriptor table in guest memory. 0 or E_NOMEM, with a line. */
int __must_check load_set_entry(const struct load_request *req, struct load_result *result,
				enum load_mode mode, u64 rip);
