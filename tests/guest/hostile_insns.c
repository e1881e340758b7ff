/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes the instructions of virtualization and of system management, and others that a
 * guest has no business with, many times over, with operands that would do harm. Each of them
 * faults or does nothing; the guest must still be there.
 */
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define ROUNDS 48u

#define ACT(name, insn)                                                   \
	static u32 name(ulong operand)                                    \
	{                                                                 \
		trap_clear();                                             \
		asm volatile(TRY(insn)                                    \
			     :                                            \
			     : "a"(operand), "c"(0), "d"(0), "D"(operand) \
			     : "memory", "cc", "rbx");                    \
		return trap.vector;                                       \
	}

ACT(do_vmrun, "vmrun %%rax")
ACT(do_vmload, "vmload %%rax")
ACT(do_vmsave, "vmsave %%rax")
ACT(do_vmmcall, "vmmcall")
ACT(do_vmcall, "vmcall")
ACT(do_stgi, "stgi")
ACT(do_clgi, "clgi")
ACT(do_skinit, "skinit %%eax")
ACT(do_invlpga, "invlpga %%rax, %%ecx")
ACT(do_vmxon, "vmxon (%%rdi)")
ACT(do_vmclear, "vmclear (%%rdi)")
ACT(do_vmptrld, "vmptrld (%%rdi)")
ACT(do_vmlaunch, "vmlaunch")
ACT(do_vmread, "vmread %%rax, %%rdx")
ACT(do_invept, "invept (%%rdi), %%rax")
ACT(do_invvpid, "invvpid (%%rdi), %%rax")
ACT(do_getsec, "getsec")
ACT(do_rsm, "rsm")
ACT(do_rdpmc, "rdpmc")
ACT(do_invd, "invd")
ACT(do_wbinvd, "wbinvd")
ACT(do_pause, "pause")
ACT(do_mwait, "mwait")
ACT(do_monitor, "monitor")
ACT(do_xsetbv, "xsetbv")
ACT(do_ud2, "ud2")
ACT(do_ud1, ".byte 0x0f, 0xb9, 0xc0")

/* must: the vector that is the only right one, or ANY. */
#define ANY 0u
static const struct {
	const char *name;
	u32 (*run)(ulong operand);
	u32 must;
} acts[] = {
	{ "VMRUN", do_vmrun, VEC_UD },       { "VMLOAD", do_vmload, VEC_UD },
	{ "VMSAVE", do_vmsave, VEC_UD },     { "VMMCALL", do_vmmcall, ANY },
	{ "VMCALL", do_vmcall, ANY },        { "STGI", do_stgi, VEC_UD },
	{ "CLGI", do_clgi, VEC_UD },         { "SKINIT", do_skinit, VEC_UD },
	{ "INVLPGA", do_invlpga, VEC_UD },   { "VMXON", do_vmxon, VEC_UD },
	{ "VMCLEAR", do_vmclear, VEC_UD },   { "VMPTRLD", do_vmptrld, VEC_UD },
	{ "VMLAUNCH", do_vmlaunch, VEC_UD }, { "VMREAD", do_vmread, VEC_UD },
	{ "INVEPT", do_invept, VEC_UD },     { "INVVPID", do_invvpid, VEC_UD },
	{ "GETSEC", do_getsec, ANY },        { "RSM", do_rsm, VEC_UD },
	{ "RDPMC", do_rdpmc, ANY },          { "INVD", do_invd, TRAP_NONE },
	{ "WBINVD", do_wbinvd, TRAP_NONE },  { "PAUSE", do_pause, TRAP_NONE },
	{ "MWAIT", do_mwait, ANY },          { "MONITOR", do_monitor, ANY },
	{ "XSETBV", do_xsetbv, ANY },        { "UD2", do_ud2, VEC_UD },
	{ "UD1", do_ud1, VEC_UD },
};

/*
 * The last one is a valid one: its vector is looked at. What the CPU checks of the others, it
 * checks before the hypervisor hears of the instruction.
 */
static const ulong operands[] = { ~0ul, 0, 0xe0000000, 0xfee00000, 0xfffffffffff000, 0x1000 };

_Static_assert(ROUNDS % ARRAY_SIZE(operands) == 0, "each round ends with the last operand");

void guest_main(void)
{
	bool mwait_safe = on_sill() && !(cpuid(1, 0).c & BIT(3));

	for (u32 i = 0; i < ARRAY_SIZE(acts); i++) {
		u32 vector = TRAP_NONE;

		/* Where it works it would wait for ever. */
		if (acts[i].run == do_mwait && !mwait_safe) {
			tap_skip("MWAIT works here", "MWAIT");
			continue;
		}
		for (u32 n = 0; n < ROUNDS; n++)
			vector = acts[i].run(operands[n % ARRAY_SIZE(operands)]);
		if (acts[i].must != ANY)
			tap_eq(vector, acts[i].must, "%s", acts[i].name);
		else
			tap_ok(true, "%s: vector %u", acts[i].name, vector);
	}
}
