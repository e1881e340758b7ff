# SPDX-License-Identifier: BSD-2-Clause
#
# Builds $(UNIT)/test_oracle: mm/ once more, over the oracle's lib/atomic.h. Included by the
# Makefile at the top, where CC, UNIT and quiet come from. No AddressSanitizer: the tables
# lie in one mapping where it sees nothing, the judge knows better who may touch what,
# and the coroutines would cost it more than the whole rest. No SILL_DEBUG either: the
# oracle judges what is shipped, and must not need mm/'s own checks to notice.

ORACLE := $(UNIT)/oracle
ORACLE_SRCS := $(filter-out mm/host_tables.c,$(wildcard mm/*.c)) lib/strlcpy.c \
	$(wildcard tests/unit/oracle/*.c)
ORACLE_OBJS := $(ORACLE_SRCS:%.c=$(ORACLE)/%.o)
ORACLE_CFLAGS := -std=gnu11 -g -O2 -fsanitize=undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -Itests/unit/oracle -Itests/unit/host -I. -Wall -Wextra -Werror
ORACLE_LDFLAGS := -Wl,--wrap=frame_alloc_zeroed,--wrap=frame_free,--wrap=kzalloc,--wrap=kfree \
	-Wl,--wrap=slot_create,--wrap=slot_destroy,--wrap=memcpy -lcmocka

unit: $(UNIT)/test_oracle

$(UNIT)/test_oracle: $(ORACLE_OBJS)
	$(call quiet,LINK,$@)
	@$(CC) $(ORACLE_CFLAGS) -o $@ $^ $(ORACLE_LDFLAGS)

$(ORACLE)/%.o: %.c $(BUILD)/flags
	$(call quiet,HOSTCC,$< (oracle))
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(ORACLE_CFLAGS) -MMD -MP -c -o $@ $<

# The same operations once more by real threads, under ThreadSanitizer, which takes the place of
# AddressSanitizer and so wants objects of its own. Few sources: compiled in one go.
TSAN_SRCS := tests/unit/test_tdp_race.c tests/unit/host/host.c lib/strlcpy.c \
	$(filter-out mm/host_tables.c,$(wildcard mm/*.c))

unit: $(UNIT)/tsan_tdp_race

$(UNIT)/tsan_tdp_race: $(TSAN_SRCS) $(UNIT)/tests/unit/test_tdp_race.o $(BUILD)/flags
	$(call quiet,TSAN,$@)
	@$(CC) $(filter-out -fsanitize=%,$(HOST_CFLAGS)) -fsanitize=thread -o $@ $(TSAN_SRCS) \
		-lcmocka -lpthread

-include $(ORACLE_OBJS:.o=.d)
