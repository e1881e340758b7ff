/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doctor on the CPU and on what firmware has made of it. See doctor.h. Reads a
 * model-specific register only where CPUID says that it is there: elsewhere that is a fault,
 * or, in emulators, any number.
 */
#include "arch/cpu.h"
#include "arch/features.h"
#include "boot/doctor_lines.h"
#include "lib/string.h"
#include "svm/backend.h"
#include "vmx/backend.h"
#include "vmx/msrs.h"

#define VM_CR_LOCK BIT(3)
#define VM_CR_SVMDIS BIT(4)
#define CPUID_SVM 0x8000000au
/* What may be 1 in a control word is in the upper half of its MSR. */
#define PROC_MAY_HAVE_PROC2 BIT(63)
#define PROC2_MAY_HAVE_EPT BIT(33)
#define PROC2_MAY_HAVE_VPID BIT(37)
#define PROC2_MAY_BE_UNRESTRICTED BIT(39)

static const char *yes_no(bool yes)
{
	return yes ? "yes" : "no";
}

static void identity(void)
{
	u32 version = cpuid(1, 0).eax;
	u32 family = version >> 8 & 0xf, model = version >> 4 & 0xf;

	if (family == 6 || family == 15)
		model |= version >> 12 & 0xf0;
	if (family == 15)
		family += version >> 20 & 0xff;
	doctor_say(DOCTOR_OK, "CPU: %s \"%s\", family %u model %u stepping %u", cpu_features.vendor,
		   cpu_features.brand, family, model, version & 15);
	doctor_say(DOCTOR_OK, "CPU: long mode and NX, %u-bit physical addresses",
		   cpu_features.phys_bits);
	if (cpu_features.hypervisor)
		doctor_say(DOCTOR_WARN, "CPU: under another hypervisor or an emulator, which "
					"decides what Sill sees");
}

/* A feature that Sill can do without. */
static void feature(bool there, const char *name, const char *without)
{
	if (there)
		doctor_say(DOCTOR_OK, "%s: yes", name);
	else
		doctor_say(DOCTOR_WARN, "%s: no: %s", name, without);
}

static void features(void)
{
	const struct cpu_features *f = &cpu_features;

	feature(f->page1g, "1 GiB pages", "Sill maps memory by 2 MiB");
	feature(f->smep, "SMEP", "one guard of Sill itself less");
	feature(f->smap, "SMAP", "one guard of Sill itself less");
	feature(f->umip, "UMIP", "nothing is lost: Sill has no user mode");
	feature(f->xsave, "XSAVE", "guests have no AVX");
	feature(f->invariant_tsc, "invariant TSC",
		"time drifts if the CPU changes its frequency: turn off frequency scaling and "
		"deep C-states in the firmware's setup");
	feature(f->x2apic, "x2APIC", "APIC ids above 254 cannot be used");
	feature(f->mca, "machine check banks", "hardware errors are reported without details");
}

static void svm(void)
{
	u64 vm_cr = rdmsr(MSR_VM_CR);
	struct cpuid r = { 0 };

	if (cpu_features.max_ext_leaf >= CPUID_SVM)
		r = cpuid(CPUID_SVM, 0);
	if (!(vm_cr & VM_CR_SVMDIS))
		doctor_say(DOCTOR_OK, "SVM: yes, and firmware lets it be used; %u ASIDs", r.ebx);
	else
		doctor_say(DOCTOR_LACKS,
			   "SVM: turned off by firmware%s: turn on \"SVM Mode\" (AMD-V) "
			   "in its setup",
			   vm_cr & VM_CR_LOCK ? " and locked" : "");
	if (cpu_features.npt)
		doctor_say(DOCTOR_OK, "nested paging (NPT): yes");
	else
		doctor_say(DOCTOR_LACKS, "nested paging (NPT): no: this version needs it");
	feature(cpu_features.nrips, "next RIP at exits", "Sill decodes instructions instead");
	feature(cpu_features.flush_by_asid, "flush by ASID", "Sill uses fresh ASIDs instead");
}

/* Needs the secondary controls, or their MSR does not exist. */
static void vmx_paging(void)
{
	u64 proc = rdmsr(MSR_VMX_PROC), proc2 = 0, caps = 0;

	if (proc & PROC_MAY_HAVE_PROC2)
		proc2 = rdmsr(MSR_VMX_PROC2);
	if (proc2 & (PROC2_MAY_HAVE_EPT | PROC2_MAY_HAVE_VPID))
		caps = rdmsr(MSR_VMX_EPT_VPID);
	if (proc2 & PROC2_MAY_HAVE_EPT)
		doctor_say(DOCTOR_OK, "nested paging (EPT): yes; 1 GiB pages %s, A/D bits %s",
			   yes_no(caps & EPT_HAS_1G), yes_no(caps & EPT_HAS_ACCESSED_DIRTY));
	else
		doctor_say(DOCTOR_LACKS, "nested paging (EPT): no: this version needs it");
	feature(proc2 & PROC2_MAY_BE_UNRESTRICTED, "unrestricted guest",
		"Sill emulates guests' real mode");
	feature(proc2 & PROC2_MAY_HAVE_VPID, "VPID", "every entry forgets translations");
}

static void vmx(void)
{
	u64 control = rdmsr(MSR_FEATURE_CONTROL);

	if (control & FEATURE_CONTROL_VMXON && control & FEATURE_CONTROL_LOCKED)
		doctor_say(DOCTOR_OK, "VMX: yes, turned on by firmware");
	else if (!(control & FEATURE_CONTROL_LOCKED))
		doctor_say(DOCTOR_OK,
			   "VMX: yes; firmware has left its switch open, Sill turns it on");
	else
		doctor_say(DOCTOR_LACKS,
			   "VMX: turned off and locked by firmware: turn on \"Intel "
			   "Virtualization Technology\" in its setup, then switch off and "
			   "on");
	vmx_paging();
}

void doctor_cpu(bool works)
{
	const struct backend *backend_here = cpu_features.vmx ? &vmx_backend : &svm_backend;
	const char *reason = "it has neither SVM nor VMX";

	identity();
	features();
	if (!cpu_features.svm && !cpu_features.vmx)
		doctor_say(DOCTOR_LACKS,
			   "virtualization: neither SVM nor VMX: turn it on in the "
			   "firmware's setup (SVM Mode, AMD-V, VT-x), or, in a virtual "
			   "machine, nested virtualization; else this CPU cannot");
	if (cpu_features.svm)
		svm();
	if (cpu_features.vmx)
		vmx();
	if (cpu_features.svm || cpu_features.vmx)
		reason = backend_here->probe();
	if (!reason && !works)
		reason = "of what is missing above";
	if (reason)
		doctor_say(DOCTOR_LACKS, "verdict: Sill cannot run guests here: %s", reason);
	else
		doctor_say(DOCTOR_OK, "verdict: this CPU can run Sill's guests, by %s with %s",
			   backend_here->name, backend_here->tdp_name);
}
