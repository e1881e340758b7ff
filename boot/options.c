/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own command line: a table of keys, each with the function that reads
 * its value. Runs once, on one CPU.
 */
#include "boot/options.h"

#include "lib/words.h"

#define COM1_PORT 0x3f8u
#define COM2_PORT 0x2f8u
/* A 16550 has eight registers. */
#define LAST_SERIAL_PORT 0xfff8u
#define MAX_BAUD 115200u
/* The largest divisor that its register holds still gives two bits a second. */
#define MIN_BAUD 2u
#define DEFAULT_ESCAPE 0x1du /* Ctrl-] */

struct option {
	const char *key;
	bool bare; /* stands without a value */
	/* False when the value is wrong; options is unchanged then. */
	bool (*parse)(struct options *options, struct span value);
};

static bool parse_port(struct span value, u16 *port)
{
	u64 number;

	if (span_is(value, "com1")) {
		*port = COM1_PORT;
	} else if (span_is(value, "com2")) {
		*port = COM2_PORT;
	} else {
		if (value.len < 2 || value.ptr[1] != 'x' ||
		    span_parse_range(value, 1, LAST_SERIAL_PORT, &number))
			return false;
		*port = (u16)number;
	}
	return true;
}

static bool parse_console(struct options *options, struct span value)
{
	struct span speed = value;
	u64 baud = MAX_BAUD;
	u16 port;

	if (span_is(value, "none")) {
		options->console_port = 0;
		options->console_given = true;
		return true;
	}
	while (speed.len && *speed.ptr != ',') {
		speed.ptr++;
		speed.len--;
	}
	value.len -= speed.len;
	if (speed.len) {
		speed.ptr++;
		speed.len--;
		if (span_parse_range(speed, MIN_BAUD, MAX_BAUD, &baud) || MAX_BAUD % baud)
			return false;
	}
	if (!parse_port(value, &port))
		return false;
	options->console_port = port;
	options->console_baud = (u32)baud;
	options->console_given = true;
	return true;
}

static bool parse_log(struct options *options, struct span value)
{
	static const char *const names[] = {
		[LOG_ERROR] = "error",
		[LOG_WARN] = "warn",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};
	int level = span_match(value, names, ARRAY_SIZE(names));

	if (level < 0)
		return false;
	options->log = (enum log_level)level;
	return true;
}

static bool parse_tdp(struct options *options, struct span value)
{
	static const char *const names[] = { "off", "auto" };
	int which = span_match(value, names, ARRAY_SIZE(names));

	if (which < 0)
		return false;
	options->tdp = which == 1;
	return true;
}

static bool parse_apicv(struct options *options, struct span value)
{
	static const char *const names[] = {
		[APICV_OFF] = "off", [APICV_AUTO] = "auto", [APICV_ON] = "on"
	};
	int which = span_match(value, names, ARRAY_SIZE(names));

	if (which < 0)
		return false;
	options->apicv = (enum apicv)which;
	return true;
}

static bool parse_on_idle(struct options *options, struct span value)
{
	static const char *const names[] = {
		[ON_IDLE_SHELL] = "shell",
		[ON_IDLE_POWEROFF] = "poweroff",
		[ON_IDLE_REBOOT] = "reboot",
		[ON_IDLE_DEBUG_EXIT] = "debug-exit",
	};
	int which = span_match(value, names, ARRAY_SIZE(names));

	if (which < 0)
		return false;
	options->on_idle = (enum on_idle)which;
	options->on_idle_given = true;
	return true;
}

static bool parse_clock(struct options *options, struct span value)
{
	int which = span_match(value, clock_source_names, CLOCK_SOURCES);

	if (which < 0)
		return false;
	options->clock = (enum clock_source)which;
	return true;
}

static bool parse_cpus(struct options *options, struct span value)
{
	u64 number;

	if (span_parse_range(value, 1, UINT32_MAX, &number))
		return false;
	options->cpus = (u32)number;
	return true;
}

/* As ^X, which is how one types it, or as a character code. */
static bool parse_selftest(struct options *options, struct span value)
{
	u64 number;

	if (span_parse_range(value, 0, 1, &number))
		return false;
	options->selftest = number;
	return true;
}

static bool parse_escape(struct options *options, struct span value)
{
	u64 code;

	if (value.len == 2 && value.ptr[0] == '^') {
		u8 c = (u8)value.ptr[1];

		if (c >= 'a' && c <= 'z')
			c = (u8)(c - 'a' + 'A');
		/* Ctrl-@ is NUL, which a serial line also delivers for a break. */
		if (c <= '@' || c > '_')
			return false;
		options->escape = c & 0x1f;
		return true;
	}
	if (value.len < 2 || value.ptr[1] != 'x' || span_parse_range(value, 1, 0xff, &code))
		return false;
	options->escape = (u8)code;
	return true;
}

/* Of the words that are their own value. */
static bool parse_doctor(struct options *options, struct span value __unused)
{
	options->doctor = true;
	return true;
}

static const struct option option_table[] = {
	{ .key = "console", .parse = parse_console },
	{ .key = "log", .parse = parse_log },
	{ .key = "tdp", .parse = parse_tdp },
	{ .key = "apicv", .parse = parse_apicv },
	{ .key = "on-idle", .parse = parse_on_idle },
	{ .key = "cpus", .parse = parse_cpus },
	{ .key = "escape", .parse = parse_escape },
	{ .key = "selftest", .parse = parse_selftest },
	{ .key = "clock", .parse = parse_clock },
	{ .key = "doctor", .parse = parse_doctor, .bare = true },
};

static void parse_word(struct options *options, const struct word *word)
{
	for (u32 i = 0; i < ARRAY_SIZE(option_table); i++) {
		const struct option *option = &option_table[i];

		if (!span_is(word->key, option->key))
			continue;
		if (word->has_value == option->bare || !option->parse(options, word->value))
			log_error("command line: \"" SPAN_FMT "\" is not a value for %s",
				  SPAN_ARG(word->text), option->key);
		return;
	}
	log_error("command line: \"" SPAN_FMT "\" is not an option", SPAN_ARG(word->text));
}

/* A loader that gives no file name leaves a bare option in its place. */
static void parse_file(struct options *options, struct span file)
{
	for (u32 i = 0; i < ARRAY_SIZE(option_table); i++) {
		if (option_table[i].bare && span_is(file, option_table[i].key))
			option_table[i].parse(options, file);
	}
}

void options_parse(struct options *options, const char *text, size_t len)
{
	struct words words;
	struct word word;

	*options = (struct options){
		.console_port = COM1_PORT,
		.console_baud = MAX_BAUD,
		.log = LOG_INFO,
		.tdp = true,
		.apicv = APICV_AUTO,
		.on_idle = ON_IDLE_SHELL,
		.cpus = OPTIONS_ALL_CPUS,
		.escape = DEFAULT_ESCAPE,
	};
	words_start(&words, text, len);
	while (words_next(&words, &word))
		parse_word(options, &word);
	parse_file(options, words.file);
	if (words.has_tail)
		log_error("command line: \"--\" and what follows it mean nothing here");
}
