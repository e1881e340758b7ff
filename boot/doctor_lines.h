/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the doctor's parts share. For boot/doctor*.c only.
 */
#pragma once

#include "boot/doctor.h"

enum verdict {
	DOCTOR_OK,
	DOCTOR_WARN, /* Sill runs, but less well, or something is worth knowing */
	DOCTOR_LACKS, /* something does not work without */
};

/* One line: "doctor: ok    ...". */
void doctor_say(enum verdict verdict, const char *fmt, ...) __printf_like(2, 3);

/* The CPU, the firmware's settings for virtualization, and the verdict; works: of the rest. */
void doctor_cpu(bool works);

/* Memory as the loader describes it and as it is used. */
void doctor_memory(const struct boot_info *info);
