/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest page-table walks: figures worked out by hand, every combination of rights in every
 * format, and hostile random tables against a second walker that is written straight from the
 * manuals' prose, one case at a time, with none of the formats' tables.
 */
#include "paging_fixture.h"

static int setup(void **state __unused)
{
	host_memory_reset(MIB(64));
	host_slots_init(&slots, &mem);
	host_slots_add(&slots,
		       (struct mem_slot){ .npages = LOW_CHUNKS * 512, .backing = low_backing });
	host_slots_add(&slots, (struct mem_slot){ .base = gpa_to_gfn(GPA(HIGH_BASE)),
						  .npages = HIGH_CHUNKS * 512,
						  .backing = high_backing });
	return 0;
}

static void compare(const struct guest_paging *p, enum format format, u64 gva, u32 access)
{
	struct result ref = ref_walk(p, format, gva, access);
	struct result our = { 0 };
	gpa_t gpa = GPA(0);

	our.err = guest_walk(&mem, p, GVA(gva), access, &gpa, &our.error);
	if (our.err != E_FAULT)
		our.gpa = gpa.raw;
	if (our.err != E_FAULT)
		our.error = 0;
	if (our.err != ref.err || our.gpa != ref.gpa || our.error != ref.error)
		fail_msg("format %d gva %llx access %x: ours %d %llx %x, reference %d %llx %x",
			 format, (unsigned long long)gva, access, our.err,
			 (unsigned long long)our.gpa, our.error, ref.err,
			 (unsigned long long)ref.gpa, ref.error);
}

/* Map gva by entries that allow all but what is in take[level]; leaf is the level of the leaf. */
static void map(enum format format, u64 gva, int leaf, const u64 *take, u64 target)
{
	u64 table = MIB(1);

	for (int level = format_depth[format]; level >= leaf; level--) {
		u64 next = level == leaf ? target : table + PAGE_SIZE;
		u64 entry = next | (format == FPAE && level == 3 ? 1 : 7);

		if (level == leaf && leaf > 1)
			entry |= 0x80;
		entry = (entry & ~(take[level] & 7)) | (take[level] & ~7ull);
		set_entry(format, level, table, gva, entry);
		table = next;
	}
}

static void all_accesses(enum format format, u64 gva, u64 efer_nxe)
{
	static const u32 accesses[] = { 0, PF_WRITE, PF_FETCH };

	for (u32 i = 0; i < 3 * 2 * 16; i++) {
		struct guest_paging p = paging_of(format, MIB(1));
		u32 access = accesses[i % 3];

		p.efer = (p.efer & ~EFER_NXE) | efer_nxe;
		p.cr0 = i / 6 & 1 ? CR0_PG_WP : CR0_PG;
		p.cr4 |= (i / 6 & 2 ? CR4_SMEP : 0) | (i / 6 & 4 ? CR4_SMAP : 0);
		if (i / 3 % 2) {
			p.user = i / 6 & 8;
			access |= p.user ? 0 : PF_USER;
		}
		compare(&p, format, gva, access);
	}
}

/* In all formats and leaf sizes: each right and each single bit at each level, all accesses. */
static void test_rights(void **state __unused)
{
	u64 gva = 0x7f5a3678;

	for (enum format format = F32; format < FORMATS; format++) {
		int top = format_depth[format], leaves = format == F32 ? 1 : format >= F4 ? 3 : 2;

		for (int i = 0; i < leaves * top * 64; i++) {
			int leaf = 1 + i / top / 64, level = 1 + i / 64 % top;
			u64 take[6] = { 0 };

			take[level] = BIT(i % 64);
			map(format, gva, leaf, take, leaf == 1 ? MIB(3) : 0xc0000000);
			all_accesses(format, gva, EFER_NXE);
			all_accesses(format, gva, 0);
		}
	}
}

/* Rights taken at two levels at once. */
static void test_rights_combined(void **state __unused)
{
	static const u64 bits[] = { 0, 2, 4, 6, NX, NX | 4 };

	for (enum format format = F32; format < FORMATS; format++) {
		int top = format_depth[format];

		for (u32 i = 0; i < 36; i++) {
			for (int pair = 0; pair < top * top; pair++) {
				u64 take[6] = { 0 };

				take[1 + pair % top] |= bits[i % 6];
				take[1 + pair / top] |= bits[i / 6];
				map(format, 0x12345678, 1, take, MIB(3));
				all_accesses(format, 0x12345678, EFER_NXE);
			}
		}
	}
}

static u64 random_entry(void)
{
	u64 flags = 0x67 | (random_below(6) ? 0 : 0x80) | (random_below(4) ? 0 : NX);
	u64 where = random_below(16)  ? MIB(1) + random_below(6) * PAGE_SIZE
		    : random_below(2) ? HIGH_BASE + random_below(HIGH_CHUNKS * 512) * PAGE_SIZE
				      : random_u64() & BITS(51, 12);

	if (flags & 0x80 && random_below(4))
		where &= ~BITS(random_below(2) ? 21 : 29, 12);
	if (!random_below(6))
		flags &= ~BIT(random_below(3)); /* P, W or U */
	if (!random_below(10))
		flags ^= BIT(random_below(64));
	return where | flags;
}

/* Tables in few pages, so that they are each other's and their own. */
static void test_hostile_tables(void **state __unused)
{
	for (u32 i = 0; i < 200000; i++) {
		enum format format = (enum format)(i % FORMATS);
		struct guest_paging p = paging_of(format, MIB(1) | (random_u64() & 0xfff));
		u64 gva = random_u64() >> (random_below(4) ? 17 : 7);
		u32 access = (u32)random_u64() & (PF_WRITE | PF_USER | PF_FETCH);

		if (!random_below(8))
			gva = ~gva;
		if (!random_below(32))
			p.cr3 = random_u64();
		else if (format == FPAE)
			p.cr3 &= ~0xfffull | 0x3e0;
		for (int page = 0; page < 6; page++)
			for (int level = 1; level <= format_depth[format]; level++)
				set_entry(format, level, MIB(1) + (u64)page * PAGE_SIZE, gva,
					  random_entry());
		if (!random_below(4))
			p.efer &= ~EFER_NXE;
		p.user = !random_below(2);
		p.cr4 |= random_u64() & (CR4_SMEP | CR4_SMAP);
		p.cr0 &= random_below(2) ? ~0ull : ~0x10000ull;
		compare(&p, format, gva, access);
	}
}

static u64 walk_ok(const struct guest_paging *p, u64 gva)
{
	gpa_t gpa;
	u32 error;

	assert_int_equal(guest_walk(&mem, p, GVA(gva), 0, &gpa, &error), 0);
	return gpa.raw;
}

/* Known answers. */
static void test_directed(void **state __unused)
{
	static const u64 none[6] = { 0 };
	struct guest_paging p = { .cr0 = 0x10 };
	gpa_t gpa;
	u32 error = 99;

	assert_int_equal(walk_ok(&p, 0x123456789abull), 0x456789ab); /* no paging: 32 bits */
	map(F32_PSE, 0x40000000, 2, none, 0x00c00000 | 0x5a << 13);
	p = paging_of(F32_PSE, MIB(1));
	assert_int_equal(walk_ok(&p, 0x40212345), 0x5a00e12345ull); /* PSE-36 */
	map(FPAE, 0xc0201000, 1, none, 0x7654321000);
	set_entry(FPAE, 3, MIB(1), 0xc0201000, (MIB(1) + PAGE_SIZE) | 0x21); /* "accessed" */
	p = paging_of(FPAE, MIB(1));
	assert_int_equal(walk_ok(&p, 0xc0201fff), 0x7654321fff);
	map(F4, 0xffffffff80000000, 2, none, 0x1e00000);
	p = paging_of(F4, MIB(1));
	assert_int_equal(walk_ok(&p, 0xffffffff801abcde), 0x1fabcde);
	assert_int_equal(guest_walk(&mem, &p, GVA(BIT(47)), 0, &gpa, &error), E_FAULT);
	assert_int_equal(error, 0);
	assert_false(gva_is_canonical(&p, GVA(BIT(47))));
	assert_true(gva_is_canonical(&p, GVA(-BIT(47))));
	map(F5, BIT(47), 1, none, 0x5000);
	p = paging_of(F5, MIB(1));
	assert_int_equal(walk_ok(&p, BIT(47) | 0x123), 0x5123);
	p.cr3 = MIB(64);
	assert_int_equal(guest_walk(&mem, &p, GVA(0), 0, &gpa, &error), E_RANGE);
	assert_int_equal(gpa.raw, MIB(64));
	/* A root and its tables in the second slot. */
	p = paging_of(F4, HIGH_BASE);
	for (int level = 4; level >= 1; level--)
		set_entry(F4, level, HIGH_BASE + (u64)(4 - level) * PAGE_SIZE, 0,
			  (HIGH_BASE + (u64)(5 - level) * PAGE_SIZE) | 3);
	assert_int_equal(walk_ok(&p, 0x77), HIGH_BASE + 4 * PAGE_SIZE + 0x77);
}

/* Four pages at 0x10000 of a 32-bit space: two scattered ones, a hole, one outside of memory. */
static struct guest_paging scattered(void)
{
	static const u64 none[6] = { 0 };

	map(F32, 0x10000, 1, none, 0x7ff000);
	set_entry(F32, 1, MIB(1) + PAGE_SIZE, 0x11000, 0x3ff000 | 7);
	set_entry(F32, 1, MIB(1) + PAGE_SIZE, 0x12000, 0);
	set_entry(F32, 1, MIB(1) + PAGE_SIZE, 0x13000, 0xfee00000 | 7);
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		at(0x7ff000)[i] = (u8)(i * 7);
		at(0x3ff000)[i] = (u8)(i * 13 + 5);
	}
	return paging_of(F32, MIB(1));
}

static u8 byte_at(u64 gva)
{
	return gva < 0x11000 ? (u8)((gva & 0xfff) * 7) : (u8)((gva & 0xfff) * 13 + 5);
}

static void test_read(void **state __unused)
{
	struct guest_paging p = scattered();
	u8 buf[PAGE_SIZE * 2];
	gva_t fault;
	u32 error;

	for (u64 start = 0x10000; start < 0x11100; start += 0xff) {
		assert_int_equal(
			guest_read_gva(&mem, &p, GVA(start), buf, 0xf00, 0, &fault, &error), 0);
		for (u64 i = 0; i < 0xf00; i++)
			assert_int_equal(buf[i], byte_at(start + i));
	}
	assert_int_equal(guest_read_gva(&mem, &p, GVA(0x10004), buf, sizeof(buf), PF_USER, &fault,
					&error),
			 E_FAULT);
	assert_int_equal(fault.raw, 0x12000);
	assert_int_equal(error, PF_USER);
	assert_int_equal(guest_read_gva(&mem, &p, GVA(0x13000), buf, 1, 0, &fault, &error),
			 E_RANGE);
	assert_int_equal(guest_read_gva(&mem, &p, GVA(0x12fff), buf, 0, 0, &fault, &error), 0);
}

static void test_fetch(void **state __unused)
{
	struct guest_paging p = scattered();
	u8 buf[GUEST_FETCH_ROOM];
	gva_t fault;
	u32 error;
	size_t len;

	for (u64 rip = 0x10fe0; rip < 0x12000; rip++) {
		assert_int_equal(guest_fetch(&mem, &p, GVA(rip), buf, &len, &fault, &error), 0);
		assert_int_equal(len, MIN(0x12000 - rip, 15ull));
		for (u64 i = 0; i < len; i++)
			assert_int_equal(buf[i], byte_at(rip + i));
	}
	assert_int_equal(guest_fetch(&mem, &p, GVA(0x12ffe), buf, &len, &fault, &error), E_FAULT);
	assert_int_equal(fault.raw, 0x12ffe);
	assert_int_equal(error, 0);
	assert_int_equal(guest_fetch(&mem, &p, GVA(0x13000), buf, &len, &fault, &error), E_RANGE);
	/* Addresses wrap around at 4 GiB. */
	set_entry(F32, 2, MIB(1), 0xffffffff, (MIB(1) + PAGE_SIZE) | 7);
	set_entry(F32, 1, MIB(1) + PAGE_SIZE, 0xffffffff, 0x7ff000 | 7);
	set_entry(F32, 1, MIB(1) + PAGE_SIZE, 0, 0x3ff000 | 7);
	assert_int_equal(guest_read_gva(&mem, &p, GVA(0xfffffffe), buf, 3, 0, &fault, &error), 0);
	set_entry(F32, 1, MIB(1) + PAGE_SIZE, 0, 0);
	assert_int_equal(guest_read_gva(&mem, &p, GVA(0xfffffffe), buf, 3, 0, &fault, &error),
			 E_FAULT);
	assert_int_equal(fault.raw, 0);
	set_entry(F32, 1, MIB(1) + PAGE_SIZE, 0, 0x3ff000 | 7);
	assert_int_equal(guest_fetch(&mem, &p, GVA(0xfffffffe), buf, &len, &fault, &error), 0);
	assert_int_equal(len, 15);
	assert_int_equal(buf[1], byte_at(0x10fff));
	assert_int_equal(buf[2], byte_at(0x11000));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directed),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_rights_combined),
		cmocka_unit_test(test_hostile_tables),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_fetch),
	};

	return cmocka_run_group_tests_name("paging", tests, setup, NULL);
}
