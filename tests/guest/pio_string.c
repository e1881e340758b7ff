/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INS and OUTS: all widths, REP, both directions, address sizes, segment overrides, and faults
 * in the middle.
 */
#include "tests/guest/pio.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

static u8 buffer[4096 + 64] __aligned(4096);

static bool filled(const u8 *from, size_t len, u8 with)
{
	for (size_t i = 0; i < len; i++) {
		if (from[i] != with)
			return false;
	}
	return true;
}

/* A string instruction's registers, before and after. */
struct string_regs {
	u64 count, addr;
};

#define STRING_INSN(name, insn, pointer)                        \
	static u32 name(u16 port, struct string_regs *r)        \
	{                                                       \
		trap_clear();                                   \
		asm volatile(TRY(insn) "cld"                    \
			     : "+c"(r->count), pointer(r->addr) \
			     : "d"(port)                        \
			     : "memory", "cc");                 \
		return trap.vector;                             \
	}

STRING_INSN(insb_once, "insb", "+D")
STRING_INSN(rep_insb, "rep insb", "+D")
STRING_INSN(rep_insw, "rep insw", "+D")
STRING_INSN(rep_insl, "rep insl", "+D")
STRING_INSN(rep_insb_addr32, "addr32 rep insb", "+D")
STRING_INSN(outsb_once, "outsb", "+S")
STRING_INSN(rep_outsb, "rep outsb", "+S")
STRING_INSN(rep_outsw, "rep outsw", "+S")
STRING_INSN(rep_outsl, "rep outsl", "+S")
STRING_INSN(outsb_fs, "outsb %%fs:(%%rsi), %%dx", "+S")

static void test_ins(void)
{
	struct string_regs r = { .count = 7, .addr = (uintptr_t)buffer + 1 };

	memset(buffer, 0, sizeof(buffer));
	outb(UART_SCR, 0x5c);
	insb_once(UART_SCR, &r);
	tap_ok(r.count == 7 && r.addr == (uintptr_t)buffer + 2, "INSB moves rdi by 1, not rcx");
	tap_ok(buffer[0] == 0 && buffer[1] == 0x5c && buffer[2] == 0, "and stores one byte");
	r = (struct string_regs){ 300, (uintptr_t)buffer + 16 };
	rep_insb(UART_SCR, &r);
	tap_ok(r.count == 0 && r.addr == (uintptr_t)buffer + 316, "REP INSB of 300 bytes");
	tap_ok(filled(buffer + 16, 300, 0x5c) && !buffer[15] && !buffer[316], "stores just these");
	r = (struct string_regs){ 8, (uintptr_t)buffer + 512 };
	rep_insw(ABSENT_PORT, &r);
	tap_ok(r.count == 0 && r.addr == (uintptr_t)buffer + 528 &&
		       filled(buffer + 512, 16, 0xff) && !buffer[528],
	       "REP INSW of 8 words");
	r = (struct string_regs){ 8, (uintptr_t)buffer + 1024 };
	rep_insl(ABSENT_PORT, &r);
	tap_ok(r.count == 0 && r.addr == (uintptr_t)buffer + 1056 &&
		       filled(buffer + 1024, 32, 0xff) && !buffer[1056],
	       "REP INSD of 8 doublewords");
	r = (struct string_regs){ 0, 0x123 };
	tap_eq(rep_insb(UART_SCR, &r), TRAP_NONE, "REP INSB with rcx=0 touches nothing");
	tap_ok(r.count == 0 && r.addr == 0x123, "and changes no register");
}

static void test_address_size(void)
{
	struct string_regs r = { 4, (uintptr_t)buffer + 2048 };

	memset(buffer, 0, sizeof(buffer));
	outb(UART_SCR, 0x77);
	r.count |= 0xabcd00000000;
	r.addr |= 0x123400000000;
	rep_insb_addr32(UART_SCR, &r);
	tap_ok(filled(buffer + 2048, 4, 0x77) && !buffer[2052],
	       "32-bit address size uses edi, ecx");
	tap_eq(r.addr, (uintptr_t)buffer + 2052, "rdi is zero-extended");
	tap_eq(r.count, 0, "rcx is zero-extended");
}

static void test_backwards(void)
{
	struct string_regs r = { 5, (uintptr_t)buffer + 104 };

	memset(buffer, 0, sizeof(buffer));
	outb(UART_SCR, 0x31);
	asm volatile("std; rep insb; cld"
		     : "+c"(r.count), "+D"(r.addr)
		     : "d"(UART_SCR)
		     : "memory", "cc");
	tap_ok(filled(buffer + 100, 5, 0x31) && !buffer[99] && !buffer[105], "DF=1: downwards");
	tap_ok(r.count == 0 && r.addr == (uintptr_t)buffer + 99, "rdi goes down");
}

static void test_outs(void)
{
	struct string_regs r = { 9, (uintptr_t)buffer };

	for (u32 i = 0; i < sizeof(buffer); i++)
		buffer[i] = (u8)i;
	outsb_once(UART_SCR, &r);
	tap_ok(r.count == 9 && r.addr == (uintptr_t)buffer + 1, "OUTSB moves rsi by 1, not rcx");
	tap_eq(inb(UART_SCR), 0, "and writes one byte");
	r = (struct string_regs){ 100, (uintptr_t)buffer };
	rep_outsb(UART_SCR, &r);
	tap_ok(r.count == 0 && r.addr == (uintptr_t)buffer + 100, "REP OUTSB of 100 bytes");
	tap_eq(inb(UART_SCR), 99, "the last byte stays in the register");
	r = (struct string_regs){ 3, (uintptr_t)buffer + 5 };
	rep_outsw(ABSENT_PORT, &r);
	tap_ok(r.count == 0 && r.addr == (uintptr_t)buffer + 11, "REP OUTSW of 3 words");
	r = (struct string_regs){ 3, (uintptr_t)buffer + 5 };
	rep_outsl(ABSENT_PORT, &r);
	tap_ok(r.count == 0 && r.addr == (uintptr_t)buffer + 17, "REP OUTSD of 3 doublewords");
	wrmsr(MSR_FS_BASE, (uintptr_t)buffer + 0x20);
	r = (struct string_regs){ 0, 3 };
	outsb_fs(UART_SCR, &r);
	wrmsr(MSR_FS_BASE, 0);
	tap_eq(inb(UART_SCR), 0x23, "OUTSB with an FS override");
}

/* Two pages side by side at TEST_VA, of which the second can be missing. */
static void map_pages(bool second)
{
	pt_map(TEST_VA, (uintptr_t)buffer | PTE_P | PTE_W, 1);
	pt_map(TEST_VA + 4096, ((uintptr_t)buffer + 4096) | PTE_W | (second ? PTE_P : 0), 1);
}

static void test_faults(void)
{
	struct string_regs r = { 32, TEST_VA + 4096 - 20 };

	memset(buffer, 0, sizeof(buffer));
	outb(UART_SCR, 0x99);
	map_pages(true);
	rep_insb(UART_SCR, &r);
	tap_ok(r.count == 0 && filled(buffer + 4096 - 20, 32, 0x99), "REP INSB across two pages");
	memset(buffer, 0, sizeof(buffer));
	map_pages(false);
	r = (struct string_regs){ 32, TEST_VA + 4096 - 20 };
	tap_eq(rep_insb(UART_SCR, &r), VEC_PF, "REP INSB into a missing page: #PF");
	tap_eq(trap.error, PF_W, "with error code W");
	tap_eq(trap.cr2, TEST_VA + 4096, "at the page's first byte");
	tap_ok(r.count == 12 && r.addr == TEST_VA + 4096, "rcx and rdi say how far it came");
	tap_ok(filled(buffer + 4096 - 20, 20, 0x99), "and that far it has stored");
	map_pages(true);
	rep_insb(UART_SCR, &r);
	tap_ok(r.count == 0 && filled(buffer + 4096, 12, 0x99), "it can be resumed");
	map_pages(false);
	r = (struct string_regs){ 16, TEST_VA + 4096 - 4 };
	tap_eq(rep_outsb(UART_SCR, &r), VEC_PF, "REP OUTSB from a missing page: #PF");
	tap_eq(trap.error, 0, "with error code 0");
	tap_ok(r.count == 12 && r.addr == TEST_VA + 4096, "after 4 bytes");
	r = (struct string_regs){ 1, TEST_VA + 4096 - 2 };
	tap_eq(rep_insl(ABSENT_PORT, &r), VEC_PF, "INSD over the edge: #PF");
	tap_eq(trap.cr2, TEST_VA + 4096, "at the missing page");
	r = (struct string_regs){ 1, 0x0123456789abcdef };
	tap_eq(rep_insb(UART_SCR, &r), VEC_GP, "INSB to a non-canonical address: #GP");
}

static void test_read_only(void)
{
	struct string_regs r = { 4, TEST_VA };

	pt_map(TEST_VA, (uintptr_t)buffer | PTE_P, 1);
	tap_eq(rep_insb(UART_SCR, &r), VEC_PF, "INSB to a read-only page: #PF");
	tap_eq(trap.error, PF_P | PF_W, "with error code P|W");
	r = (struct string_regs){ 4, TEST_VA };
	tap_eq(rep_outsb(UART_SCR, &r), TRAP_NONE, "OUTSB from a read-only page runs");
}

void test_strings(void)
{
	test_ins();
	test_address_size();
	test_backwards();
	test_outs();
	test_faults();
	test_read_only();
}
