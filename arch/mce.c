/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine check banks. See mce.h. Corrected errors raise nothing: they are found at start-up and
 * in a panic's report only.
 */
#include "arch/mce.h"

#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/percpu.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"

#define MSR_MCG_CAP 0x179u
#define MSR_MCG_STATUS 0x17au
#define MSR_MCG_CTL 0x17bu
/* Of each bank: control, status, address, miscellaneous. */
#define MSR_BANK(n) (0x400u + 4 * (n))

#define MCG_CAP_COUNT 0xffu
#define MCG_CAP_CTL BIT(8)
#define MCG_STATUS_RESTART BIT(0)
#define STATUS_VALID BIT(63)
#define STATUS_OVERFLOW BIT(62)
#define STATUS_UNCORRECTED BIT(61)
#define STATUS_HAS_MISC BIT(59)
#define STATUS_HAS_ADDR BIT(58)
#define STATUS_CONTEXT_CORRUPT BIT(57)

/* The numbers behind belong to other registers. */
#define MAX_BANKS 32u

static u32 bank_count(void)
{
	if (!cpu_features.mca)
		return 0;
	return MIN((u32)(rdmsr(MSR_MCG_CAP) & MCG_CAP_COUNT), MAX_BANKS);
}

bool mce_take(u32 *bank, char *text, size_t size)
{
	for (u32 count = bank_count(); *bank < count; (*bank)++) {
		u32 msr = MSR_BANK(*bank);
		u64 status = rdmsr(msr + 1);

		if (!(status & STATUS_VALID))
			continue;
		str_printf(text, size,
			   "bank %u: %s error, code %04llx%s%s, status %016llx, "
			   "address %llx, misc %llx",
			   *bank, status & STATUS_UNCORRECTED ? "uncorrected" : "corrected",
			   (unsigned long long)status & 0xffff,
			   status & STATUS_CONTEXT_CORRUPT ? ", context corrupt" : "",
			   status & STATUS_OVERFLOW ? ", others lost" : "",
			   (unsigned long long)status,
			   status & STATUS_HAS_ADDR ? (unsigned long long)rdmsr(msr + 2) : 0,
			   status & STATUS_HAS_MISC ? (unsigned long long)rdmsr(msr + 3) : 0);
		wrmsr(msr + 1, 0);
		(*bank)++;
		return true;
	}
	return false;
}

bool mce_take_global(char *text, size_t size)
{
	u64 status = bank_count() ? rdmsr(MSR_MCG_STATUS) : 0;

	if (!status)
		return false;
	str_printf(text, size, "global status %llx: the program at rip %s be continued",
		   (unsigned long long)status, status & MCG_STATUS_RESTART ? "could" : "cannot");
	/* As long as "in progress" is set, the next one would shut the machine down. */
	wrmsr(MSR_MCG_STATUS, 0);
	return true;
}

/*
 * On Intel's first ones bank 0 is the firmware's: a write of its control register is not
 * allowed.
 */
static bool bank_0_is_firmwares(void)
{
	u32 version = cpuid(1, 0).eax;
	u32 family = version >> 8 & 0xf, model = (version >> 4 & 0xf) | (version >> 12 & 0xf0);

	return strcmp(cpu_features.vendor, "GenuineIntel") == 0 && family == 6 && model < 0x1a;
}

void mce_init(void)
{
	u32 count = bank_count();
	char text[160];

	for (u32 bank = 0; mce_take(&bank, text, sizeof(text));)
		log_warn("cpu %u: machine check from before the start: %s", this_cpu()->index,
			 text);
	if (count && (rdmsr(MSR_MCG_CAP) & MCG_CAP_CTL))
		wrmsr(MSR_MCG_CTL, UINT64_MAX);
	for (u32 i = bank_0_is_firmwares() ? 1 : 0; i < count; i++)
		wrmsr(MSR_BANK(i), UINT64_MAX);
}
