/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the hand-written tests of the interpreter: one machine, and how its steps are judged.
 */
#pragma once

#include "interp_fixture.h"

static struct machine m;

static inline void assert_fault(enum interp_result result, u8 vector, int error)
{
	assert_int_equal(result, INTERP_FAULT);
	assert_int_equal(m.in.fault.kind, EVENT_EXCEPTION);
	assert_int_equal(m.in.fault.vector, vector);
	assert_int_equal(m.in.fault.has_error, error >= 0);
	if (error >= 0)
		assert_int_equal(m.in.fault.error, error);
}

#define FAULTS(vector, error) assert_fault(step(&m), vector, error)
#define DONE() assert_int_equal(step(&m), INTERP_DONE)

/* In tables of results, besides the vectors. */
#define NO_FAULT 0xff
#define LEFT 0xfe /* INTERP_UNSUPPORTED */
