/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the files of the guest that tests the 8259 pair: three lines that it can raise and drop
 * as it likes, and which interrupts came of that.
 */
#pragma once

#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define ICW4_8086 0x01u
#define ICW4_AUTO_EOI 0x02u
#define ICW4_NESTED_FULLY 0x10u

/* OCW2: the low bits name an input where "specific" or "lowest". */
#define OCW2_ROTATE_AUTO_OFF 0x00u
#define OCW2_ROTATE_AUTO_ON 0x80u
#define OCW2_EOI_SPECIFIC 0x60u
#define OCW2_ROTATE_EOI 0xa0u
#define OCW2_LOWEST 0xc0u
#define OCW2_ROTATE_EOI_SPECIFIC 0xe0u

#define OCW3_POLL 0x0cu
#define OCW3_SPECIAL_MASK_ON 0x68u
#define OCW3_SPECIAL_MASK_OFF 0x48u

#define ELCR_MASTER 0x4d0
#define ELCR_SLAVE 0x4d1

/* What the handler sends to the master, and an EOI to the slave where it has one; 0: nothing. */
extern u8 end_command;
/* The handler drops COM1's line when it has come so often; 0: never. */
extern u32 uart_drop_at;
extern volatile u32 last_vector;

/* Both chips programmed anew, the three lines unmasked. What was requested by an edge is forgotten. */
void pic_program(u8 icw4, u8 base);
/* The same at the usual vectors, with all lines low, and no end commands by the handler. */
void pic_fresh(u8 icw4);

/* Each waits until its request can be seen. Print nothing while COM1's line is raised. */
void raise_pit(void);
void raise_uart(void);
void raise_rtc(void);
void drop_uart(void);
void drop_rtc(void);
void drop_all(void);

u8 slave_isr(void);
u8 slave_irr(void);

/* Take what is pending: forget what came before, and have interrupts enabled for a moment. */
void take(void);

/* Are these, and in this order, what came? */
bool came_are(const u8 *irqs, u32 count);
#define CAME(...) came_are((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
#define CAME_NONE() came_are(NULL, 0)

void test_special_mask(void);
void test_poll(void);
void test_levels(void);
void test_cascade(void);
