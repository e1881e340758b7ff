/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: the leaves themselves, prefixed forms of the instruction, and the bits that follow
 * control registers. Whether advertised features work is in cpuid_features.c.
 */
#include "tests/guest/cpuid.h"

#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_FREQUENCIES 0x40000010u
#define LEAF_SILL 0x40000100u
#define LEAF_EXT 0x80000000u
#define LEAF_SVM 0x8000000au
#define CPUID_VMX BIT(5) /* 1.ecx */
#define CPUID_OSXSAVE BIT(27) /* 1.ecx */
#define CPUID_FMA BIT(12)
#define CPUID_AVX BIT(28)
#define CPUID_F16C BIT(29)
#define CPUID_HYPERVISOR BIT(31) /* 1.ecx */
#define CPUID_SVM BIT(2) /* 80000001.ecx */

static void print_text(const char *what, const u32 *words, unsigned int count)
{
	char text[17] = { 0 };

	memcpy(text, words, count * 4);
	tap_diag("%s \"%s\"", what, text);
}

static bool printable(const u32 *words, unsigned int count)
{
	const char *c = (const char *)words;

	for (unsigned int i = 0; i < count * 4; i++) {
		if (c[i] < ' ' || c[i] > '~')
			return false;
	}
	return true;
}

static void test_vendor(void)
{
	struct cpuid max = cpuid(0, 0);
	u32 vendor[3] = { max.b, max.d, max.c };
	struct cpuid ext = cpuid(LEAF_EXT, 0);

	print_text("vendor", vendor, 3);
	tap_ok(max.a >= 1 && max.a < 0x100, "highest basic leaf is sane: 0x%x", max.a);
	tap_ok(printable(vendor, 3), "the vendor is text");
	tap_ok(ext.a >= LEAF_EXT + 1 && ext.a < LEAF_EXT + 0x100,
	       "highest extended leaf is sane: 0x%x", ext.a);
	if (ext.a >= LEAF_EXT + 4) {
		struct cpuid name = cpuid(LEAF_EXT + 2, 0);

		print_text("brand begins", &name.a, 4);
	}
	if (ext.a >= LEAF_EXT + 8) {
		struct cpuid sizes = cpuid(LEAF_EXT + 8, 0);

		tap_ok((sizes.a & 0xff) >= 36 && (sizes.a & 0xff) <= 52, "physical width %u",
		       sizes.a & 0xff);
		tap_ok((sizes.a >> 8 & 0xff) == 48 || (sizes.a >> 8 & 0xff) == 57,
		       "linear width %u", sizes.a >> 8 & 0xff);
	}
}

/* KVM's leaves, or Sill's in their place; and Sill's behind them. */
static void test_paravirtual(void)
{
	struct cpuid sig = cpuid(LEAF_HYPERVISOR, 0), sill = cpuid(LEAF_SILL, 0), r;
	bool kvm = memcmp(&sig.b, "KVMKVMKVM\0\0\0", 12) == 0;

	tap_eq(kvm, !boot_option_is("pv", "none"), "KVM's signature, unless it is turned off");
	r = cpuid(LEAF_HYPERVISOR + 1, 0);
	tap_eq(r.a, boot_option_number("features", 16777768), "and its features");
	tap_eq(r.b | r.c | r.d, 0, "no hints");
	r = cpuid(LEAF_FREQUENCIES, 0);
	tap_eq(r.b, kvm ? 1000000 : 0, "the APIC timer's frequency");
	tap_eq(r.a > 0, kvm, "the TSC's: %u kHz", r.a);
	tap_eq(sig.a, kvm ? LEAF_FREQUENCIES : LEAF_HYPERVISOR, "the last leaf of that kind");
	tap_ok(sill.a == LEAF_SILL && memcmp(&sill.b, "Sill", 4) == 0, "Sill's leaf");
	r = cpuid(LEAF_HYPERVISOR + 2, 0);
	tap_eq(r.a | r.b | r.c | r.d, 0, "no other leaves");
}

static void test_hypervisor(void)
{
	struct cpuid sig = cpuid(LEAF_HYPERVISOR, 0);
	bool present = cpuid(1, 0).c & CPUID_HYPERVISOR;

	tap_diag("hypervisor bit %d", present);
	if (present) {
		print_text("hypervisor", &sig.b, 3);
		tap_ok(printable(&sig.b, 2), "the hypervisor's signature is text");
		tap_ok(sig.a >= LEAF_HYPERVISOR && sig.a < LEAF_HYPERVISOR + 0x1000,
		       "highest hypervisor leaf is sane: 0x%x", sig.a);
	}
	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "virtualization is hidden");
		return;
	}
	tap_eq(cpuid(1, 0).c & CPUID_VMX, 0, "VMX is hidden");
	tap_eq(cpuid(LEAF_EXT + 1, 0).c & CPUID_SVM, 0, "SVM is hidden");
	sig = cpuid(LEAF_SVM, 0);
	tap_eq(sig.a | sig.b | sig.c | sig.d, 0, "the SVM leaf is empty");
	test_paravirtual();
}

static void test_repeatable(void)
{
	bool same = true;

	for (u32 leaf = 0; leaf <= 0x20; leaf++) {
		struct cpuid a = cpuid(leaf, 0), b = cpuid(leaf, 0);

		same &= memcmp(&a, &b, sizeof(a)) == 0;
	}
	tap_ok(same, "leaves 0..20h give the same twice");
}

/* The high halves of all four result registers must be cleared, whatever they held. */
static void test_high_halves(void)
{
	u64 a = ~0ull << 32, b = ~0ull, c = ~0ull << 32, d = ~0ull;

	asm volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
	tap_eq((a | b | c | d) >> 32, 0, "results are zero-extended");
}

/*
 * Prefixes that mean nothing to CPUID must be stepped over. rbx is loaded by the instruction
 * behind it, so a RIP that is short or long shows.
 */
#define PREFIXED(bytes)                                                                    \
	({                                                                                 \
		u64 _a = 0, _c = 0, _d, _mark = 0;                                         \
                                                                                           \
		trap_clear();                                                              \
		asm volatile(TRY(".byte " bytes ", 0x0f, 0xa2") "mov $0x5177, %1\n"        \
			     : "+a"(_a), "+r"(_mark), "+c"(_c), "=d"(_d)                   \
			     :                                                             \
			     : "rbx");                                                     \
		tap_ok(_mark == 0x5177 && trap.vector == TRAP_NONE && _a == cpuid(0, 0).a, \
		       "CPUID behind " bytes);                                             \
	})

static void test_prefixes(void)
{
	PREFIXED("0xf2");
	PREFIXED("0xf3");
	PREFIXED("0x66");
	PREFIXED("0x67");
	PREFIXED("0x2e");
	PREFIXED("0x64");
	PREFIXED("0x40");
	PREFIXED("0x48");
	PREFIXED("0x4f");
	PREFIXED("0x66, 0xf2, 0x48");
	PREFIXED("0x67, 0x65, 0xf3, 0x66, 0x41");
	PREFIXED("0x2e,0x2e,0x2e,0x2e,0x2e,0x2e,0x2e,0x2e,0x2e,0x2e,0x2e,0x2e,0x2e");
	trap_clear();
	asm volatile(TRY(".fill 14, 1, 0x2e; cpuid") : : : "rax", "rbx", "rcx", "rdx");
	tap_eq(trap.vector, VEC_GP, "CPUID of 16 bytes is too long: #GP");
}

static void test_mirrors(void)
{
	u64 cr4 = read_cr4();

	if (cpuid(1, 0).c & CPUID_XSAVE) {
		write_cr4(cr4 & ~(u64)CR4_OSXSAVE);
		tap_eq(cpuid(1, 0).c & CPUID_OSXSAVE, 0, "OSXSAVE is off with CR4.OSXSAVE");
		write_cr4(cr4 | CR4_OSXSAVE);
		tap_eq(cpuid(1, 0).c & CPUID_OSXSAVE, CPUID_OSXSAVE,
		       "OSXSAVE is on with CR4.OSXSAVE");
		write_cr4(cr4);
	} else {
		tap_eq(cpuid(1, 0).c & (CPUID_FMA | CPUID_AVX | CPUID_F16C), 0,
		       "no XSAVE and no AVX");
	}
	if (cpuid_has_leaf(7) && (cpuid(7, 0).c & CPUID_PKU)) {
		tap_eq(cpuid(7, 0).c & CPUID_OSPKE, 0, "OSPKE is off with CR4.PKE");
		write_cr4(cr4 | CR4_PKE);
		tap_eq(cpuid(7, 0).c & CPUID_OSPKE, CPUID_OSPKE, "OSPKE is on with CR4.PKE");
		write_cr4(cr4);
	} else {
		tap_skip("no PKU", "CPUID mirrors CR4.PKE");
	}
}

static void test_apic_leaf(void)
{
	struct cpuid leaf = cpuid(1, 0);
	u64 base = rdmsr(MSR_APIC_BASE);

	tap_eq(leaf.d >> 9 & 1, base >> 11 & 1, "CPUID shows the APIC as APIC_BASE enables it");
	tap_eq(leaf.b >> 24, *(volatile u32 *)0xfee00020ul >> 24, "initial APIC id is the APIC's");
	if (on_sill())
		tap_ok((leaf.b >> 16 & 0xff) <= 1 || !(leaf.d & BIT(28)),
		       "one logical processor in the package");
}

void guest_main(void)
{
	test_vendor();
	test_hypervisor();
	test_repeatable();
	test_high_halves();
	test_prefixes();
	test_mirrors();
	test_apic_leaf();
	test_features();
	test_virtualization_insns();
}
