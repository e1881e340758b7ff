/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own command line.
 */
#include "boot/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "tests/unit/mutate.h"

static struct options options;

static u32 log_lines(void)
{
	u32 lines = 0;

	for (const char *c = host_log; *c; c++)
		lines += *c == '\n';
	return lines;
}

static void parse(const char *text)
{
	host_log_clear();
	options_parse(&options, text, strlen(text));
}

static void assert_defaults(void)
{
	assert_int_equal(options.console_port, 0x3f8);
	assert_int_equal(options.console_baud, 115200);
	assert_int_equal(options.log, LOG_INFO);
	assert_true(options.tdp);
	assert_int_equal(options.apicv, APICV_AUTO);
	assert_int_equal(options.on_idle, ON_IDLE_SHELL);
	assert_int_equal(options.cpus, OPTIONS_ALL_CPUS);
	assert_int_equal(options.escape, 0x1d);
	assert_false(options.selftest);
}

static void test_defaults(void **state)
{
	(void)state;
	parse("");
	assert_defaults();
	parse("/boot/sill.elf");
	assert_defaults();
	parse("sill.elf console=com1 log=info tdp=auto on-idle=shell escape=^]");
	assert_defaults();
	assert_string_equal(host_log, "");
}

static void test_all(void **state)
{
	(void)state;
	parse("sill.elf console=com2 log=debug tdp=off on-idle=debug-exit cpus=3 selftest=1 escape=^a apicv=off");
	assert_string_equal(host_log, "");
	assert_int_equal(options.console_port, 0x2f8);
	assert_int_equal(options.console_baud, 115200);
	assert_int_equal(options.log, LOG_DEBUG);
	assert_false(options.tdp);
	assert_int_equal(options.apicv, APICV_OFF);
	assert_int_equal(options.on_idle, ON_IDLE_DEBUG_EXIT);
	assert_int_equal(options.cpus, 3);
	assert_int_equal(options.escape, 1);
	assert_true(options.selftest);
	parse("log=error on-idle=poweroff log=warn on-idle=reboot");
	assert_string_equal(host_log, "");
	assert_int_equal(options.log, LOG_WARN);
	assert_int_equal(options.on_idle, ON_IDLE_REBOOT);
}

static void check_console(const char *text, u16 port, u32 baud)
{
	parse(text);
	assert_string_equal(host_log, "");
	assert_int_equal(options.console_port, port);
	assert_int_equal(options.console_baud, baud);
}

static void test_console(void **state)
{
	(void)state;
	check_console("console=none", 0, 115200);
	check_console("console=0x3e8", 0x3e8, 115200);
	check_console("console=0x3e8,9600", 0x3e8, 9600);
	check_console("console=com2,57600", 0x2f8, 57600);
	check_console("console=0xfff8,2", 0xfff8, 2);
}

static void test_given(void **state)
{
	(void)state;
	parse("sill.elf");
	assert_false(options.console_given || options.on_idle_given || options.doctor);
	parse("sill.elf console=com1 on-idle=shell");
	assert_true(options.console_given && options.on_idle_given);
	parse("sill.elf console=none");
	assert_true(options.console_given);
	parse("sill.elf console=com9 on-idle=x");
	assert_false(options.console_given || options.on_idle_given);
}

static void test_doctor(void **state)
{
	(void)state;
	parse("sill.elf log=debug doctor");
	assert_string_equal(host_log, "");
	assert_true(options.doctor);
	/* GRUB gives no file name. */
	parse("doctor");
	assert_string_equal(host_log, "");
	assert_true(options.doctor);
	parse("doctor log=debug");
	assert_true(options.doctor);
	assert_int_equal(options.log, LOG_DEBUG);
	parse("/boot/doctor.elf log=debug");
	assert_false(options.doctor);
}

static void test_clock(void **state)
{
	static const char *const names[] = { "auto", "pm-timer", "hpet", "cpuid", "pit" };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		char text[32];

		snprintf(text, sizeof(text), "sill.elf clock=%s", names[i]);
		parse(text);
		assert_string_equal(host_log, "");
		assert_int_equal(options.clock, i);
	}
}

static void check_escape(const char *text, u8 escape)
{
	parse(text);
	assert_string_equal(host_log, "");
	assert_int_equal(options.escape, escape);
}

static void test_escape(void **state)
{
	(void)state;
	check_escape("escape=^A", 1);
	check_escape("escape=^z", 26);
	check_escape("escape=^[", 0x1b);
	check_escape("escape=^_", 0x1f);
	check_escape("escape=0x01", 1);
	check_escape("escape=0xff", 0xff);
}

/* One line that names the word, nothing changed, and the rest still counts. */
static void check_wrong(const char *word)
{
	char text[256];

	snprintf(text, sizeof(text), "sill.elf %s cpus=5", word);
	parse(text);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, word));
	assert_int_equal(options.cpus, 5);
	options.cpus = OPTIONS_ALL_CPUS;
	assert_defaults();
}

static void test_wrong(void **state)
{
	static const char *const wrong[] = {
		"console=",
		"console=com3",
		"console=com",
		"console=com1,",
		"console=com1,0",
		"console=com1,115201",
		"console=com1,100000",
		"console=com1,9600,8n1",
		"console=3f8",
		"console=1016",
		"console=0x0",
		"console=0xfff9",
		"console=0x10000",
		"console=0x",
		"console=none,9600",
		"console=,9600",
		"console=com1,1",
		"console",
		"log=",
		"log=all",
		"log=INFO",
		"log",
		"tdp=on",
		"tdp=",
		"apicv=",
		"apicv=1",
		"apicv",
		"on-idle=halt",
		"on-idle=",
		"cpus=0",
		"cpus=-1",
		"cpus=4294967296",
		"cpus=two",
		"cpus=",
		"escape=",
		"escape=^",
		"escape=^@",
		"escape=^1",
		"escape=^`",
		"escape=^ab",
		"escape=]",
		"escape=29",
		"escape=0x0",
		"escape=0x100",
		"escape=0x",
		"doctor=1",
		"doctor=",
		"clock=",
		"clock=tsc",
		"clock",
		"quiet",
		"Console=com1",
		"=",
		"=com1",
		"a=b",
		"--x",
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++)
		check_wrong(wrong[i]);
	parse("sill.elf cpus=2 -- log=debug");
	assert_int_equal(log_lines(), 1);
	assert_int_equal(options.cpus, 2);
	assert_int_equal(options.log, LOG_INFO);
}

static void test_random(void **state)
{
	static const char valid[] =
		"sill.elf console=0x3f8,9600 log=debug tdp=off on-idle=poweroff cpus=2 escape=^A "
		"clock=hpet doctor";
	struct mutator m = { .state = 5 };

	(void)state;
	for (int i = 0; i < 120000; i++) {
		char buf[256];
		size_t len = sizeof(valid) - 1;
		char *text;

		memcpy(buf, valid, len);
		mutate_text(&m, buf, &len, sizeof(buf));
		text = malloc(len);
		memcpy(text, buf, len);
		host_log_clear();
		options_parse(&options, text, len);
		free(text);
		assert_true(options.console_port <= 0xfff8);
		assert_true(options.console_baud && 115200 % options.console_baud == 0);
		assert_in_range(options.log, LOG_ERROR, LOG_DEBUG);
		assert_in_range(options.on_idle, ON_IDLE_SHELL, ON_IDLE_DEBUG_EXIT);
		assert_true(options.cpus > 0 && options.escape > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_all),
		cmocka_unit_test(test_console),  cmocka_unit_test(test_escape),
		cmocka_unit_test(test_given),    cmocka_unit_test(test_doctor),
		cmocka_unit_test(test_clock),    cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
