/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A local APIC that the CPU runs, in a page of registers: given to it and taken back. See lapic.h.
 *
 *	          lapic_give()
 *	  dev/ ------------------> page: ISR, TPR, IRR; the CPU delivers and ends
 *	   ^  <------------------   |    interrupts
 *	   |      lapic_take()      v
 *	  IRR <--- requests of others, which end the guest; so it is taken and given again
 *
 * While it is given, this side looks like an APIC at rest, so that each request is taken for one that
 * interrupts, and nothing that requests has to know. TMR, and the other registers, which only the guest
 * writes and each write of which takes it back, stay here; the page has copies to be read.
 */
#include "dev/lapic_internal.h"
#include "lib/atomic.h"

#define WORDS 4u /* of the page from register to register */

static u32 *vectors_at(u32 *page, enum lapic_register first, u32 i)
{
	return &page[(first + i) * WORDS];
}

static void write_vectors(u32 *page, enum lapic_register first, const struct lapic_vectors *set)
{
	for (u32 i = 0; i < 8; i++)
		*vectors_at(page, first, i) = (u32)(set->bits[i / 2] >> 32 * (i % 2));
}

static void add_vectors(u32 *page, enum lapic_register first, struct lapic_vectors *set)
{
	for (u32 i = 0; i < 8; i++) {
		set->bits[i / 2] |= (u64)*vectors_at(page, first, i) << 32 * (i % 2);
		set->words |= set->bits[i / 2] ? 1u << i / 2 : 0;
	}
}

static u8 highest_or_0(const struct lapic_vectors *set)
{
	int vector = vector_highest(set);

	return vector < 0 ? 0 : (u8)vector;
}

static enum apic_helper choose_helper(const struct lapic *apic, u32 helpers)
{
	if (!lapic_is_active(apic))
		return APIC_SOFTWARE;
	if (apic->x2apic && helpers & BIT(APIC_X2APIC))
		return APIC_X2APIC;
	/*
	 * It costs something at each access to the other registers. CR8 is all of the TPR that some CPUs
	 * have.
	 */
	if (apic->uses_cr8 && !(apic->tpr & 0xf) && helpers & BIT(APIC_TPR_SHADOW))
		return APIC_TPR_SHADOW;
	return APIC_SOFTWARE;
}

/* CR8 decides about an interrupt that nothing else holds back: an exit when it gives way. */
static u8 tpr_threshold(const struct lapic *apic)
{
	int class = vector_highest(&apic->irr) >> 4, service = vector_highest(&apic->isr) >> 4;

	return class > service && class <= apic->tpr >> 4 ? (u8) class : 0;
}

static void give_registers(struct lapic *apic, u32 *page)
{
	static const u8 copied[] = { REG_ID,  REG_VERSION, REG_PPR,           REG_LDR,
				     REG_SVR, REG_ESR,     REG_TIMER_INITIAL, REG_TIMER_DIVIDE };

	for (u32 i = 0; i < ARRAY_SIZE(copied); i++)
		page[copied[i] * WORDS] = lapic_read_register(apic, copied[i]);
	for (u32 i = 0; i < LVT_COUNT; i++)
		page[(REG_LVT + i) * WORDS] = apic->lvt[i];
	page[REG_ICR_LOW * WORDS] = apic->icr_low;
	page[REG_ICR_LOW * WORDS + 1] = apic->icr_high;
	write_vectors(page, REG_IRR, &apic->irr);
	write_vectors(page, REG_ISR, &apic->isr);
	write_vectors(page, REG_TMR, &apic->tmr);
}

void lapic_give(struct lapic *apic, u32 *page, u32 helpers, struct apic_help *help)
{
	int service = vector_highest(&apic->isr);

	*help = (struct apic_help){ .helper = choose_helper(apic, helpers) };
	if (help->helper == APIC_SOFTWARE)
		return;
	apic->helper = (u8)help->helper;
	atomic_store(&page[REG_TPR * WORDS], (u32)apic->tpr);
	if (help->helper == APIC_TPR_SHADOW) {
		help->threshold = tpr_threshold(apic);
		apic->ppr = service < 0 ? 0 : (u8)(service & 0xf0);
		page[REG_PPR * WORDS] = apic->ppr;
	} else {
		give_registers(apic, page);
		help->requested = highest_or_0(&apic->irr);
		help->in_service = highest_or_0(&apic->isr);
		for (u32 i = 0; i < ARRAY_SIZE(help->eoi_exits); i++)
			help->eoi_exits[i] = apic->tmr.bits[i];
		apic->irr = apic->isr = (struct lapic_vectors){ 0 };
		apic->ppr = 0;
	}
	apic->tpr = 0;
	apic->pending = -1;
	apic->page = page;
}

void lapic_take(struct lapic *apic)
{
	u32 *page = apic->page;

	if (!page)
		return;
	apic->page = NULL;
	apic->tpr = (u8)page[REG_TPR * WORDS];
	if (apic->helper != APIC_TPR_SHADOW) {
		add_vectors(page, REG_IRR, &apic->irr);
		add_vectors(page, REG_ISR, &apic->isr);
	}
	lapic_refresh(apic);
}

/* Of what the CPU is asked to let through, a self-IPI with a vector that is none. */
void lapic_page_written(struct lapic *apic, const u32 *page, u32 offset)
{
	u32 reg = offset / 16;

	/* The CPU has checked the value, so it is taken. */
	if (!lapic_write_msr(apic, reg, page[reg * WORDS]))
		lapic_report_error(apic, ESR_REGISTER);
}

void lapic_ended(struct lapic *apic, u8 vector)
{
	lapic_end_level(apic, vector);
}

u8 lapic_priority(const struct lapic *apic)
{
	u8 tpr, service;

	if (!apic->page)
		return apic->ppr;
	tpr = (u8)atomic_load(&apic->page[REG_TPR * WORDS]);
	service = (u8)atomic_load(&apic->page[REG_PPR * WORDS]);
	return service >> 4 > tpr >> 4 ? service & 0xf0 : tpr;
}

bool lapic_is_requested(const struct lapic *apic, u8 vector)
{
	if (vector_test(&apic->irr, vector))
		return true;
	if (!apic->page || apic->helper == APIC_TPR_SHADOW)
		return false;
	return atomic_load(vectors_at(apic->page, REG_IRR, vector / 32u)) & BIT(vector % 32);
}
