/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the guest loaders share: a guest whose memory is made by hand, a request
 * to load something into it, and the checks that every failure must pass.
 */
#pragma once

#include "tests/unit/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_slots.h"
#include "lib/err.h"
#include "vm/loader.h"

#define FIXTURE_RSDP 0xe0010ull
#define FIXTURE_MUTATIONS 100000u

static struct guest_mem fixture_mem;
static struct host_slots fixture_slots;
static struct load_request fixture_req;
static struct load_result fixture_result;

/*
 * A slot at base whose 2 MiB pieces lie in simulated memory from hpa on in reverse order, so that
 * a copy which takes guest memory for contiguous goes wrong.
 */
static inline void fixture_add_slot(u64 base, u64 size, u64 hpa)
{
	struct mem_slot *slot = host_slots_add(&fixture_slots,
					       (struct mem_slot){ .base = gpa_to_gfn(GPA(base)),
								  .npages = size / PAGE_SIZE });
	u64 chunks = size / MIB(2);

	slot->backing = calloc(chunks, sizeof(slot->backing[0]));
	slot->level = calloc(chunks, sizeof(slot->level[0]));
	for (u64 i = 0; i < chunks; i++) {
		slot->backing[i] = hpa_to_pfn(HPA(hpa + (chunks - 1 - i) * MIB(2)));
		slot->level[i] = LEVEL_2M;
	}
}

static inline void fixture_teardown(void)
{
	for (u32 i = 0; i < fixture_slots.table.count; i++) {
		free(fixture_slots.slots[i].backing);
		free(fixture_slots.slots[i].level);
	}
	host_slots_init(&fixture_slots, &fixture_mem);
}

/* A fresh guest of mem_size bytes (a multiple of 2 MiB), nothing to load yet. */
static inline void fixture_setup(u64 mem_size, const char *kernel_name)
{
	fixture_teardown();
	host_memory_reset(mem_size);
	fixture_add_slot(0, guest_low_size(mem_size), 0);
	if (guest_high_size(mem_size))
		fixture_add_slot(GUEST_HIGH_BASE, guest_high_size(mem_size), GUEST_LOW_MAX);
	fixture_req = (struct load_request){
		.vm_name = "test",
		.mem = &fixture_mem,
		.mem_size = mem_size,
		.kernel_name = kernel_name,
		.rsdp = GPA(FIXTURE_RSDP),
	};
}

/* Load size bytes of image, from a copy whose bounds the sanitizer watches. */
static inline int fixture_load(const u8 *image, u64 size)
{
	u8 *copy = malloc(size ? size : 1);
	int err;

	memcpy(copy, image, size);
	fixture_req.kernel = copy;
	fixture_req.kernel_size = size;
	host_log_clear();
	err = loader_load(&fixture_req, &fixture_result);
	free(copy);
	return err;
}

/* Exactly one line was logged; it names the VM and the kernel and contains words. */
static inline void fixture_expect_line(const char *words)
{
	char prefix[64];
	char *end = strchr(host_log, '\n');

	snprintf(prefix, sizeof(prefix), "vm test: %s: ", fixture_req.kernel_name);
	if (!end || end[1] != '\0' || strncmp(host_log, prefix, strlen(prefix)) != 0 ||
	    !strstr(host_log, words))
		fail_msg("expected one line '%s...%s...', got: %s", prefix, words, host_log);
}

static inline u64 fixture_get(u64 gpa, unsigned int size)
{
	u64 value = 0;

	assert_int_equal(guest_mem_read(&fixture_mem, GPA(gpa), &value, size), 0);
	return value;
}

static inline void fixture_expect_bytes(u64 gpa, const void *expected, u64 len)
{
	u8 *bytes = malloc(len ? len : 1);

	assert_int_equal(guest_mem_read(&fixture_mem, GPA(gpa), bytes, len), 0);
	assert_memory_equal(bytes, expected, len);
	free(bytes);
}

/* Store size bytes of value, little-endian. */
static inline void put(u8 *image, u64 offset, unsigned int size, u64 value)
{
	memcpy(image + offset, &value, size);
}

static inline u64 fixture_random(void)
{
	static u64 state = 0x9e3779b97f4a7c15ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/*
 * Load FIXTURE_MUTATIONS damaged copies of image: some bytes changed, most of them in
 * [from, to), sometimes cut off. Each must end in a sane start state or in one line.
 * Returns how many loaded.
 */
static inline u32 fixture_mutate(const u8 *image, u64 size, u64 from, u64 to)
{
	static const u8 edges[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, 0x10 };
	u8 *copy = malloc(size);
	u32 loaded = 0;

	for (u32 i = 0; i < FIXTURE_MUTATIONS; i++) {
		u64 changes = 1 + fixture_random() % 6;
		u64 len = fixture_random() % 16 ? size : fixture_random() % size;

		memcpy(copy, image, size);
		while (changes--) {
			bool anywhere = fixture_random() % 8 == 0;
			u64 at = anywhere ? fixture_random() % size
					  : from + fixture_random() % (to - from);

			copy[at] = fixture_random() % 2 ? (u8)fixture_random()
							: edges[fixture_random() % sizeof(edges)];
		}
		if (fixture_load(copy, len)) {
			fixture_expect_line("");
			continue;
		}
		loaded++;
		assert_string_equal(host_log, "");
		assert_true(fixture_result.rip < guest_low_size(fixture_req.mem_size));
		assert_non_null(guest_mem_ptr(&fixture_mem, GPA(fixture_result.rip)));
		assert_int_equal(fixture_get(LOAD_GDT + 0x18, 8), 0x00cf93000000ffffull);
	}
	free(copy);
	return loaded;
}

/* For a test whose group has functions called setup and teardown. */
#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
