/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The self-test's guest and its VMs. See selftest.h.
 */
#include "boot/selftest.h"

#include "arch/percpu.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "mm/heap.h"
#include "vm/config.h"
#include "vm/sched.h"
#include "vm/vm.h"

#define LOAD_ADDR 0x100000u
#define MB1_MAGIC 0x1badb002u
#define MB1_HAS_ADDRESSES BIT(16)

/* A multiboot 1 kernel whose header says where it goes: XOR EAX, EAX; OUT F4h, AL. */
static const struct {
	u32 magic, flags, checksum, header, load, load_end, bss_end, entry;
	u8 code[4];
} image = {
	.magic = MB1_MAGIC,
	.flags = MB1_HAS_ADDRESSES,
	.checksum = -(MB1_MAGIC + (u32)MB1_HAS_ADDRESSES),
	.header = LOAD_ADDR,
	.load = LOAD_ADDR,
	.load_end = LOAD_ADDR + 36,
	.bss_end = LOAD_ADDR + 36,
	.entry = LOAD_ADDR + 32,
	.code = { 0x31, 0xc0, 0xe6, 0xf4 },
};
_Static_assert(sizeof(image) == 36, "the addresses above");

static const struct config_module module = {
	.cmdline = "selftest", .data = (const u8 *)&image, .size = sizeof(image), .number = 1
};

static struct vm_config *configs[MAX_CPUS];
static bool running;
static u32 passed; /* [atomic] */

static void guest_ended(const struct vm_config *config, u8 code)
{
	u32 cpu = this_cpu()->index;

	if (code) {
		log_error("selftest: CPU %u: its guest (%s) failed", cpu, config->name);
		return;
	}
	log_info("selftest: CPU %u: ran a guest to its end", cpu);
	atomic_fetch_add(&passed, 1u);
}

static int start_on(u32 cpu)
{
	struct vm_config *config = kzalloc(sizeof(*config));

	if (!config)
		return E_NOMEM;
	configs[cpu] = config;
	str_printf(config->name, sizeof(config->name), "selftest.%u", cpu);
	config->mem = VM_MEM_MIN;
	config->cpus = 1;
	config->weight = WEIGHT_DEFAULT;
	cpu_set_add(&config->pin, cpu);
	config->pinned = true;
	config->max_page = LEVEL_1G;
	config->cmdline = "";
	config->ended = guest_ended;
	return vm_create(config, cpu);
}

bool selftest_start(void)
{
	vm_set_modules(&module);
	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		if (start_on(cpu))
			log_error("selftest: CPU %u: its guest could not be made", cpu);
	}
	if (!vm_count())
		return false;
	running = true; /* first: they may end at once */
	vm_start_all();
	return true;
}

bool selftest_report(void)
{
	if (!running)
		return false;
	running = false;
	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		if (configs[cpu])
			kfree(configs[cpu], sizeof(*configs[cpu]));
		configs[cpu] = NULL;
	}
	if (passed < cpu_count)
		log_error("selftest: %u of %u CPUs ran a guest to its end: see above", passed,
			  cpu_count);
	else
		log_info("selftest: %u CPUs, each ran a guest to its end", cpu_count);
	vm_forget_exit_codes();
	return true;
}
