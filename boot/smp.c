/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs: their areas and stacks, and the start-up of all but the first. See smp.h.
 */
#include "boot/smp.h"

#include "arch/apic.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "arch/feature_set.h"
#include "arch/features.h"
#include "arch/mce.h"
#include "arch/tsc_sync.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/host_tables.h"
#include "vm/cpuid.h"
#include "vm/sched.h"
#include "vm/vm.h"

#define MAIN_STACK_PAGES 4u
#define IST_STACK_PAGES 2u
#define ANSWER_MS 2000u /* that of an emulator on a busy machine may have to wait itself */
#define INIT_WAIT_US 10000u
#define STARTUP_WAIT_US 200u
#define BOOT_STACK_SIZE 16384u

extern u8 boot_stack[];
extern const u8 trampoline_start[], trampoline_end[], trampoline_far32[], trampoline_far64[],
	trampoline_gdt_base[], trampoline_cr3[], trampoline_stack[], trampoline_argument[],
	trampoline_entry[];

static struct percpu boot_cpu;

/* What a starting CPU reports about itself in percpu.online; the boot CPU says only CPU_LEFT_OUT. */
enum { CPU_SILENT, CPU_UP, CPU_REFUSED, CPU_MEASURED /* its TSC, right now */, CPU_LEFT_OUT };

/* Of a CPU and the boot CPU, while it starts. One that does not answer may still write to its own. */
struct starting {
	struct percpu *cpu;
	struct tsc_meeting meeting;
	char refusal[200]; /* valid in CPU_REFUSED */
};

static u64 largest_error; /* of the TSCs that were found in step */
static bool skewed; /* some were not */

/* What every CPU must have, because the boot CPU has it. */
static struct feature_set first_features;
static u32 needed_features[FEATURE_WORD_COUNT];

void smp_boot_cpu_early(void)
{
	struct percpu *cpu = &boot_cpu;

	cpu->self = cpu;
	cpu->online = CPU_UP;
	for (u32 i = 0; i < STACK_COUNT; i++)
		cpu->stacks[i] = (struct stack){ .bottom = (u64)boot_stack,
						 .top = (u64)boot_stack + BOOT_STACK_SIZE };
	cpus[0] = cpu;
	percpu_load(cpu);
}

static int map_stacks(struct percpu *cpu)
{
	for (u32 i = 0; i < STACK_COUNT; i++) {
		int err = host_map_stack(i == STACK_MAIN ? MAIN_STACK_PAGES : IST_STACK_PAGES,
					 &cpu->stacks[i]);

		if (err)
			return err;
	}
	return 0;
}

int smp_boot_cpu_stacks(void)
{
	int err = map_stacks(&boot_cpu);

	if (err)
		return err;
	percpu_load_stacks(&boot_cpu);
	return sched_init_cpu(0);
}

/* The boot CPU's choices: what Sill itself uses, and what guests are told they can use. */
static void find_needed_features(void)
{
	feature_set_read(&first_features);
	for (u32 i = 0; i < FEATURE_WORD_COUNT; i++) {
		const struct feature_word *word = &feature_words[i];

		needed_features[i] = feature_word_used(word) |
				     cpuid_shown(word->leaf, word->subleaf, word->reg);
	}
}

/* One that comes so late that it has been left out stops here. */
static void ap_becomes(struct percpu *cpu, u32 from, u32 to)
{
	if (!atomic_cmpxchg(&cpu->online, &from, to))
		cpu_stop();
}

__noreturn static void ap_refuse(struct percpu *cpu, u32 from)
{
	ap_becomes(cpu, from, CPU_REFUSED);
	cpu_stop();
}

/* The first C code of every other CPU, on its own stack. */
__noreturn static void ap_main(struct starting *own_start)
{
	struct percpu *cpu = own_start->cpu;
	struct feature_set own;
	char missing[sizeof(own_start->refusal) - 16];
	const char *reason;

	/* First: to turn on what this CPU lacks would be a fault, and there is no IDT yet. */
	feature_set_read(&own);
	if (feature_set_missing(&first_features, &own, needed_features, missing, sizeof(missing))) {
		str_printf(own_start->refusal, sizeof(own_start->refusal), "it lacks %s", missing);
		ap_refuse(cpu, CPU_SILENT);
	}
	features_enable();
	host_tables_load();
	percpu_load(cpu);
	ap_becomes(cpu, CPU_SILENT, CPU_MEASURED);
	tsc_sync_answer(&own_start->meeting);
	mce_init();
	apic_enable();
	reason = backend->probe();
	if (!reason)
		reason = backend->cpu_enable();
	if (reason) {
		strlcpy(own_start->refusal, reason, sizeof(own_start->refusal));
		ap_refuse(cpu, CPU_MEASURED);
	}
	ap_becomes(cpu, CPU_MEASURED, CPU_UP);
	sched_run();
}

static void put_field(u8 *page, const u8 *field, u64 value, size_t size)
{
	memcpy(page + (field - trampoline_start), &value, size);
}

/* Add the page's address to a field that holds an offset into it. */
static void relocate_field(u8 *page, const u8 *field, hpa_t at)
{
	u32 offset;

	memcpy(&offset, field, sizeof(offset));
	put_field(page, field, offset + at.raw, sizeof(u32));
}

static void prepare_trampoline(hpa_t at)
{
	u8 *page = hpa_to_ptr(at);

	_Static_assert(sizeof(at.raw) == 8, "fields are 64 bit");
	memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	relocate_field(page, trampoline_gdt_base, at);
	relocate_field(page, trampoline_far32, at);
	relocate_field(page, trampoline_far64, at);
	put_field(page, trampoline_cr3, host_tables_root().raw, 8);
	put_field(page, trampoline_entry, (u64)ap_main, 8);
}

/* Wait until its state is another one. */
static bool answered(const struct percpu *cpu, u32 state, u64 wait_us)
{
	u64 end = clock_ns() + wait_us * 1000;

	while (atomic_load(&cpu->online) == state) {
		if (clock_ns() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/* INIT, start-up, start-up again if need be. */
static bool wake(struct percpu *cpu, hpa_t trampoline)
{
	u8 page = (u8)(trampoline.raw >> PAGE_SHIFT);

	apic_send_init(cpu->apic_id);
	clock_delay_us(INIT_WAIT_US);
	apic_send_startup(cpu->apic_id, page);
	if (answered(cpu, CPU_SILENT, STARTUP_WAIT_US))
		return true;
	apic_send_startup(cpu->apic_id, page);
	return answered(cpu, CPU_SILENT, ANSWER_MS * 1000);
}

/*
 * Compare its TSC with ours. A difference is taken out of Sill's own time, and out of the TSC that
 * guests see.
 */
static bool measure_tsc(struct starting *start)
{
	struct percpu *cpu = start->cpu;
	struct tsc_skew skew = { 0 };
	bool behind;
	u64 distance;

	if (!tsc_sync_ask(&start->meeting, &skew))
		return false;
	if (!tsc_skew_is_real(&skew)) {
		largest_error = MAX(largest_error, skew.error);
		return true;
	}
	skewed = true;
	cpu->tsc_skew = (u64)skew.ticks;
	behind = skew.ticks < 0;
	distance = behind ? 0 - (u64)skew.ticks : (u64)skew.ticks;
	log_warn("cpu: the TSC of APIC id %u is %llu ticks %s the first CPU's (to %llu ticks): "
		 "Sill's time and the guests' TSCs are corrected",
		 cpu->apic_id, (unsigned long long)distance, behind ? "behind" : "ahead of",
		 (unsigned long long)skew.error);
	return true;
}

/* Wake it, and go with it through what it does until it is up or has refused. */
static bool bring_up(struct starting *start, hpa_t trampoline)
{
	struct percpu *cpu = start->cpu;

	if (!wake(cpu, trampoline))
		return false;
	if (atomic_load(&cpu->online) == CPU_MEASURED && !measure_tsc(start))
		return false;
	return answered(cpu, CPU_MEASURED, ANSWER_MS * 1000);
}

/* It may still wake up one day: its area and stack stay. INIT keeps it from that, mostly. */
static void leave_out(struct percpu *cpu, const char *reason)
{
	atomic_xchg(&cpu->online, (u32)CPU_LEFT_OUT);
	apic_send_init(cpu->apic_id);
	log_warn("cpu: APIC id %u: %s: left out", cpu->apic_id, reason);
	cpus[cpu->index] = NULL;
}

static int start_cpu(u32 id, hpa_t trampoline)
{
	struct percpu *cpu = kzalloc(sizeof(*cpu));
	struct starting *start = kzalloc(sizeof(*start));
	u32 index = cpu_count;
	u8 *page = hpa_to_ptr(trampoline);
	int err;

	if (!cpu || !start)
		return E_NOMEM;
	start->cpu = cpu;
	cpu->self = cpu;
	cpu->index = index;
	cpu->apic_id = id;
	cpus[index] = cpu;
	err = map_stacks(cpu);
	if (!err)
		err = sched_init_cpu(index);
	if (err)
		return err;
	put_field(page, trampoline_stack, cpu->stacks[STACK_MAIN].top, 8);
	put_field(page, trampoline_argument, (u64)start, 8);
	if (!bring_up(start, trampoline)) {
		leave_out(cpu, "it does not answer");
		return 0;
	}
	if (atomic_load(&cpu->online) == CPU_REFUSED)
		leave_out(cpu, start->refusal);
	else
		cpu_count++;
	kfree(start, sizeof(*start));
	return 0;
}

static void report_tscs(void)
{
	u64 ns = largest_error * 1000000 / clock_tsc_khz();

	if (cpu_count > 1)
		log_info("clock: the CPUs' TSCs are in step, to %llu.%03llu us%s",
			 (unsigned long long)ns / 1000, (unsigned long long)ns % 1000,
			 skewed ? ", but for those above" : "");
}

void smp_start(const struct acpi_madt *madt, u32 limit, hpa_t trampoline)
{
	if (host_map_trampoline(trampoline)) {
		log_warn("cpu: no memory to start other CPUs");
		return;
	}
	prepare_trampoline(trampoline);
	find_needed_features();
	for (u32 i = 0; i < madt->cpu_count && cpu_count < limit; i++) {
		u32 id = madt->cpus[i].apic_id;

		if (id == boot_cpu.apic_id)
			continue;
		if (id > 254 && !apic_is_x2apic()) {
			log_warn("cpu: APIC id %u needs x2APIC, which this CPU lacks: left out",
				 id);
			continue;
		}
		if (start_cpu(id, trampoline)) {
			log_warn("cpu: no memory for APIC id %u: left out", id);
			break;
		}
	}
	host_unmap_trampoline(trampoline);
	report_tscs();
}
