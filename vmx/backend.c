/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX on and off, what all vCPUs share, and the table of operations.
 */
#include "vmx/backend.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "arch/features.h"
#include "arch/percpu.h"
#include "arch/traps.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/spte.h"
#include "vmx/msrs.h"
#include "vmx/vmx.h"

#define EPT_NEEDED (EPT_HAS_4_LEVELS | EPT_HAS_WRITE_BACK | EPT_HAS_2M | EPT_HAS_INVEPT)
#define SLICE_MS 1

struct vmx_controls vmx_controls __ro_after_init;
u64 vmx_cr0_fixed __ro_after_init, vmx_cr4_fixed __ro_after_init, vmx_ept_caps __ro_after_init;
u32 vmx_revision __ro_after_init, vmx_slice __ro_after_init;
hpa_t vmx_msr_bitmap __ro_after_init;
struct frame_owner vmx_owner;

static char refusal[240];

/* The first CPU decides what is used, the others must offer the same. */
static const char *check_controls(void)
{
	struct vmx_controls controls;
	char missing[200];
	u64 ept;

	if (!vmx_controls_choose(&controls, missing, sizeof(missing))) {
		str_printf(refusal, sizeof(refusal), "VMX without what this version needs: %s",
			   missing);
		return refusal;
	}
	ept = rdmsr(MSR_VMX_EPT_VPID);
	if ((ept & EPT_NEEDED) != EPT_NEEDED ||
	    !(ept & (EPT_HAS_INVEPT_SINGLE | EPT_HAS_INVEPT_ALL)))
		return "VMX with an EPT that lacks 4 levels, write-back, 2 MiB pages or INVEPT";
	if (this_cpu()->index == 0) {
		vmx_controls = controls;
		vmx_ept_caps = ept;
	} else if (memcmp(&controls, &vmx_controls, sizeof(controls)) || ept != vmx_ept_caps) {
		return "VMX with other abilities than the first CPU's";
	}
	return NULL;
}

static const char *check_basic(void)
{
	u64 basic = rdmsr(MSR_VMX_BASIC);

	if (VMX_BASIC_SIZE(basic) == 0 || VMX_BASIC_SIZE(basic) > PAGE_SIZE)
		return "VMX whose control structure is not of 1 to 4096 bytes (a bad capability MSR)";
	if (VMX_BASIC_TYPE(basic) != VMX_TYPE_WRITE_BACK)
		return "VMX whose control structure is not write-back memory (a bad capability MSR)";
	return NULL;
}

static const char *vmx_probe(void)
{
	u64 feature;
	const char *reason;

	if (!cpu_features.vmx)
		return "no VMX (Intel VT-x)";
	feature = rdmsr(MSR_FEATURE_CONTROL);
	if (feature & FEATURE_CONTROL_LOCKED && !(feature & FEATURE_CONTROL_VMXON))
		return "VMX is disabled by firmware: turn on Virtualization Technology in its setup";
	if (read_cr4() & CR4_VMXE)
		return "VMX is on already: something else, started before, uses it";
	reason = check_basic();
	return reason ? reason : check_controls();
}

#define BITMAP_READ 0u
#define BITMAP_WRITE 2048u
#define BITMAP_HIGH 1024u

/* Let the guest access msr without an exit. */
static void bitmap_open(u8 *map, u32 msr, u32 part)
{
	u32 bit = msr & 0x1fff;

	map[part + (msr >= 0xc0000000u ? BITMAP_HIGH : 0) + bit / 8] &= (u8) ~(1u << bit % 8);
}

static int vmx_permission_maps(void)
{
	static const u32 read_write[] = GUEST_MSRS_READ_WRITE, read_only[] = GUEST_MSRS_READ_ONLY;
	int err = frame_alloc_zeroed(&vmx_owner, &vmx_msr_bitmap);
	u8 *map;

	if (err)
		return err;
	map = hpa_to_ptr(vmx_msr_bitmap);
	memset(map, 0xff, PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(read_write); i++) {
		bitmap_open(map, read_write[i], BITMAP_READ);
		bitmap_open(map, read_write[i], BITMAP_WRITE);
	}
	for (u32 i = 0; i < ARRAY_SIZE(read_only); i++)
		bitmap_open(map, read_only[i], BITMAP_READ);
	return 0;
}

static int vmx_setup(void)
{
	int err = frame_owner_register(&vmx_owner, "vmx");
	u32 shift = VMX_MISC_TIMER_SHIFT(rdmsr(MSR_VMX_MISC));
	u64 ticks = clock_tsc_khz() * SLICE_MS >> shift;

	vmx_revision = VMX_BASIC_REVISION(rdmsr(MSR_VMX_BASIC));
	ticks = MAX(ticks, 1u);
	vmx_slice = (u32)MIN(ticks, UINT32_MAX);
	/* An unrestricted guest may have paging and protection off whatever the MSR says. */
	vmx_cr0_fixed = rdmsr(MSR_VMX_CR0_FIXED0) & ~(u64)(CR0_PE | CR0_PG);
	vmx_cr4_fixed = rdmsr(MSR_VMX_CR4_FIXED0);
	nmi_set_abort(vmx_entry_begin, vmx_entry_end, vmx_entry_abort);
	log_info("vmx: EPT with A/D bits %s, 1 GiB pages %s, VPID %s, preemption timer %s",
		 vmx_ept_caps & EPT_HAS_ACCESSED_DIRTY ? "yes" : "no",
		 vmx_ept_caps & EPT_HAS_1G ? "yes" : "no", vmx_has_vpid() ? "yes" : "no",
		 vmx_controls.words[WORD_PIN] & PIN_PREEMPTION_TIMER ? "yes" : "no");
	return err ? err : vmx_permission_maps();
}

/* Firmware may have left it to us, CPU by CPU. */
static void unlock(void)
{
	u64 feature = rdmsr(MSR_FEATURE_CONTROL);

	if (!(feature & FEATURE_CONTROL_LOCKED))
		wrmsr(MSR_FEATURE_CONTROL,
		      feature | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMXON);
}

static int vmx_cpu_enable(void)
{
	struct vmx_cpu *cpu = kzalloc(sizeof(*cpu));
	bool failed;
	int err;

	if (!cpu)
		return E_NOMEM;
	err = frame_alloc_zeroed(&vmx_owner, &cpu->vmxon);
	if (err) {
		kfree(cpu, sizeof(*cpu));
		return err;
	}
	*(u32 *)hpa_to_ptr(cpu->vmxon) = vmx_revision;
	cpu->next_vpid = 1;
	cpu->vpid_generation = 1;
	unlock();
	write_cr0(read_cr0() | rdmsr(MSR_VMX_CR0_FIXED0));
	write_cr4(read_cr4() | rdmsr(MSR_VMX_CR4_FIXED0) | CR4_VMXE);
	asm volatile("vmxon %1" : "=@ccbe"(failed) : "m"(cpu->vmxon) : "memory");
	if (failed)
		panic("vmx: VMXON refused on CPU %u", this_cpu()->index);
	this_cpu()->backend = cpu;
	return 0;
}

static void vmx_cpu_disable(void)
{
	asm volatile("vmxoff" : : : "memory", "cc");
	write_cr4(read_cr4() & ~(u64)CR4_VMXE);
}

static unsigned int vmx_tdp_max_level(void)
{
	return vmx_ept_caps & EPT_HAS_1G ? LEVEL_1G : LEVEL_2M;
}

__noreturn void vmcs_refused(enum vmcs_field field, const char *what)
{
	static const struct {
		u32 field;
		const char *name;
	} names[] = {
#define FIELD(name, encoding) { encoding, #name },
		VMCS_FIELDS(FIELD)
#undef FIELD
	};
	const char *name = "?";

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].field == field)
			name = names[i].name;
	}
	panic("vmx: VMCS field %s (%x) cannot be %s", name, field, what);
}

const struct backend vmx_backend = { .name = "VMX",
				     .tdp_name = "EPT",
				     .tdp_format = &spte_format_ept,
				     .pdptes_loaded = true,
#define BACKEND_OP(result, op, args) .op = vmx_##op,
				     BACKEND_OPS(BACKEND_OP)
#undef BACKEND_OP
};
