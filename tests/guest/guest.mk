# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the bare-metal test guests: multiboot 1 images, ELF32, in build/guest/NAME.elf, and the
# modules that the boot guest is given. Included by the Makefile at the top; target `guests`.
# CC, LD, V and quiet come from there.
# How each is run, and what it must end with, is in expect.txt.

GUEST_OUT := build/guest

GUEST_NAMES64 := boot cpuid msr cr pio hlt except paging fpu debugregs lapic mmio memory \
	exitcode reset hostile_triple hostile_fetch hostile_mmio hostile_ports hostile_msrs \
	hostile_insns hostile_idt hostile_cr3 hostile_debug hostile_spin hostile_reset \
	startup ipi smp_touch hostile_smp share late bench dirty fw_cfg drift pvclock \
	x2apic apic_exits inject pic_modes timers
GUEST_NAMES32 := hello except32 paging32 mmio32 real hostile_starve
# A guest is NAME.c and, where there are such files, NAME_*.c and NAME_*.S; or other files.
GUEST_FILES_mmio := mmio mmio64
GUEST_FILES_mmio32 := mmio mmio32
GUEST_FILES_paging32 := paging32 paging_access

GUEST_ELFS := $(patsubst %,$(GUEST_OUT)/%.elf,$(GUEST_NAMES64) $(GUEST_NAMES32))
GUEST_MODULES := $(GUEST_OUT)/mod0.bin $(GUEST_OUT)/mod1.bin

OBJCOPY ?= objcopy
PYTHON ?= python3

GUEST_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing \
	-mgeneral-regs-only -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wundef -Werror -I.
GUEST_CFLAGS64 := $(GUEST_CFLAGS) -m64 -mcmodel=small -mno-red-zone
GUEST_CFLAGS32 := $(GUEST_CFLAGS) -m32 -march=i686
GUEST_LDFLAGS := -T tests/guest/lib/guest.ld -z max-page-size=4096 -z noexecstack \
	--build-id=none

# $(call guest_objects,SOURCES,BITS)
guest_objects = $(patsubst %,$(GUEST_OUT)/$2/%.o,$(basename $1))
guest_sources = $(wildcard $(foreach name,$(or $(GUEST_FILES_$1),$1),$(foreach \
	dir,tests/guest tests/bench,$(addprefix $(dir)/$(name),.c _*.c _*.S))))

GUEST_LIB := $(wildcard tests/guest/lib/*.c) tests/guest/lib/isr.S
GUEST_LIB64 := $(call guest_objects,$(GUEST_LIB),64) \
	$(GUEST_OUT)/64/tests/guest/lib/start64.o $(GUEST_OUT)/64/tests/guest/lib/smp64_code.o
GUEST_LIB32 := $(call guest_objects,$(filter-out %64.c,$(GUEST_LIB)) \
	tests/guest/lib/start32.S,32)

.PHONY: guests
guests: $(GUEST_ELFS) $(GUEST_MODULES)

$(GUEST_OUT)/64/%.o: %.c tests/guest/guest.mk
	$(call quiet,CC64,$<)
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(GUEST_CFLAGS64) -MMD -MP -c -o $@ $<

$(GUEST_OUT)/64/%.o: %.S tests/guest/guest.mk
	$(call quiet,AS64,$<)
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(GUEST_CFLAGS64) -MMD -MP -c -o $@ $<

$(GUEST_OUT)/32/%.o: %.c tests/guest/guest.mk
	$(call quiet,CC32,$<)
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(GUEST_CFLAGS32) -MMD -MP -c -o $@ $<

$(GUEST_OUT)/32/%.o: %.S tests/guest/guest.mk
	$(call quiet,AS32,$<)
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(GUEST_CFLAGS32) -MMD -MP -c -o $@ $<

# QEMU's multiboot loader takes 64-bit code only in an ELF32 container.
define guest_link64
$(GUEST_OUT)/64/$1.elf: $(call guest_objects,$(call guest_sources,$1),64) $(GUEST_LIB64) \
		tests/guest/lib/guest.ld
	$(call quiet,LINK,$$@)
	$(if $(V),,@)$(LD) -m elf_x86_64 $(GUEST_LDFLAGS) -o $$@ $$(filter %.o,$$^)

$(GUEST_OUT)/$1.elf: $(GUEST_OUT)/64/$1.elf
	@$(OBJCOPY) -O elf32-i386 $$< $$@
endef

define guest_link32
$(GUEST_OUT)/$1.elf: $(call guest_objects,$(call guest_sources,$1),32) $(GUEST_LIB32) \
		tests/guest/lib/guest.ld
	$(call quiet,LINK,$$@)
	$(if $(V),,@)$(LD) -m elf_i386 $(GUEST_LDFLAGS) -o $$@ $$(filter %.o,$$^)
endef

$(foreach name,$(GUEST_NAMES64),$(eval $(call guest_link64,$(name))))
$(foreach name,$(GUEST_NAMES32),$(eval $(call guest_link32,$(name))))

# Byte i of module n is (7 * i + n + 1) mod 256; see boot.c. Odd sizes on purpose.
$(GUEST_OUT)/mod0.bin: tests/guest/guest.mk
	@mkdir -p $(@D)
	@$(PYTHON) -c 'open("$@", "wb").write(bytes((7 * i + 1) % 256 for i in range(4097)))'

$(GUEST_OUT)/mod1.bin: tests/guest/guest.mk
	@mkdir -p $(@D)
	@$(PYTHON) -c 'open("$@", "wb").write(bytes((7 * i + 2) % 256 for i in range(70001)))'

-include $(shell find $(GUEST_OUT) -name '*.d' 2>/dev/null)
