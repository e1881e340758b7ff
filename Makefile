# SPDX-License-Identifier: BSD-2-Clause
#
# The whole build in one file: the image, unit tests for the host, test guests, checks.
# `make help` lists the targets. DEBUG=1 builds with assertions, into build/debug.
# CC=clang works as well.

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VERSION := 0.1
ROOMS := boot arch mm vmx svm vm dev shell lib
BUILD := build$(if $(DEBUG),/debug)
ELF := $(BUILD)/sill.elf

ifneq ($(filter undefined default,$(origin CC)),)
CC := gcc
endif
NM := nm
# Debian's own interpreter: another one first in PATH need not have pytest.
PYTHON ?= /usr/bin/python3
# For recipes that start another make: all CPUs, unless this make was given -j itself.
SUBMAKE = --no-print-directory $(if $(V),,-s) \
	$(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

ifeq ($(V),)
quiet = @printf '  %-7s %s\n' "$(1)" "$(2)";
endif

# ---- the image -----------------------------------------------------------------------------

# A room's offsets.c is compiled for its assembly only.
OFFSETS := $(wildcard $(ROOMS:%=%/offsets.c))
C_SRCS := $(filter-out $(OFFSETS),$(sort $(wildcard $(ROOMS:%=%/*.c))))
S_SRCS := $(sort $(wildcard $(ROOMS:%=%/*.S)))
OBJS := $(C_SRCS:%.c=$(BUILD)/%.o) $(S_SRCS:%.S=$(BUILD)/%.S.o)
GENERATED := $(BUILD)/version.h $(BUILD)/offsets.h

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wundef -Werror
CPPFLAGS := -I. -I$(BUILD) $(if $(DEBUG),-DSILL_DEBUG)
# -fbuiltin: a memcpy of two bytes need not be a call.
CFLAGS := -std=gnu11 -ffreestanding -fbuiltin -O2 -g -mgeneral-regs-only -mcmodel=kernel -mno-red-zone \
	-fno-pic -fno-pie -fno-omit-frame-pointer -fstack-protector-strong \
	-mstack-protector-guard=global -fno-asynchronous-unwind-tables -fno-common $(WARNINGS)
ASFLAGS := -g -Wa,--fatal-warnings
LDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments \
	--build-id=none -T linker.ld

.PHONY: all
all: $(ELF)

# Link with an empty symbol table, make the table from the result, link again with it. The
# table lies behind the text, so the text must not have moved.
$(ELF): $(OBJS) $(BUILD)/objects linker.ld tools/symtab tools/check-elf
	$(call quiet,LINK,$@)
	@tools/symtab < /dev/null > $(BUILD)/symtab.S
	@$(CC) $(CPPFLAGS) $(ASFLAGS) -c -o $(BUILD)/symtab.S.o $(BUILD)/symtab.S
	@$(LD) $(LDFLAGS) -o $(BUILD)/pass1.elf $(OBJS) $(BUILD)/symtab.S.o
	@$(NM) -n $(BUILD)/pass1.elf > $(BUILD)/pass1.nm
	@tools/symtab < $(BUILD)/pass1.nm > $(BUILD)/symtab.S
	@$(CC) $(CPPFLAGS) $(ASFLAGS) -c -o $(BUILD)/symtab.S.o $(BUILD)/symtab.S
	@$(LD) $(LDFLAGS) -o $@ $(OBJS) $(BUILD)/symtab.S.o
	@$(NM) -n $@ > $(BUILD)/sill.nm
	@tools/symtab < $(BUILD)/sill.nm | cmp -s - $(BUILD)/symtab.S || \
		{ echo "$@: the symbol table has moved the text it describes" >&2; false; }
	@tools/check-elf $@

$(BUILD)/%.o: %.c $(BUILD)/flags | $(GENERATED)
	$(call quiet,CC,$<)
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.S.o: %.S $(BUILD)/flags $(BUILD)/offsets.h
	$(call quiet,AS,$<)
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(CPPFLAGS) $(ASFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

# Structure offsets for assembly: lines `->NAME value` in the compiler's output become macros.
$(BUILD)/offsets.h: $(OFFSETS:%.c=$(BUILD)/%.s)
	$(call quiet,GEN,$@)
	@{ echo '#pragma once'; sed -n 's/.*"->\([A-Za-z0-9_]*\) \$$*\(-*[0-9]*\)".*/#define \1 \2/p' \
		/dev/null $^; } > $@

$(BUILD)/%.s: %.c $(BUILD)/flags | $(BUILD)/version.h
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -S -o $@ $<

# Files that are rewritten only when their content changes, looked at in every run:
# the compiler and its flags, the list of objects, version and commit.
stamp = @mkdir -p $(@D); printf '%s\n' $(1) | cmp -s - $@ || printf '%s\n' $(1) > $@
COMMIT = $(shell git describe --always --dirty --exclude='*' 2>/dev/null || echo unknown)

$(BUILD)/flags: FORCE
	$(call stamp,'$(CC) $(CPPFLAGS) $(CFLAGS) $(ASFLAGS) $(HOST_CFLAGS)')
$(BUILD)/objects: FORCE
	$(call stamp,'$(LDFLAGS)' $(OBJS))
$(BUILD)/version.h: FORCE
	$(call stamp,'#define SILL_VERSION "$(VERSION)"' '#define SILL_COMMIT "$(COMMIT)"')

.PHONY: FORCE
FORCE:

# ---- unit tests: the kernel's own sources on the host, with sanitizers ---------------------

UNIT := $(BUILD)/unit
HOST_SRCS := $(sort $(filter-out mm/host_tables.c lib/string.c dev/platform%.c, \
	$(wildcard mm/*.c lib/*.c dev/*.c arch/acpi_parse*.c \
	arch/console.c arch/feature_set.c arch/font.c arch/framebuffer.c arch/screen.c boot/display.c \
	boot/options.c shell/mux.c boot/multiboot*.c arch/clock_sources.c arch/tsc_skew.c boot/memory_map.c \
	$(addprefix vm/,timer.c runq.c kick.c sched_home.c sched_move.c guest_tsc.c io.c paging.c insn*.c emulate*.c interp.c interp_*.c config*.c \
	loader*.c bzimage*.c mbguest.c mbinfo.c guest_e820.c pv*.c) \
	$(addprefix vmx/,controls.c probe.c check*.c vmcs.c) tests/unit/host/*.c)))
HOST_OBJS := $(HOST_SRCS:%.c=$(UNIT)/%.o)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(UNIT)/%,$(sort $(wildcard tests/unit/test_*.c)))
HOST_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -DSILL_DEBUG -Itests/unit/host -I. -Wall -Wextra -Werror

.PHONY: unit
unit: $(UNIT_TESTS)

$(addprefix $(UNIT)/test_,insn emulate interp interp64 interp_random interp_vector): UNIT_LIBS := -lZydis -lunicorn

# A list's head, which is in no vCPU, is taken for one at the end of a loop, and not aligned as that.
$(UNIT)/tests/unit/test_sched.o: HOST_CFLAGS += -fno-sanitize=alignment

# Where allocations fail on demand: see tests/unit/host/host_alloc.h.
ALLOC_WRAP := -Wl,--wrap=kzalloc,--wrap=frame_alloc,--wrap=frame_alloc_zeroed \
	-Wl,--wrap=frame_alloc_run,--wrap=frame_zero
$(addprefix $(UNIT)/test_,slots slots_nomem slots_rights dirty_log dirty_log_model dirty_log_nomem dirty_log_race tdp_split config_limits mux): UNIT_LIBS := $(ALLOC_WRAP)

$(UNIT_TESTS): $(UNIT)/%: $(UNIT)/tests/unit/%.o $(UNIT)/libsillhost.a
	$(call quiet,LINK,$@)
	@$(CC) $(HOST_CFLAGS) -o $@ $^ $(UNIT_LIBS) -lcmocka -lpthread

$(UNIT)/libsillhost.a: $(HOST_OBJS) $(BUILD)/objects
	$(call quiet,AR,$@)
	@rm -f $@; $(AR) rcs $@ $(HOST_OBJS)

$(UNIT)/%.o: %.c $(BUILD)/flags
	$(call quiet,HOSTCC,$<)
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

# The MMU under the oracle: simulated CPUs, each access interleaved.
include tests/unit/oracle/oracle.mk

# The same sources once more, to count their instructions.
include tests/bench/mmu/mmu.mk

# ---- test guests: the fragment says how they are built -------------------------------------

.PHONY: guests
guests:
-include tests/guest/guest.mk

# ---- what people call ----------------------------------------------------------------------

.PHONY: run run-svm run-vmx iso check check-full bench bench-mmu mutants model lint format lint-includes \
	lint-headers help clean distclean

run run-svm:
	@tools/need-packages build run
	@$(MAKE) $(SUBMAKE) all guests
	@SILL_BUILD=$(BUILD) tools/run

run-vmx:
	@tools/need-packages build iso bochs
	@$(MAKE) $(SUBMAKE) all guests
	@SILL_BUILD=$(BUILD) tools/run-vmx

iso:
	@tools/need-packages build iso
	@$(MAKE) $(SUBMAKE) all guests
	@SILL_BUILD=$(BUILD) tools/make-iso

check check-full:
	@tools/need-packages build run iso bochs test
	@$(MAKE) $(SUBMAKE) all unit guests lint-includes lint-headers
	@$(if $(DEBUG),,$(MAKE) $(SUBMAKE) DEBUG=1 all)
	@SILL_BUILD=$(BUILD) PYTHON=$(PYTHON) SLOW=$(filter check-full,$@) tools/check

bench:
	@tools/need-packages build run python3-pexpect
	@$(MAKE) $(SUBMAKE) all guests
	@SILL_BUILD=$(BUILD) PYTHON=$(PYTHON) tools/bench

bench-mmu:
	@tools/need-packages build valgrind
	@$(MAKE) $(SUBMAKE) $(MMU_BENCH)/mmu
	@SILL_BUILD=$(BUILD) tools/bench-mmu

mutants:
	@tools/need-packages build test
	@tests/mutants/run $(MUTANTS)

model:
	@tools/need-packages build spin
	@SILL_BUILD=$(BUILD) tests/model/run

HEADERS := $(sort $(wildcard $(ROOMS:%=%/*.h)))

FORMATTED = $(C_SRCS) $(HEADERS) $(OFFSETS) $(wildcard tests/*/*.[ch] tests/*/*/*.[ch])

lint: lint-includes lint-headers
	@if command -v clang-format > /dev/null; then \
		status=0; for file in $(FORMATTED); do \
			clang-format $$file | cmp -s - $$file || \
				{ echo "$$file: not formatted (make format)"; status=1; }; \
		done; exit $$status; \
	else echo "lint: clang-format is not installed"; fi
	@if command -v cppcheck > /dev/null; then \
		cppcheck --quiet --std=c11 --platform=unix64 --enable=warning,portability \
		--inline-suppr --suppressions-list=tools/cppcheck.suppress \
		--error-exitcode=1 -I. -I$(BUILD) $(C_SRCS); \
	else echo "lint: cppcheck is not installed"; fi

format:
	@clang-format -i $(FORMATTED)

# Who may include whom (the rooms' order), and whether each file says its licence.
lint-includes:
	@tools/check-includes $(C_SRCS) $(S_SRCS) $(HEADERS) $(OFFSETS)

# Each header compiles alone.
lint-headers: $(HEADERS:%=$(BUILD)/%.ok)

$(BUILD)/%.h.ok: %.h $(BUILD)/flags | $(GENERATED)
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -MT $@ -include $< -x c -c -o /dev/null /dev/null
	@touch $@

help:
	@echo 'make              build $(ELF)'
	@echo 'make run          install what is missing, build, get a Debian kernel, start it in QEMU'
	@echo '                    GUEST=linux|cloud|pae|duo|NAME|FILE  what to boot (default linux; pae:'
	@echo '                                                 32 bits; duo: linux and pae, with'
	@echo '                                                 make run only; NAME: a test guest,'
	@echo '                                                 see build/guest)'
	@echo '                    SMP=2                        CPUs of the guest, 1 to 64'
	@echo '                    CPUS=2                       CPUs that run them (default: SMP, up to 8)'
	@echo '                    MEM=512M                     memory of the guest'
	@echo '                    CMDLINE="..."                command line of the guest'
	@echo 'make run-vmx      the same on an Intel CPU with VMX, which Bochs emulates; make run-svm is'
	@echo '                  make run. Defaults: GUEST=cloud SMP=2 MEM=128M, and'
	@echo '                    MODEL=corei7_skylake_x       CPU model of Bochs; ryzen has SVM'
	@echo 'make iso          $(BUILD)/sill.iso for BIOS and UEFI, CD or USB stick, with a Debian kernel'
	@echo '                    TIMEOUT=5                    seconds until the first entry starts'
	@echo '                    GUEST=hello                  without Linux; also MEM, SMP=1, CMDLINE'
	@echo '                    WORDS="..."                  for the command line of Sill'
	@echo 'make check        all tests; ends with: N passed, N failed'
	@echo 'make check-full   and those that take long'
	@echo 'make bench        figures: instructions per exit, sizes, boot times'
	@echo 'make bench-mmu    figures: instructions per second-level fault, zapped leaf, harvested page'
	@echo 'make mutants      faults put into mm/, one at a time, and which test notices each'
	@echo '                    MUTANTS="zap-* entry-*"      only these'
	@echo 'make model        every order of entries, walks and shootdown rounds, by spin'
	@echo 'make unit         build the unit tests (build/unit/test_*)'
	@echo 'make guests       build the test guests (build/guest/*.elf)'
	@echo 'make lint         formatting, include order, headers alone, cppcheck'
	@echo 'make clean        remove what was built; the downloaded kernel stays'
	@echo 'make distclean    remove build/'
	@echo 'With any target: DEBUG=1 builds with assertions into build/debug, V=1 shows commands,'
	@echo 'CC=clang uses clang.'

clean:
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name linux -exec rm -rf {} +; fi

distclean:
	@rm -rf build

-include $(OBJS:.o=.d) $(OFFSETS:%.c=$(BUILD)/%.d) $(HOST_OBJS:.o=.d) $(HEADERS:%=$(BUILD)/%.ok.d) \
	$(UNIT_TESTS:$(UNIT)/%=$(UNIT)/tests/unit/%.d)
