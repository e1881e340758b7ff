/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads every MSR of the ranges that exist, writes a random value to each, and then random values
 * to random MSRs. Each access works or is #GP; the guest must still be there.
 */
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define RANDOM_WRITES 20000u
#define KVM_MSRS 0x4b564d00u

static const struct {
	u32 first, count;
} ranges[] = {
	{ 0, 0x2000 },          { 0x40000000, 0x100 },  { KVM_MSRS, 0x100 },
	{ 0xc0000000, 0x2000 }, { 0xc0010000, 0x2000 },
};

static u64 seed = 0x5eed;

static u64 random(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return seed ^ seed >> 29;
}

/* Everything between one bit and all bits: few values with many bits pass any check. */
static u64 random_value(void)
{
	switch (random() >> 20 & 3) {
	case 0:
		return BIT(random() >> 20 & 63);
	case 1:
		return random() & random() & random();
	case 2:
		return random() >> (random() >> 20 & 63);
	default:
		return random();
	}
}

static u32 odd, refused;

static void note(u32 vector)
{
	if (vector == VEC_GP && trap.error == 0)
		refused++;
	else if (vector != TRAP_NONE)
		odd++;
}

static void access_range(u32 first, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		u64 value;

		note(try_rdmsr(first + i, &value));
		/*
		 * These are checked by msr.c and pvclock.c; a random value here could only stop this
		 * guest, or overwrite its memory.
		 */
		if (first + i != MSR_EFER && first != KVM_MSRS)
			note(try_wrmsr(first + i, random_value()));
	}
}

void guest_main(void)
{
	static const char text[] = "memory is as it was";
	static char copy[sizeof(text)];

	if (!on_sill())
		tap_skip_all("MSRs of a real machine can do anything");
	memcpy(copy, text, sizeof(text));
	for (u32 i = 0; i < ARRAY_SIZE(ranges); i++)
		access_range(ranges[i].first, ranges[i].count);
	tap_diag("%u accesses refused", refused);
	tap_eq(odd, 0, "each access works or is #GP(0)");
	for (u32 i = 0; i < RANDOM_WRITES; i++) {
		u32 msr = (u32)random();

		if (msr != MSR_EFER)
			note(try_wrmsr(msr, random_value()));
	}
	tap_eq(odd, 0, "random MSRs likewise");
	tap_ok(memcmp(copy, text, sizeof(text)) == 0 && cpuid(0, 0).a > 0, "alive: %s", copy);
}
