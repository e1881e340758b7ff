/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers: what their bits do, what they refuse, and the ways between the paging
 * modes (in cr_modes.S). An emulated CPU without a hypervisor breaks down on refused CR3 and CR4
 * values, so those are demanded of Sill's guests only.
 */
#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

/* Registers are saved; each leaves 64-bit mode, does something there, and returns. */
u32 mode_trip_unpaged(void); /* CPUID.0.eax as seen with paging off and CR4.PAE=0 */
u32 mode_trip_pae(u32 cr3, u32 addr); /* *addr with PAE paging from cr3, long mode off */
u32 mode_trip_32(u32 cr3, u32 addr); /* *addr with 32-bit paging and 4 MiB pages */
u32 mode_trip_tss16(u32 idt_ptr); /* was long mode refused with the TSS of SEL_FREE0? */
extern const u8 tss16_refused[];
u32 mode_trip_cr0_flags(void); /* CR0 in compatibility mode after clearing only PG */

#define EXT1_ALT_MOV_CR8 BIT(4)

static void test_cr0_bits(void)
{
	u64 cr0 = read_cr0();

	write_cr0(cr0 | CR0_TS);
	tap_eq(read_cr0(), cr0 | CR0_TS, "CR0.TS can be set");
	asm volatile("clts");
	tap_eq(read_cr0() & CR0_TS, 0, "CLTS clears it");
	write_cr0(cr0 | CR0_AM);
	tap_eq(read_cr0(), cr0 | CR0_AM, "CR0.AM can be set");
	write_cr0(cr0 | CR0_CD);
	tap_eq(read_cr0() & CR0_CD, CR0_CD, "CR0.CD can be set");
	write_cr0(cr0);
	tap_eq(read_cr0(), cr0, "and all are cleared again");
	write_cr0(cr0 & ~(u64)CR0_ET);
	tap_eq(read_cr0() & CR0_ET, CR0_ET, "CR0.ET is always 1");
}

static void test_lmsw_smsw(void)
{
	u64 cr0 = read_cr0();
	u16 word;
	u32 dword = 0;
	u64 qword = 0;

	asm volatile("smsw %0" : "=m"(word));
	tap_eq(word, cr0 & 0xffff, "SMSW to memory stores 16 bits");
	asm volatile("smswl %0" : "=r"(dword));
	tap_eq(dword & 0xffff, cr0 & 0xffff, "SMSW to a register");
	asm volatile("smswq %0" : "=r"(qword));
	tap_eq(qword & 0xffff, cr0 & 0xffff, "SMSW to a 64-bit register");
	word = (u16)(cr0 | CR0_TS);
	asm volatile("lmsw %0" : : "m"(word));
	tap_eq(read_cr0(), cr0 | CR0_TS, "LMSW sets TS");
	asm volatile("lmsw %0" : : "r"((u16)(cr0 & ~(u64)CR0_PE)));
	tap_eq(read_cr0(), cr0, "LMSW clears TS but not PE");
}

static void test_ts_em_mp(void)
{
	u64 cr0 = read_cr0();

	write_cr0(cr0 | CR0_TS);
	tap_eq(TRY_INSN("fld1"), VEC_NM, "TS: an x87 instruction is #NM");
	tap_eq(TRY_INSN("pxor %%xmm0, %%xmm0"), VEC_NM, "TS: an SSE instruction is #NM");
	tap_eq(TRY_INSN("fwait"), VEC_NM, "TS and MP: FWAIT is #NM");
	write_cr0((cr0 | CR0_TS) & ~(u64)CR0_MP);
	tap_eq(TRY_INSN("fwait"), TRAP_NONE, "TS without MP: FWAIT runs");
	asm volatile("clts");
	write_cr0((cr0 | CR0_EM) & ~(u64)CR0_MP);
	tap_eq(TRY_INSN("fld1"), VEC_NM, "EM: an x87 instruction is #NM");
	tap_eq(TRY_INSN("pxor %%xmm0, %%xmm0"), VEC_UD, "EM: an SSE instruction is #UD");
	write_cr0(cr0);
	tap_eq(TRY_INSN("pxor %%xmm0, %%xmm0"), TRAP_NONE, "neither: it runs");
	fninit();
}

static void test_wp(void)
{
	u64 cr0 = read_cr0();
	void *page = page_alloc();
	u32 value;

	pt_map(TEST_VA, (uintptr_t)page | PTE_P, 1);
	tap_eq(try_write(TEST_VA, 1), VEC_PF, "WP: writing a read-only page is #PF");
	tap_eq(trap.error, PF_P | PF_W, "with error code P|W");
	tap_eq(trap.cr2, TEST_VA, "and its address in CR2");
	write_cr0(cr0 & ~(u64)CR0_WP);
	tap_eq(try_write(TEST_VA, 2), TRAP_NONE, "no WP: the write succeeds");
	write_cr0(cr0);
	tap_eq(try_write(TEST_VA, 3), VEC_PF, "WP again: #PF");
	try_read(TEST_VA, &value);
	tap_eq(value, 2, "only the permitted write was done");
}

static void test_cr0_refused(void)
{
	u64 cr0 = read_cr0();

	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "refused CR0 values");
		return;
	}
	tap_eq(TRY_INSN_REG("mov %0, %%cr0", cr0 & ~(u64)CR0_PE), VEC_GP, "PG without PE: #GP");
	tap_eq(TRY_INSN_REG("mov %0, %%cr0", cr0 | CR0_NW), VEC_GP, "NW without CD: #GP");
	/* Nothing else changes by it, so that a hypervisor need not hear of it. */
	tap_eq_or_deviant(TRY_INSN_REG("mov %0, %%cr0", cr0 | BIT(32)), VEC_GP, TRAP_NONE,
			  "this CPU ignores the high half", "CR0 above bit 31: #GP");
	tap_eq(TRY_INSN_REG("mov %0, %%cr0", cr0 & ~(u64)CR0_PG), VEC_GP,
	       "paging off in 64-bit code: #GP");
	tap_eq(read_cr0(), cr0, "refused values change nothing");
}

static void test_cr4_bits(void)
{
	static const struct {
		const char *name;
		u32 bit, leaf;
		char reg;
		u8 feature;
	} bits[] = {
		{ "TSD", CR4_TSD, 1, 'd', 4 },          { "DE", CR4_DE, 1, 'd', 2 },
		{ "PSE", CR4_PSE, 1, 'd', 3 },          { "PGE", CR4_PGE, 1, 'd', 13 },
		{ "UMIP", CR4_UMIP, 7, 'c', 2 },        { "FSGSBASE", CR4_FSGSBASE, 7, 'b', 0 },
		{ "OSXSAVE", CR4_OSXSAVE, 1, 'c', 26 }, { "SMEP", CR4_SMEP, 7, 'b', 7 },
		{ "SMAP", CR4_SMAP, 7, 'b', 20 },       { "PKE", CR4_PKE, 7, 'c', 3 },
		{ "VMXE", CR4_VMXE, 1, 'c', 5 },        { "SMXE", CR4_SMXE, 1, 'c', 6 },
		{ "LA57", CR4_LA57, 7, 'c', 16 },       { "PCIDE", CR4_PCIDE, 1, 'c', 17 },
	};
	u64 cr4 = read_cr4();

	for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
		struct cpuid r = cpuid(0, 0).a >= bits[i].leaf ? cpuid(bits[i].leaf, 0)
							       : (struct cpuid){ 0 };
		u32 word = bits[i].reg == 'b' ? r.b : bits[i].reg == 'c' ? r.c : r.d;
		bool there = word & BIT(bits[i].feature);

		/* LA57 cannot change in long mode, feature or not. */
		if (there && bits[i].bit != CR4_LA57) {
			write_cr4(cr4 | bits[i].bit);
			tap_eq(read_cr4(), cr4 | bits[i].bit, "CR4.%s can be set", bits[i].name);
			write_cr4(cr4);
			tap_eq(read_cr4(), cr4, "CR4.%s can be cleared", bits[i].name);
		} else if (on_sill()) {
			tap_eq(TRY_INSN_REG("mov %0, %%cr4", cr4 | bits[i].bit), VEC_GP,
			       "CR4.%s cannot be set: #GP", bits[i].name);
			tap_eq(read_cr4(), cr4, "and stays clear");
		} else {
			tap_skip(SKIP_NOT_SILL, "CR4.%s cannot be set", bits[i].name);
		}
	}
}

static void test_cr4_refused(void)
{
	u64 cr4 = read_cr4();

	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "refused CR4 and CR3 values");
		return;
	}
	tap_eq(TRY_INSN_REG("mov %0, %%cr4", cr4 | BIT(15)), VEC_GP, "CR4 bit 15: #GP");
	tap_eq(TRY_INSN_REG("mov %0, %%cr4", cr4 | BIT(31)), VEC_GP, "CR4 bit 31: #GP");
	tap_eq(TRY_INSN_REG("mov %0, %%cr4", cr4 | BIT(40)), VEC_GP, "CR4 above bit 31: #GP");
	tap_eq(TRY_INSN_REG("mov %0, %%cr4", cr4 & ~(u64)CR4_PAE), VEC_GP,
	       "PAE off in long mode: #GP");
	tap_eq(read_cr4(), cr4, "refused values change nothing");
	if (on_qemu_cpu())
		tap_skip("QEMU ends a guest that does this", "CR3 above the physical width: #GP");
	else
		tap_eq(TRY_INSN_REG("mov %0, %%cr3", read_cr3() | BIT(60)), VEC_GP,
		       "CR3 above the physical width: #GP");
}

/* What CR4.TSD, DE and UMIP do. */
static void test_cr4_effects(void)
{
	u64 cr4 = read_cr4();

	write_cr4(cr4 | CR4_TSD);
	tap_eq(TRY_INSN("xor %%eax, %%eax; rdtsc"), TRAP_NONE, "TSD: RDTSC runs at CPL 0");
	write_cr4(cr4 | CR4_DE);
	tap_eq(TRY_INSN("mov %%dr4, %%rax"), VEC_UD, "DE: DR4 is #UD");
	write_cr4(cr4 & ~(u64)CR4_OSFXSR);
	tap_eq(TRY_INSN("pxor %%xmm0, %%xmm0"), VEC_UD, "no OSFXSR: an SSE instruction is #UD");
	write_cr4(cr4);
}

static void test_cr3(void)
{
	u64 cr3 = read_cr3();
	u64 *copy = page_alloc();
	u32 value;

	for (int i = 0; i < 512; i++)
		copy[i] = boot_pml4[i];
	write_cr3((uintptr_t)copy);
	tap_eq(read_cr3(), (uintptr_t)copy, "another CR3 with the same tables");
	tap_eq(try_read((ulong)copy, &value), TRAP_NONE, "memory is reachable through it");
	write_cr3(cr3);
	tap_eq(read_cr3(), cr3, "and back");
	write_cr3(cr3 | 0x18);
	tap_eq(read_cr3(), cr3 | 0x18, "CR3 keeps PWT and PCD");
	write_cr3(cr3);
}

/* AMD's way to CR8 without a REX prefix. */
static void test_lock_mov(void)
{
	u64 cr8;

	if (!(cpuid(0x80000001, 0).c & EXT1_ALT_MOV_CR8)) {
		tap_eq(TRY_INSN(".byte 0xf0, 0x0f, 0x20, 0xc0"), VEC_UD, "LOCK MOV from CR0: #UD");
		return;
	}
	asm volatile(".byte 0xf0, 0x0f, 0x22, 0xc0" : : "a"(3ul)); /* LOCK MOV CR0, RAX */
	tap_eq(lapic_read(LAPIC_TPR), 0x30, "LOCK MOV to CR0 writes CR8");
	asm volatile(".byte 0xf0, 0x0f, 0x20, 0xc0" : "=a"(cr8)); /* LOCK MOV RAX, CR0 */
	tap_eq(cr8, 3, "LOCK MOV from CR0 reads CR8");
}

static void test_cr8(void)
{
	write_cr8(5);
	tap_eq(read_cr8(), 5, "CR8 holds 5");
	tap_eq(lapic_read(LAPIC_TPR), 0x50, "the TPR shows it");
	lapic_write(LAPIC_TPR, 0xa7);
	tap_eq(read_cr8(), 0xa, "CR8 shows the TPR's class");
	tap_eq(lapic_read(LAPIC_TPR), 0xa7, "the TPR keeps its subclass");
	write_cr8(0xf);
	tap_eq(lapic_read(LAPIC_TPR) & 0xf0, 0xf0, "CR8=15 blocks every class");
	test_lock_mov();
	write_cr8(0);
	tap_eq(lapic_read(LAPIC_TPR), 0, "CR8=0 clears the TPR");
	if (on_sill())
		tap_eq(TRY_INSN_REG("mov %0, %%cr8", 0x10), VEC_GP, "CR8 above 15: #GP");
	else
		tap_skip(SKIP_NOT_SILL, "CR8 above 15: #GP");
}

/* A 32-bit page directory of 4 MiB pages, and PAE tables of 2 MiB pages, one to one. */
static u32 dir32[1024] __aligned(4096);
static u64 pae_dir[512] __aligned(4096), pae_pdpt[4] __aligned(32);
static const u32 marker = 0xfeedc0de;

static void test_modes(void)
{
	u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4(), efer = rdmsr(MSR_EFER);

	for (u32 i = 0; i < 16; i++)
		dir32[i] = i << 22 | PTE_P | PTE_W | PTE_PS;
	for (u32 i = 0; i < 512; i++)
		pae_dir[i] = (u64)i << 21 | PTE_P | PTE_W | PTE_PS;
	pae_pdpt[0] = (uintptr_t)pae_dir | PTE_P;
	for (int i = 0; i < 3; i++) {
		tap_eq(mode_trip_unpaged(), cpuid(0, 0).a, "CPUID with paging and PAE off");
		tap_eq(mode_trip_cr0_flags() & CR0_PG, 0, "CR0.PG reads 0 with paging off");
		tap_eq(mode_trip_32((u32)(uintptr_t)dir32, (u32)(uintptr_t)&marker), marker,
		       "a read with 32-bit paging");
		tap_eq(mode_trip_pae((u32)(uintptr_t)pae_pdpt, (u32)(uintptr_t)&marker), marker,
		       "a read with PAE paging");
	}
	tap_eq(read_cr0(), cr0, "CR0 is as before");
	tap_eq(read_cr3(), cr3, "CR3 is as before");
	tap_eq(read_cr4(), cr4, "CR4 is as before");
	tap_eq(rdmsr(MSR_EFER), efer, "EFER is as before");
}

/* Intel's CPUs refuse to enter long mode with a 16-bit TSS; others do not mind. */
static void test_tss16(void)
{
	static u8 tss16[44] __aligned(64), tss32[104] __aligned(128);
	static u64 gates[VEC_GP + 1] __aligned(16);
	static struct table_ptr ptr = { .limit = sizeof(gates) - 1, .base = (ulong)gates };
	u64 handler = (uintptr_t)tss16_refused;

	gates[VEC_GP] = (handler & 0xffff) | SEL_CODE32 << 16 | 0x8eull << 40 |
			(handler >> 16 & 0xffff) << 48;
	/* Each clears the entry behind its own. */
	gdt_set_tss(SEL_FREE0, (struct tss *)tss16, sizeof(tss16) - 1);
	gdt_set_tss(SEL_FREE1, (struct tss *)tss32, sizeof(tss32) - 1);
	gdt[SEL_FREE0 / 8] &= ~(8ull << 40);
	gdt_set_tss(SEL_TSS, &tss, sizeof(tss) - 1);
	tap_eq_or_deviant(mode_trip_tss16((u32)(uintptr_t)&ptr), 1, 0,
			  "this CPU enters long mode with any TSS",
			  "#GP by entering long mode with a 16-bit TSS");
	idt_load(idt);
	ltr(SEL_TSS);
	tap_eq(TRY_INSN("ud2"), VEC_UD, "a 64-bit TSS can be loaded behind it");
}

void guest_main(void)
{
	test_cr0_bits();
	test_lmsw_smsw();
	test_ts_em_mp();
	test_wp();
	test_cr0_refused();
	test_cr4_bits();
	test_cr4_refused();
	test_cr4_effects();
	test_cr3();
	test_cr8();
	test_modes();
	test_tss16();
}
