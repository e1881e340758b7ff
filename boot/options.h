/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own command line:
 *
 *	console=com1|com2|0xPORT[,BAUD]|none    log=error|warn|info|debug    tdp=auto|off
 *	on-idle=shell|poweroff|reboot|debug-exit    cpus=N    escape=^X|0xNN    selftest=0|1
 *	clock=auto|cpuid|pm-timer|hpet|pit    apicv=auto|on|off    doctor
 */
#pragma once

#include "arch/clock_sources.h"
#include "lib/log.h"
#include "lib/types.h"

/* What the machine does when the last VM has ended. */
enum on_idle { ON_IDLE_SHELL, ON_IDLE_POWEROFF, ON_IDLE_REBOOT, ON_IDLE_DEBUG_EXIT };

/* Has the CPU to run local APICs, as far as it can? APICV_AUTO: not where that is known to be wrong. */
enum apicv { APICV_OFF, APICV_AUTO, APICV_ON };

#define OPTIONS_ALL_CPUS UINT32_MAX

struct options {
	bool console_given; /* there was a console= word */
	u16 console_port; /* 0: none */
	u32 console_baud; /* a divisor of 115200; 0: leave the speed as it is */
	enum log_level log;
	bool tdp; /* use two-dimensional paging where the CPU has it */
	enum apicv apicv;
	enum on_idle on_idle;
	u32 cpus; /* use at most so many; OPTIONS_ALL_CPUS is no limit */
	bool selftest; /* run a guest on every CPU first */
	bool doctor; /* say what this machine offers and lacks, and stop */
	bool on_idle_given; /* there was an on-idle= word */
	enum clock_source clock; /* calibrate by it; CLOCK_AUTO: by the first that works */
	u8 escape; /* the character that leads from a guest's console to the shell */
};

/*
 * Fill options from the len bytes of command line at text. What is not said has its
 * default; a wrong word gets one log_error line and changes nothing; of two words with the
 * same key the later one counts.
 */
void options_parse(struct options *options, const char *text, size_t len);
