# One non-recursive Makefile. Every .c file below a component's folder belongs to that component,
# so a new file needs no line here.
#
#   make               ecs-agent, harness and netkitten in build/
#   make demo          a task lives and dies on a timeline in this terminal
#   make test          everything a change must pass
#   make help          the other targets

VARIANT ?= release
OUT := build/$(VARIANT)
# Apart from the programs: a folder and a program may have the same name.
OBJ := $(OUT)/obj

WARN := -Wall -Wextra -Werror -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
 -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-qual \
 -Wwrite-strings -Wundef -Wvla -Walloca -Wformat=2 -Wnull-dereference -Wdouble-promotion \
 -Wimplicit-fallthrough -Wdate-time -Wunused-macros
# Zero is the default of every option struct: leaving members out is the house idiom.
WARN += -Wno-missing-field-initializers
GCC_WARN := -Wcast-align=strict -Wformat-signedness -Wduplicated-cond -Wduplicated-branches \
 -Wlogical-op
CLANG_WARN := -Wcast-align -Wcomma -Wunreachable-code -Wmissing-variable-declarations

HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
HARDEN_LD := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack

ifeq ($(VARIANT),release)
CC := gcc
FLAVOUR := -O2 -g $(HARDEN)
FLAVOUR_LD := $(HARDEN_LD)
else ifeq ($(VARIANT),debug)
CC := gcc
FLAVOUR := -O0 -g3
else ifeq ($(VARIANT),asan)
CC := gcc
FLAVOUR := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAVOUR_LD := -fsanitize=address,undefined
# gcc 12 warns about code that the sanitizers themselves insert.
WARN += -Wno-null-dereference
else ifeq ($(VARIANT),clang)
CC := clang
FLAVOUR := -O1 -g
else ifeq ($(VARIANT),fuzz)
CC := clang
FLAVOUR := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FLAVOUR_LD := -fsanitize=address,undefined
else ifeq ($(VARIANT),cov)
CC := gcc
FLAVOUR := -O0 -g --coverage
FLAVOUR_LD := --coverage
else
$(error unknown VARIANT $(VARIANT): release, debug, asan, clang, fuzz, cov)
endif

ifneq (,$(findstring clang,$(CC)))
WARN += $(CLANG_WARN)
else
WARN += $(GCC_WARN)
endif

PACKAGES := libcurl libwebsockets libmicrohttpd libcjson sqlite3 openssl
HARNESS_PACKAGES := yaml-0.1
TEST_PACKAGES := check
pkg_cflags = $(shell pkg-config --cflags $(1) 2>/dev/null | sed 's/-I/-isystem /g')
pkg_libs = $(shell pkg-config --libs $(1) 2>/dev/null)
PKG_CFLAGS := $(call pkg_cflags,$(PACKAGES) $(HARNESS_PACKAGES) $(TEST_PACKAGES))
AGENT_LIBS := $(call pkg_libs,$(PACKAGES)) -lhttp_parser -lm -lpthread
HARNESS_LIBS := $(call pkg_libs,$(HARNESS_PACKAGES)) $(AGENT_LIBS)
TEST_LIBS := $(call pkg_libs,$(TEST_PACKAGES)) $(HARNESS_LIBS)

VERSION := 1.13.1
# With a star when tracked files differ from the commit (PROC-503).
GIT_HASH := $(shell hash=$$(git rev-parse --short=8 HEAD 2>/dev/null) || hash=UNKNOWN; \
 [ $$hash = UNKNOWN ] || git diff --quiet HEAD -- || hash="*$$hash"; echo "$$hash")
CPPFLAGS += -I. -D_GNU_SOURCE $(PKG_CFLAGS)
CFLAGS += -std=gnu17 $(WARN) $(FLAVOUR)
LDFLAGS += $(FLAVOUR_LD) -Wl,--as-needed

find_c = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
AGENT_SRC := $(call find_c,agent)
AGENT_LIB_SRC := $(filter-out agent/main.c,$(AGENT_SRC))
FAKES_LIB_SRC := $(filter-out fakes/main.c,$(call find_c,fakes))
HARNESS_SRC := $(call find_c,harness)
HARNESS_LIB_SRC := $(filter-out harness/main.c,$(HARNESS_SRC))
NETKITTEN_SRC := $(call find_c,netkitten)
NETKITTEN_LIB_SRC := $(filter-out netkitten/main.c,$(NETKITTEN_SRC))
UNIT_MAIN_SRC := $(filter tests/unit/%,$(filter %.c,$(shell find tests/unit -name 'test_*.c' 2>/dev/null)))
UNIT_SUPPORT_SRC := $(filter-out $(UNIT_MAIN_SRC),$(call find_c,tests/unit))
FUZZ_SRC := $(filter tests/fuzz/fuzz_%.c,$(call find_c,tests/fuzz))
BENCH_SRC := $(call find_c,tests/bench)
objects = $(patsubst %.c,$(OBJ)/%.o,$(1))

ALL_SRC := $(AGENT_SRC) $(FAKES_LIB_SRC) $(wildcard fakes/main.c) $(HARNESS_SRC) $(NETKITTEN_SRC) \
 $(UNIT_MAIN_SRC) $(UNIT_SUPPORT_SRC) $(FUZZ_SRC) $(call find_c,tests/fuzz) $(BENCH_SRC)
ALL_OBJ := $(call objects,$(sort $(ALL_SRC)))

LIB_AGENT := $(OUT)/libagent.a
LIB_FAKES := $(OUT)/libfakes.a
LIB_HARNESS := $(OUT)/libharness.a
LIB_NETKITTEN := $(OUT)/libnetkitten.a
LIB_UNIT := $(OUT)/libunit.a
UNIT_BIN := $(patsubst %.c,$(OUT)/%,$(UNIT_MAIN_SRC))
FUZZ_REPLAY_BIN := $(patsubst %.c,$(OUT)/%.replay,$(FUZZ_SRC))

# A harness around an agent with defects that can be switched on (agent/base/mutation.h): the files
# that have any are compiled once more; what they define keeps their namesakes in the library out.
MUTANT_SRC := $(sort $(shell grep -rlw ECA_MUTATION --include='*.c' agent) agent/base/mutation.c)
MUTANT_OBJ := $(patsubst %.c,$(OUT)/mutant/%.o,$(MUTANT_SRC))

BIN := $(if $(wildcard agent/main.c),$(OUT)/ecs-agent) $(if $(wildcard harness/main.c),$(OUT)/harness) \
 $(OUT)/harness-mutant $(OUT)/netkitten

.PHONY: all
all: $(BIN) $(LIB_AGENT) $(LIB_FAKES) $(LIB_HARNESS)
	@mkdir -p build
ifeq ($(VARIANT),release)
	@for b in $(notdir $(BIN)); do ln -sfn $(VARIANT)/$$b build/$$b; done
endif

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# The version is a build constant of exactly one object file (PROC-503). The stamp changes, and the
# object with it, when the version does.
VERSION_STAMP := $(OBJ)/version.stamp
$(shell mkdir -p $(OBJ); [ "$$(cat $(VERSION_STAMP) 2>/dev/null)" = "$(VERSION) $(GIT_HASH)" ] || \
 echo "$(VERSION) $(GIT_HASH)" >$(VERSION_STAMP))
$(OBJ)/agent/base/version.o: CPPFLAGS += -DECA_VERSION='"$(VERSION)"' -DECA_GIT_HASH='"$(GIT_HASH)"'
$(OBJ)/agent/base/version.o: $(VERSION_STAMP)

$(OBJ)/harness/report/html.o: harness/report/page.html

# Both files are part of the program.
$(OBJ)/agent/introspection/license.o: LICENSE NOTICE

$(LIB_AGENT): $(call objects,$(AGENT_LIB_SRC))
$(LIB_FAKES): $(call objects,$(FAKES_LIB_SRC))
$(LIB_HARNESS): $(call objects,$(HARNESS_LIB_SRC))
$(LIB_NETKITTEN): $(call objects,$(NETKITTEN_LIB_SRC))
$(LIB_UNIT): $(call objects,$(UNIT_SUPPORT_SRC))
$(OUT)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(OUT)/ecs-agent: $(OBJ)/agent/main.o $(LIB_AGENT)
	$(CC) $(LDFLAGS) $^ $(AGENT_LIBS) -o $@
$(OUT)/harness: $(OBJ)/harness/main.o $(LIB_HARNESS) $(LIB_FAKES) $(LIB_AGENT)
	$(CC) $(LDFLAGS) $^ $(HARNESS_LIBS) -o $@
$(OUT)/mutant/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -DECA_MUTATIONS $(CFLAGS) -MMD -MP -c $< -o $@
$(OUT)/harness-mutant: $(OBJ)/harness/main.o $(MUTANT_OBJ) $(LIB_HARNESS) $(LIB_FAKES) $(LIB_AGENT)
	$(CC) $(LDFLAGS) $^ $(HARNESS_LIBS) -o $@
# netkitten is the only file of its container image: static, no library of the agent (NKT-101, NKT-104).
$(OUT)/netkitten: $(OBJ)/netkitten/main.o $(LIB_NETKITTEN)
	$(CC) $(filter-out -pie,$(LDFLAGS)) $(if $(filter release debug clang cov,$(VARIANT)),-static) $^ -o $@

$(UNIT_BIN): $(OUT)/%: $(OBJ)/%.o $(LIB_UNIT) $(LIB_NETKITTEN) $(LIB_HARNESS) $(LIB_FAKES) $(LIB_AGENT)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(TEST_LIBS) -o $@

# These tests run the program beside them.
$(OUT)/tests/unit/netkitten/test_netkitten: | $(OUT)/netkitten
$(OUT)/tests/unit/sys/test_commands: | $(OUT)/ecs-agent

$(FUZZ_REPLAY_BIN): $(OUT)/%.replay: $(OBJ)/%.o $(OBJ)/tests/fuzz/replay_main.o $(LIB_NETKITTEN) $(LIB_HARNESS) $(LIB_FAKES) $(LIB_AGENT)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(HARNESS_LIBS) -o $@

-include $(wildcard $(ALL_OBJ:.o=.d) $(MUTANT_OBJ:.o=.d))
-include ci/targets.mk
