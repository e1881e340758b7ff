/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM configurations from modules' command lines: what is too long, too many, or random.
 */
#include "host_alloc.h"
#include "tests/unit/config_fixture.h"
#include "tests/unit/mutate.h"

static void test_long_command_line(void **state)
{
	char line[4096] = "k vm=a type=kernel -- ";
	size_t len = strlen(line);

	(void)state;
	memset(line + len, 'x', VM_CMDLINE_MAX);
	parse(line);
	assert_true(vm_named("a")->valid);
	assert_int_equal(strlen(vm_named("a")->cmdline), VM_CMDLINE_MAX);
	memset(line + len, 'x', VM_CMDLINE_MAX + 1);
	parse(line);
	assert_false(vm_named("a")->valid);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "\"--\""));
	assert_true(strlen(host_log) < 200);
	/* Nor does a word of that length make a long log line. */
	memset(line + strlen("k vm=a type=kernel "), 'y', 3000);
	parse(line);
	assert_int_equal(log_lines(), 1);
	assert_true(strlen(host_log) < 250);
}

/* Modules and VMs by the hundred, in any order. */
static void test_many(void **state)
{
	static char text[MAX_LINES][64];
	const char *lines[MAX_LINES];
	u32 i = 0;

	(void)state;
	for (; i < MAX_LINES; i++) {
		snprintf(text[i], sizeof(text[i]), "k vm=v%u type=%s", i % (MAX_LINES / 2),
			 i < MAX_LINES / 2 ? "initrd" : "kernel mem=4M");
		lines[i] = text[i];
	}
	parse_lines(lines, MAX_LINES, GIB(1));
	assert_int_equal(list.count, MAX_LINES / 2);
	assert_string_equal(host_log, "");
	i = 0;
	for (const struct vm_config *vm = list.first; vm; vm = vm->next, i++) {
		assert_true(vm->valid);
		assert_memory_equal(text[i] + strlen("k vm="), vm->name, strlen(vm->name));
		assert_int_equal(vm->initrds[0], i);
		assert_int_equal(vm->kernel, i + MAX_LINES / 2);
	}
	assert_int_equal(i, list.count);
}

/* VMs that there is no memory for get one line each, whatever their modules; those before start. */
static void test_no_memory(void **state)
{
	u32 n = 1;

	(void)state;
	do {
		host_alloc_fail(n++, false);
		parse("k vm=a type=kernel", "i vm=b type=initrd", "k vm=b type=kernel",
		      "k vm=c type=kernel", "i vm=a type=initrd");
		assert_int_equal(host_alloc_failed, 1);
	} while (!list.count);
	assert_int_equal(list.count, 1);
	assert_true(vm_named("a")->valid);
	assert_int_equal(vm_named("a")->initrd_count, 1);
	assert_int_equal(log_lines(), 2);
	assert_non_null(
		strstr(host_log, "module 2 (i): \"vm=b\": there is no memory for one more"));
	assert_non_null(
		strstr(host_log, "module 4 (k): \"vm=c\": there is no memory for one more"));
}

static void test_too_many_initrds(void **state)
{
	const char *lines[20] = { "k vm=a type=kernel", "k vm=b type=kernel" };

	(void)state;
	for (u32 i = 2; i < 20; i++)
		lines[i] = "i vm=a type=initrd";
	parse_lines(lines, 18, GIB(1));
	assert_string_equal(host_log, "");
	assert_int_equal(vm_named("a")->initrd_count, 16);
	parse_lines(lines, 20, GIB(1));
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "module 19 (i)"));
	assert_false(vm_named("a")->valid);
	assert_true(vm_named("b")->valid);
}

static void test_broken_module(void **state)
{
	struct config_module broken[] = {
		{ .cmdline = "k vm=a type=kernel", .number = 1 },
		{ .cmdline = "i vm=a type=initrd", .number = 3, .broken = true },
		{ .cmdline = "x vm=b type=kernel ju", .number = 4, .broken = true },
		{ .cmdline = "x vm=/ type=kernel", .number = 5, .broken = true },
		{ .cmdline = "k vm=c type=kernel foo", .number = 7 },
	};

	(void)state;
	host_log_clear();
	clear_list();
	vm_config_parse(&list, broken, ARRAY_SIZE(broken), GIB(1));
	assert_false(vm_named("a")->valid || vm_named("b")->valid || vm_named("c")->valid);
	/* Who said that a module is broken said it already. */
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "module 7"));
}

/* Whatever the lines were: what is called valid can be started. */
static void check_list(u32 count, u64 max_mem)
{
	u64 mem = 0;

	assert_true(list.count <= count);
	for (const struct vm_config *vm = list.first; vm; vm = vm->next) {
		assert_in_range(strnlen(vm->name, sizeof(vm->name)), 1, VM_NAME_MAX);
		if (!vm->valid) {
			assert_true(log_lines() > 0);
			continue;
		}
		assert_true(vm->has_kernel && vm->kernel < count);
		assert_true(vm->initrd_count <= VM_MAX_INITRDS);
		for (u32 j = 0; j < vm->initrd_count; j++)
			assert_true(vm->initrds[j] < count && vm->initrds[j] != vm->kernel);
		assert_true(vm->mem >= VM_MEM_MIN && is_aligned(vm->mem, VM_MEM_ALIGN));
		assert_in_range(vm->cpus, 1, VM_MAX_CPUS);
		assert_in_range(vm->paging, VM_PAGING_AUTO, VM_PAGING_SHADOW);
		assert_true(strlen(vm->cmdline) <= VM_CMDLINE_MAX);
		mem += vm->mem;
	}
	assert_true(mem <= max_mem);
	/* One line for each module at most, and one for each VM's memory. */
	assert_true(log_lines() <= count + list.count);
}

static char *mutated_line(struct mutator *m, const char *valid)
{
	size_t len = strlen(valid);
	char buf[256];
	char *line;

	memcpy(buf, valid, len);
	if (mutator_below(m, 2))
		mutate_text(m, buf, &len, sizeof(buf));
	/* Of exactly its size, so that a byte too far is an error. */
	line = malloc(len + 1);
	memcpy(line, buf, len);
	line[len] = '\0';
	/* With a line feed in it, a word, and so the message about it, would be two lines. */
	for (size_t i = 0; i < len; i++)
		line[i] = line[i] == '\n' ? 'n' : line[i];
	return line;
}

static void test_random(void **state)
{
	static const char *const valid[] = {
		"vmlinuz vm=linux type=kernel mem=256M cpus=2 paging=shadow -- console=ttyS0 quiet",
		"initrd.gz vm=linux type=initrd",
		"guest.elf vm=b type=kernel mem=0x900000 -- x",
		"vm=b type=initrd",
	};
	struct mutator m = { .state = 6 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		char *lines[ARRAY_SIZE(valid)];

		for (u32 j = 0; j < ARRAY_SIZE(valid); j++)
			lines[j] = mutated_line(&m, valid[j]);
		parse_lines((const char *const *)lines, ARRAY_SIZE(valid), MIB(300));
		check_list(ARRAY_SIZE(valid), MIB(300));
		for (u32 j = 0; j < ARRAY_SIZE(valid); j++)
			free(lines[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_command_line), cmocka_unit_test(test_many),
		cmocka_unit_test(test_no_memory),         cmocka_unit_test(test_too_many_initrds),
		cmocka_unit_test(test_broken_module),     cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("config_limits", tests, config_setup, NULL);
}
