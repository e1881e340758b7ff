/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM configurations from modules' command lines: what is too long, too many, or random.
 */
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

static void test_too_many(void **state)
{
	static char text[MAX_LINES][64];
	const char *lines[MAX_LINES];

	(void)state;
	for (u32 i = 0; i < MAX_LINES; i++) {
		u32 vm = MIN(i, VM_MAX_VMS); /* all after the last one that fits are one more */

		snprintf(text[i], sizeof(text[i]), "k vm=v%u type=%s mem=4M", vm,
			 i > vm ? "initrd" : "kernel");
		lines[i] = text[i];
	}
	parse_lines(lines, MAX_LINES, GIB(1));
	assert_int_equal(list.count, VM_MAX_VMS);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "module 65 (k): \"vm=v64\""));
	for (u32 i = 0; i < VM_MAX_VMS; i++)
		assert_true(list.vms[i].valid);
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
	for (u32 i = 0; i < list.count; i++) {
		const struct vm_config *vm = &list.vms[i];

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
		cmocka_unit_test(test_long_command_line),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_too_many_initrds),
		cmocka_unit_test(test_broken_module),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("config_limits", tests, NULL, NULL);
}
