/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vector.h. A register's number is part of an instruction: there is one for each.
 */
#include "arch/vector.h"

#define EIGHT(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define SIXTEEN(DO) EIGHT(DO) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

#define READ(number, move)                                                     \
	case number:                                                           \
		asm volatile(move #number ", (%0)" : : "r"(value) : "memory"); \
		break;
#define WRITE(number, move, name)                                                     \
	case number:                                                                  \
		asm volatile(move "(%0), %%" name #number : : "r"(value) : "memory"); \
		break;

#define READ_MMX(number) READ(number, "movq %%mm")
#define READ_XMM(number) READ(number, "movups %%xmm")
#define READ_YMM(number) READ(number, "vmovups %%ymm")
#define WRITE_MMX(number) WRITE(number, "movq ", "mm")
#define WRITE_XMM(number) WRITE(number, "movups ", "xmm")
#define WRITE_YMM(number) WRITE(number, "vmovups ", "ymm")

void vector_read(unsigned int size, unsigned int reg, u64 *value)
{
	if (size == 8) {
		switch (reg) {
			EIGHT(READ_MMX)
		}
	} else if (size == 16) {
		switch (reg) {
			SIXTEEN(READ_XMM)
		}
	} else {
		switch (reg) {
			SIXTEEN(READ_YMM)
		}
	}
}

void vector_write(unsigned int size, unsigned int reg, const u64 *value)
{
	if (size == 8) {
		switch (reg) {
			EIGHT(WRITE_MMX)
		}
	} else if (size == 16) {
		switch (reg) {
			SIXTEEN(WRITE_XMM)
		}
	} else {
		switch (reg) {
			SIXTEEN(WRITE_YMM)
		}
	}
}
