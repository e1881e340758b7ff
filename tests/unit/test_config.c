/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM configurations from modules' command lines: what they say, and that each mistake gets
 * one line and costs one VM.
 */
#include "tests/unit/config_fixture.h"

static void test_defaults(void **state)
{
	const struct vm_config *vm;

	(void)state;
	parse("vm=a type=kernel");
	assert_string_equal(host_log, "");
	assert_int_equal(list.count, 1);
	vm = vm_named("a");
	assert_true(vm->valid && vm->has_kernel);
	assert_int_equal(vm->kernel, 0);
	assert_int_equal(vm->initrd_count, 0);
	assert_int_equal(vm->mem, MIB(256));
	assert_int_equal(vm->cpus, 1);
	assert_int_equal(vm->weight, 100);
	assert_false(vm->pinned);
	assert_int_equal(vm->paging, VM_PAGING_AUTO);
	assert_int_equal(vm->max_page, LEVEL_1G);
	assert_false(vm->nx_huge);
	assert_int_equal(vm->tsc_khz, 0);
	assert_string_equal(vm->cmdline, "");
}

static void test_everything(void **state)
{
	const struct vm_config *vm;

	(void)state;
	parse("initrd.gz vm=linux type=initrd",
	      "vmlinuz vm=linux type=kernel mem=128M cpus=2 paging=shadow pages=4k -- console=ttyS0  a=b ",
	      "type=kernel vm=B_2.x-y paging=tdp mem=0x400000 cpus=64 nx-huge=on pages=2m tsc-khz=1000000 --",
	      "more.gz type=initrd vm=linux");
	assert_string_equal(host_log, "");
	assert_int_equal(list.count, 2);
	vm = vm_named("linux");
	assert_true(vm->valid);
	assert_int_equal(vm->kernel, 1);
	assert_int_equal(vm->initrd_count, 2);
	assert_int_equal(vm->initrds[0], 0);
	assert_int_equal(vm->initrds[1], 3);
	assert_int_equal(vm->mem, MIB(128));
	assert_int_equal(vm->cpus, 2);
	assert_int_equal(vm->paging, VM_PAGING_SHADOW);
	assert_int_equal(vm->max_page, LEVEL_4K);
	assert_false(vm->nx_huge);
	assert_string_equal(vm->cmdline, "console=ttyS0  a=b ");
	vm = vm_named("B_2.x-y");
	assert_true(vm->valid);
	assert_int_equal(vm->mem, MIB(4));
	assert_int_equal(vm->cpus, 64);
	assert_int_equal(vm->paging, VM_PAGING_TDP);
	assert_int_equal(vm->max_page, LEVEL_2M);
	assert_true(vm->nx_huge);
	assert_int_equal(vm->tsc_khz, 1000000);
	assert_string_equal(vm->cmdline, "");
}

static void check_pin(const char *line, u64 first, u64 last)
{
	const struct vm_config *vm;

	parse(line);
	vm = vm_named("a");
	assert_string_equal(host_log, "");
	assert_true(vm->valid && vm->pinned);
	assert_int_equal(vm->pin.bits[0], first);
	assert_int_equal(vm->pin.bits[1] | vm->pin.bits[2], 0);
	assert_int_equal(vm->pin.bits[3], last);
}

static void test_cpu_time(void **state)
{
	(void)state;
	parse("k vm=a type=kernel weight=1", "k vm=b type=kernel weight=1000");
	assert_int_equal(vm_named("a")->weight, 1);
	assert_int_equal(vm_named("b")->weight, 1000);
	check_pin("k vm=a type=kernel pin=0", 1, 0);
	check_pin("k vm=a type=kernel pin=1,3-5,4,255", 0x3a, 1ull << 63);
	check_pin("k vm=a type=kernel pin=63-63,0-0", 1ull << 63 | 1, 0);
}

static void test_rounding(void **state)
{
	(void)state;
	parse("k vm=a type=kernel mem=5M", "k vm=b type=kernel mem=0x600000");
	assert_int_equal(vm_named("a")->mem, MIB(6));
	assert_int_equal(vm_named("b")->mem, MIB(6));
	assert_true(vm_named("a")->valid && vm_named("b")->valid);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "mem=5M"));
}

/* line goes wrong with one log line that names it and word; a good VM beside it does not. */
static void check_wrong(const char *line, const char *word)
{
	parse("initrd vm=bad type=initrd", line, "k vm=good type=kernel",
	      "more vm=bad type=initrd foo=1");
	assert_true(vm_named("good")->valid);
	assert_false(vm_named("bad")->valid);
	if (log_lines() != 1)
		fail_msg("%s gives %u lines: %s", line, log_lines(), host_log);
	assert_non_null(strstr(host_log, "module 2 (vmlinuz)"));
	assert_non_null(strstr(host_log, word));
	assert_non_null(strstr(host_log, "vm bad"));
}

static void test_wrong_words(void **state)
{
	(void)state;
	check_wrong("vmlinuz vm=bad type=kernel foo=1", "\"foo=1\"");
	check_wrong("vmlinuz vm=bad type=kernel quiet", "\"quiet\"");
	check_wrong("vmlinuz foo=1 vm=bad type=kernel", "\"foo=1\"");
	check_wrong("vmlinuz vm=bad type=kernel mem=12Q", "\"mem=12Q\"");
	check_wrong("vmlinuz vm=bad type=kernel mem=", "\"mem=\"");
	check_wrong("vmlinuz vm=bad type=kernel mem", "\"mem\"");
	check_wrong("vmlinuz vm=bad type=kernel mem=4095K", "\"mem=4095K\"");
	check_wrong("vmlinuz vm=bad type=kernel mem=0", "\"mem=0\"");
	check_wrong("vmlinuz vm=bad type=kernel mem=99999999T", "\"mem=99999999T\"");
	check_wrong("vmlinuz vm=bad type=kernel mem=0xffffffffffffffff", "mem=0xffff");
	check_wrong("vmlinuz vm=bad type=kernel mem=64M mem=64M", "\"mem=64M\"");
	check_wrong("vmlinuz vm=bad type=kernel cpus=0", "\"cpus=0\"");
	check_wrong("vmlinuz vm=bad type=kernel cpus=65", "\"cpus=65\"");
	check_wrong("vmlinuz vm=bad type=kernel cpus=x", "\"cpus=x\"");
	check_wrong("vmlinuz vm=bad type=kernel weight=0", "\"weight=0\"");
	check_wrong("vmlinuz vm=bad type=kernel weight=1001", "\"weight=1001\"");
	check_wrong("vmlinuz vm=bad type=kernel pin=", "\"pin=\"");
	check_wrong("vmlinuz vm=bad type=kernel pin=256", "\"pin=256\"");
	check_wrong("vmlinuz vm=bad type=kernel pin=0,", "\"pin=0,\"");
	check_wrong("vmlinuz vm=bad type=kernel pin=3-2", "\"pin=3-2\"");
	check_wrong("vmlinuz vm=bad type=kernel pin=-2", "\"pin=-2\"");
	check_wrong("vmlinuz vm=bad type=kernel pin=1--2", "\"pin=1--2\"");
	check_wrong("vmlinuz vm=bad type=kernel tsc-khz=9999", "\"tsc-khz=9999\"");
	check_wrong("vmlinuz vm=bad type=kernel tsc-khz=20000001", "\"tsc-khz=20000001\"");
	check_wrong("vmlinuz vm=bad type=kernel tsc-khz=2G", "\"tsc-khz=2G\"");
	check_wrong("vmlinuz vm=bad type=kernel paging=ept", "\"paging=ept\"");
	check_wrong("vmlinuz vm=bad type=kernel pages=8k", "\"pages=8k\"");
	check_wrong("vmlinuz vm=bad type=kernel nx-huge=yes", "\"nx-huge=yes\"");
	check_wrong("vmlinuz vm=bad type=kernel vm=bad", "\"vm=bad\"");
	check_wrong("vmlinuz vm=bad type=kernel type=kernel", "\"type=kernel\"");
	check_wrong("vmlinuz vm=bad type=module", "\"type=module\"");
	check_wrong("vmlinuz vm=bad type=", "\"type=\"");
	check_wrong("vmlinuz vm=bad", "type=");
	/* Of two mistakes the first one is told. */
	check_wrong("vmlinuz vm=bad type=kernel foo=1 mem=x", "\"foo=1\"");
}

static void test_paravirtual(void **state)
{
	static const struct {
		const char *line;
		u32 pv;
	} right[] = {
		{ "k vm=a type=kernel", 7 },
		{ "k vm=a type=kernel pv=all", 7 },
		{ "k vm=a type=kernel pv=none", 0 },
		{ "k vm=a type=kernel pv=clock", 1 },
		{ "k vm=a type=kernel pv=steal", 2 },
		{ "k vm=a type=kernel pv=tlb,steal", 6 },
		{ "k vm=a type=kernel pv=steal,clock,tlb,clock", 7 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(right); i++) {
		parse(right[i].line);
		assert_string_equal(host_log, "");
		assert_int_equal(vm_named("a")->pv, right[i].pv);
	}
	check_wrong("vmlinuz vm=bad type=kernel pv=", "\"pv=\"");
	check_wrong("vmlinuz vm=bad type=kernel pv=clock,", "\"pv=clock,\": not all");
	check_wrong("vmlinuz vm=bad type=kernel pv=,clock", "\"pv=,clock\": not all");
	check_wrong("vmlinuz vm=bad type=kernel pv=all,clock", "not all");
	check_wrong("vmlinuz vm=bad type=kernel pv=clocks", "not all");
	check_wrong("vmlinuz vm=bad type=kernel pv=tlb,clock", "needs it");
	check_wrong("vmlinuz vm=bad type=initrd pv=all", "only a kernel");
}

static void test_kernel_only_words(void **state)
{
	(void)state;
	check_wrong("vmlinuz vm=bad type=initrd mem=64M", "\"mem=64M\"");
	check_wrong("vmlinuz vm=bad type=initrd cpus=1", "\"cpus=1\"");
	check_wrong("vmlinuz paging=auto vm=bad type=initrd", "\"paging=auto\"");
	check_wrong("vmlinuz vm=bad type=initrd -- quiet", "\"--\"");
}

static void test_wrong_names(void **state)
{
	static const char *const wrong[] = {
		"vm=",    "vm",          "vm=a/b",
		"vm=a:b", "vm=\xc3\xa4", "vm=a2345678901234567890123456789012",
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
		char line[128];

		snprintf(line, sizeof(line), "vmlinuz %s type=kernel", wrong[i]);
		parse(line, "k vm=good type=kernel");
		assert_int_equal(list.count, 1);
		assert_true(vm_named("good")->valid);
		assert_int_equal(log_lines(), 1);
		assert_non_null(strstr(host_log, "module 1 (vmlinuz)"));
		assert_non_null(strstr(host_log, wrong[i]));
	}
	parse("k vm=a234567890123456789012345678901 type=kernel");
	assert_string_equal(host_log, "");
	/* The second line of one wrong name is no second mistake; that of another one is. */
	parse("k vm=a/b type=kernel", "i vm=a/b type=initrd foo", "i vm=c/d type=initrd");
	assert_int_equal(log_lines(), 2);
}

static void test_no_name(void **state)
{
	(void)state;
	parse("vmlinuz type=kernel", "k vm=good type=kernel", "only-a-file", "");
	assert_int_equal(list.count, 1);
	assert_true(vm_named("good")->valid);
	assert_int_equal(log_lines(), 3);
	assert_non_null(strstr(host_log, "module 1 (vmlinuz): no vm="));
	assert_non_null(strstr(host_log, "module 3 (only-a-file): no vm="));
	assert_non_null(strstr(host_log, "module 4: no vm="));
	/* A mistyped key tells more than that vm= is missing. */
	parse("vmlinuz vn=linux type=kernel");
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "\"vn=linux\""));
}

static void test_kernels(void **state)
{
	(void)state;
	parse("k1 vm=a type=kernel", "k2 vm=a type=kernel", "k3 vm=a type=kernel",
	      "i vm=b type=initrd", "j vm=b type=initrd", "k vm=c type=kernel");
	assert_false(vm_named("a")->valid || vm_named("b")->valid);
	assert_true(vm_named("c")->valid);
	assert_int_equal(log_lines(), 2);
	assert_non_null(strstr(host_log, "module 2 (k2): \"type=kernel\""));
	assert_non_null(strstr(host_log, "module 4 (i): \"vm=b\""));
}

static void test_memory_together(void **state)
{
	static const char *const lines[] = {
		"k vm=a type=kernel mem=512M", "k vm=b type=kernel mem=600M",
		"k vm=c type=kernel",          "k vm=d type=kernel",
		"k vm=e type=kernel mem=64M",  "k vm=f type=kernel mem=512M",
		"i vm=f type=initrd foo",
	};

	(void)state;
	parse_lines(lines, ARRAY_SIZE(lines), MIB(1024));
	/* 512 + 256 + 256; what b and f ask for is not taken. */
	assert_true(vm_named("a")->valid && vm_named("c")->valid && vm_named("d")->valid);
	assert_false(vm_named("b")->valid || vm_named("e")->valid || vm_named("f")->valid);
	assert_int_equal(log_lines(), 3);
	assert_non_null(strstr(host_log, "module 2 (k): \"mem=600M\": only 512 MiB"));
	assert_non_null(strstr(host_log, "module 5 (k): \"mem=64M\": only 0 MiB"));

	parse("k vm=a type=kernel mem=5G");
	assert_false(vm_named("a")->valid);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "module 1 (k): \"mem=5G\": only 4096 MiB"));
	parse_lines(lines + 2, 1, MIB(255));
	assert_false(vm_named("c")->valid);
	assert_non_null(strstr(host_log, "\"mem=256M\""));
	parse_lines(lines + 2, 1, MIB(256));
	assert_true(vm_named("c")->valid);
}

static void test_module_name(void **state)
{
	const struct config_module with = { .cmdline = "dir/vmlinuz vm=a", .number = 1 };
	const struct config_module without = { .cmdline = "vm=a bare", .number = 2 };
	char buf[16];

	(void)state;
	config_module_name(&with, buf, sizeof(buf));
	assert_string_equal(buf, "dir/vmlinuz");
	config_module_name(&with, buf, 4);
	assert_string_equal(buf, "dir");
	config_module_name(&without, buf, sizeof(buf));
	assert_string_equal(buf, "module 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),    cmocka_unit_test(test_everything),
		cmocka_unit_test(test_cpu_time),    cmocka_unit_test(test_rounding),
		cmocka_unit_test(test_wrong_words), cmocka_unit_test(test_kernel_only_words),
		cmocka_unit_test(test_wrong_names), cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_kernels),     cmocka_unit_test(test_memory_together),
		cmocka_unit_test(test_paravirtual), cmocka_unit_test(test_module_name),
	};

	return cmocka_run_group_tests_name("config", tests, config_setup, NULL);
}
