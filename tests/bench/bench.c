/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What things cost in a guest, in TSC ticks: instructions, under QEMU's -icount shift=0. Each
 * line is the median of many single operations, `bench NAME TICKS`; the cost of measuring, which
 * is the first line, is included in each.
 */
#include "tests/bench/bench.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/lib/x2apic.h"

#define ABSENT_PORT 0x230
#define UART_LSR 0x3fd
#define UART_SCR 0x3ff
#define RTC_DATA 0x71
#define IOAPIC_SELECT ((volatile u32 *)0xfec00000)
#define PAGE_SIZE_2M MIB(2)
/* Below lie this image and what the loader left; above, no page has been touched. */
#define FRESH_FROM MIB(32)
#define VEC_IPI 0x61
#define FAR 0x100000000000ull /* ticks: not while this runs */

u32 samples[SAMPLES];

static u32 median(u32 count)
{
	for (u32 i = 1; i < count; i++) {
		u32 value = samples[i], at = i;

		for (; at > 0 && samples[at - 1] > value; at--)
			samples[at] = samples[at - 1];
		samples[at] = value;
	}
	return samples[count / 2];
}

void report(const char *name, u32 count)
{
	print("bench %s %u\n", name, median(count));
}

/* One read at offset in each of as many pieces of 2 MiB as there are. */
static u32 touch(u64 offset)
{
	u32 count = 0;

	for (const struct mb_mmap *e = NULL; (e = boot_mmap_next(e));) {
		u64 end = MIN(e->base + e->length, GIB(3));

		if (e->type != MB_MMAP_RAM)
			continue;
		for (u64 at = align_up(MAX(e->base, FRESH_FROM), PAGE_SIZE_2M);
		     at + PAGE_SIZE_2M <= end && count < SAMPLES; at += PAGE_SIZE_2M) {
			u32 start = ticks();

			asm volatile("movl (%0), %%eax" : : "r"(at + offset) : "eax", "memory");
			samples[count++] = ticks() - start;
		}
	}
	return count;
}

/* The second touch of each piece is a fault when the VM is mapped by small pages (pages=4k). */
static void bench_first_touch(void)
{
	u32 count = touch(0);

	if (!count) {
		print("# no RAM above 32 MiB: no first touch\n");
		return;
	}
	report("first-touch", count);
	report("next-touch", touch(4096));
}

static void bench_exits(void)
{
	u64 pat = rdmsr(MSR_PAT);

	BENCH("cpuid-0", cpuid(0, 0));
	BENCH("cpuid-1", cpuid(1, 0));
	BENCH("rdmsr-apic-base", rdmsr(MSR_APIC_BASE));
	BENCH("wrmsr-pat", wrmsr(MSR_PAT, pat));
	BENCH("uart-read", inb(UART_LSR));
	BENCH("uart-write", outb(UART_SCR, 0));
	BENCH("pic-read", inb(PIC_MASTER_MASK));
	BENCH("pit-read", inb(PIT_PORT(0)));
	BENCH("rtc-read", inb(RTC_DATA));
	BENCH("pm-timer-read", inl(PORT_PM_TIMER));
	BENCH("absent-port-read", inb(ABSENT_PORT));
	BENCH("wbinvd", asm volatile("wbinvd"));
}

static u32 ipi_at, eoi_at;

static void on_ipi(struct trap_frame *frame)
{
	(void)frame;
	ipi_at = ticks();
	lapic_eoi();
	eoi_at = ticks();
}

static void on_x2apic_ipi(struct trap_frame *frame)
{
	(void)frame;
	ipi_at = ticks();
	x2apic_eoi();
	eoi_at = ticks();
}

/* From the write to the handler's first line; and the end of interrupt in the handler. */
#define BENCH_IPI(handler, ipi_name, eoi_name, send)   \
	do {                                           \
		trap_set_handler(VEC_IPI, handler);    \
		irq_enable();                          \
		for (u32 _i = 0; _i < SAMPLES; _i++) { \
			u32 _start = ticks();          \
                                                       \
			send;                          \
			samples[_i] = ipi_at - _start; \
		}                                      \
		report(ipi_name, SAMPLES);             \
		for (u32 _i = 0; _i < SAMPLES; _i++) { \
			send;                          \
			samples[_i] = eoi_at - ipi_at; \
		}                                      \
		report(eoi_name, SAMPLES);             \
		irq_disable();                         \
	} while (0)

/* From the write to the handler's first line, with a HLT in between. */
#define BENCH_HLT(handler, name, send)                 \
	do {                                           \
		trap_set_handler(VEC_IPI, handler);    \
		for (u32 _i = 0; _i < SAMPLES; _i++) { \
			u32 _start = ticks();          \
                                                       \
			send;                          \
			irq_wait();                    \
			samples[_i] = ipi_at - _start; \
		}                                      \
		report(name, SAMPLES);                 \
	} while (0)

static void bench_lapic(void)
{
	lapic_enable();
	BENCH("lapic-read", lapic_read(LAPIC_VERSION));
	BENCH("lapic-write", lapic_write(LAPIC_TPR, 0));
	BENCH("lapic-eoi", lapic_eoi());
	BENCH("ioapic-read", *IOAPIC_SELECT);
	BENCH("lapic-timer-arm", lapic_write(LAPIC_TIMER_INIT, 0x7fffffff));
	BENCH_IPI(on_ipi, "lapic-self-ipi", "lapic-handler-eoi",
		  lapic_write(LAPIC_ICR_LOW, ICR_SELF | VEC_IPI));
	BENCH_HLT(on_ipi, "self-ipi-hlt", lapic_write(LAPIC_ICR_LOW, ICR_SELF | VEC_IPI));
}

static void bench_x2apic(void)
{
	x2apic_enter();
	BENCH("x2apic-read", x2apic_read(LAPIC_VERSION));
	BENCH("x2apic-tpr-write", x2apic_write(LAPIC_TPR, 0));
	BENCH("x2apic-eoi", x2apic_eoi());
	BENCH("x2apic-timer-arm", x2apic_write(LAPIC_TIMER_INIT, 0x7fffffff));
	BENCH_IPI(on_x2apic_ipi, "x2apic-self-ipi", "x2apic-handler-eoi",
		  x2apic_write(LAPIC_SELF_IPI, VEC_IPI));
	x2apic_write(LAPIC_LVT_TIMER, LVT_DEADLINE | VEC_IPI);
	BENCH("tsc-deadline-arm", wrmsr(MSR_TSC_DEADLINE, FAR + _start));
	wrmsr(MSR_TSC_DEADLINE, 0);
	BENCH_HLT(on_x2apic_ipi, "x2apic-self-ipi-hlt", x2apic_write(LAPIC_SELF_IPI, VEC_IPI));
	bench_timer();
	x2apic_leave();
	lapic_enable();
}

/* Steps over the faulting instruction, which is 2 bytes long. */
void page_fault_entry(void);
asm(".text\n"
    "page_fault_entry:\n"
    "add $8, %rsp\n"
    "addq $2, (%rsp)\n"
    "iretq\n");

static void bench_paging(void)
{
	uintptr_t entry = (uintptr_t)page_fault_entry;
	struct idt_gate saved = idt[VEC_PF];
	u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();

	pt_map(TEST_VA, 0, 1);
	idt[VEC_PF].offset_low = (u16)entry;
	idt[VEC_PF].offset_mid = (u16)(entry >> 16);
	BENCH("page-fault", asm volatile(".byte 0x8a, 0x07" : : "D"(TEST_VA) : "rax", "memory"));
	idt[VEC_PF] = saved;
	BENCH("cr3-reload", write_cr3(cr3));
	BENCH("invlpg", invlpg(TEST_VA));
	BENCH("cr0-wp-twice", write_cr0(cr0 & ~(u64)CR0_WP); write_cr0(cr0));
	BENCH("cr4-pge-twice", write_cr4(cr4 ^ CR4_PGE); write_cr4(cr4));
}

void guest_main(void)
{
	BENCH("empty", (void)0);
	bench_first_touch();
	bench_exits();
	bench_lapic();
	bench_x2apic();
	bench_other_vcpu();
	bench_paging();
	tap_ok(true, "all measured");
}
