/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See platform_fw_cfg.h.
 */
#include "dev/platform_fw_cfg.h"

#include "dev/platform_internal.h"

int platform_fw_cfg_init(struct vm *vm, struct fw_cfg *fw, struct acpi_files *acpi)
{
	const struct vm_config *config = vm->config;
	const struct config_module *kernel = vm_module_at(config->kernel);
	struct fw_cfg_config items = {
		.mem = &vm->mem,
		.space = &vm->tdp.tlb,
		.timers = &vm->vcpus[0].timers,
		.mem_size = config->mem,
		.cpus = vm->vcpu_count,
		.acpi = acpi,
		.kernel = { .data = kernel->data, .len = kernel->size },
		.cmdline = config->cmdline ? config->cmdline : "",
		.initrd_count = config->initrd_count,
	};
	int err = platform_acpi_files(vm, acpi);

	if (err)
		return err;
	for (u32 i = 0; i < config->initrd_count; i++) {
		const struct config_module *initrd = vm_module_at(config->initrds[i]);

		items.initrds[i] = (struct bytes){ .data = initrd->data, .len = initrd->size };
	}
	fw_cfg_init(fw, &items);
	return 0;
}
