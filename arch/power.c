/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power-off and reset. See power.h.
 */
#include "arch/power.h"

#include "arch/cpu.h"
#include "arch/percpu.h"
#include "lib/log.h"

#define SLP_EN 0x2000u
#define DEBUG_EXIT_PORT 0xf4
#define KBD_COMMAND 0x64
#define KBD_RESET 0xfe
#define RESET_CONTROL 0xcf9
#define WAIT_POLLS 1000000u

static struct power_info power __ro_after_init;
static void (*before_end)(void) __ro_after_init;

void power_init(const struct power_info *info)
{
	power = *info;
}

void power_set_before_end(void (*fn)(void))
{
	before_end = fn;
}

static void settle(void)
{
	for (u32 i = 0; i < WAIT_POLLS; i++)
		cpu_relax();
}

void machine_poweroff(void)
{
	irq_disable();
	if (power.has_s5 && power.pm1a_cnt) {
		outw(power.pm1a_cnt, (u16)((u32)power.slp_typ_a << 10 | SLP_EN));
		if (power.pm1b_cnt)
			outw(power.pm1b_cnt, (u16)((u32)power.slp_typ_b << 10 | SLP_EN));
		settle();
	}
	log_warn("firmware offers no ACPI power-off that works: halted, it is safe to switch off");
	cpu_stop();
}

void machine_reboot(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed no_idt = { 0, 0 };

	irq_disable();
	if (before_end)
		before_end();
	if (power.reset_port) {
		outb(power.reset_port, power.reset_value);
		settle();
	}
	outb(RESET_CONTROL, 0x02);
	outb(RESET_CONTROL, 0x06);
	settle();
	outb(KBD_COMMAND, KBD_RESET);
	settle();
	asm volatile("lidt %0; int3" : : "m"(no_idt));
	cpu_stop();
}

void machine_debug_exit(u8 code)
{
	irq_disable();
	outb(DEBUG_EXIT_PORT, code);
	settle();
	machine_poweroff();
}
