# SPDX-License-Identifier: BSD-2-Clause
#
# Builds $(BUILD)/bench/mmu: mm/ with the image's own flags, but those that place it high, as a
# program of the host whose instructions valgrind counts. Included by the Makefile at the top.

MMU_BENCH := $(BUILD)/bench
MMU_BENCH_SRCS := $(filter-out mm/host_tables.c,$(wildcard mm/*.c)) lib/strlcpy.c \
	$(wildcard tests/bench/mmu/*.c)
MMU_BENCH_OBJS := $(MMU_BENCH_SRCS:%.c=$(MMU_BENCH)/%.o)
MMU_BENCH_CFLAGS := $(filter-out -mcmodel=kernel,$(CFLAGS)) -Itests/bench/mmu/host $(CPPFLAGS)

$(MMU_BENCH)/mmu: $(MMU_BENCH_OBJS)
	$(call quiet,LINK,$@)
	@$(CC) -no-pie -o $@ $^ -Wl,--wrap=frame_zero

$(MMU_BENCH)/%.o: %.c $(BUILD)/flags | $(GENERATED)
	$(call quiet,HOSTCC,$< (bench))
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(MMU_BENCH_CFLAGS) -MMD -MP -c -o $@ $<

-include $(MMU_BENCH_OBJS:.o=.d)
