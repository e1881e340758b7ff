/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which screen the console gets. See display.h. What the loader says of a framebuffer is input:
 * one in the wrong place would be drawn over memory or device registers.
 */
#include "boot/display.h"

#include "arch/console.h"
#include "arch/direct_map.h"
#include "arch/features.h"
#include "arch/framebuffer.h"
#include "arch/log.h"
#include "arch/screen.h"
#include "lib/log.h"
#include "mm/host_tables.h"

#define VGA_TEXT HPA(0xb8000)
/* Interrupt controllers, and the firmware's flash memory above them. */
#define NO_FRAMEBUFFER_START 0xfec00000ull
#define NO_FRAMEBUFFER_END GIB(4)
#define REPLAY_SIZE 4096u

enum { TYPE_PALETTE, TYPE_DIRECT, TYPE_TEXT }; /* struct boot_framebuffer.type */

static struct framebuffer fb;
static volatile u8 *mapped;
static bool in_use, no_vga;

static bool overlaps(u64 start, u64 last)
{
	return start < fb.addr.raw + framebuffer_size(&fb) && fb.addr.raw <= last;
}

static const char *problem(const struct boot_info *info)
{
	const char *why = framebuffer_problem(&fb, cpu_features.phys_bits);

	if (why)
		return why;
	if (overlaps(NO_FRAMEBUFFER_START, NO_FRAMEBUFFER_END - 1))
		return "it overlaps interrupt controllers or firmware";
	for (u32 i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (m->type == BOOT_MEMORY_USABLE && overlaps(m->start, m->start + m->len - 1))
			return "it overlaps memory";
	}
	return NULL;
}

/* True when the loader's framebuffer is the screen. */
static bool use_framebuffer(const struct boot_info *info)
{
	const struct boot_framebuffer *from = &info->framebuffer;
	bool reachable;
	const char *why;

	if (!from->width || from->type == TYPE_TEXT)
		return false;
	fb = (struct framebuffer){ .addr = from->addr,
				   .width = from->width,
				   .height = from->height,
				   .pitch = from->pitch,
				   .bpp = from->bpp };
	why = from->type == TYPE_DIRECT ? problem(info) : "it has a palette";
	if (why) {
		log_warn("console: the framebuffer (%ux%u, %u bits, at 0x%llx) is not used: %s",
			 fb.width, fb.height, fb.bpp, (unsigned long long)fb.addr.raw, why);
		return false;
	}
	reachable = fb.addr.raw + framebuffer_size(&fb) <= GIB(4);
	console_use_framebuffer(&fb, reachable ? hpa_to_ptr(fb.addr) : NULL);
	return true;
}

void display_init(const struct boot_info *info)
{
	char text[REPLAY_SIZE];

	/* There, what used to be the VGA's is nobody's. */
	no_vga = info && (info->efi_system_table || info->efi_memory_map);
	in_use = info && use_framebuffer(info);
	if (!in_use && !no_vga)
		console_use_vga(hpa_to_ptr(VGA_TEXT));
	console_write_screen(text, log_copy(text, sizeof(text)));
}

void display_log(void)
{
	if (in_use)
		log_info("console: framebuffer of %ux%u pixels, %ux%u characters", fb.width,
			 fb.height, screen_columns(), screen_rows());
	else if (no_vga)
		log_info("console: no screen: UEFI firmware, and no framebuffer of use");
}

void display_map(void)
{
	if (!in_use)
		return;
	mapped = host_map_framebuffer(fb.addr, framebuffer_size(&fb));
	if (!mapped)
		log_warn("console: the framebuffer cannot be mapped: no screen from here on");
}

void display_move(void)
{
	if (in_use)
		console_move_framebuffer(mapped);
}
