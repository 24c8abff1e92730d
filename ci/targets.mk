# Targets around the build: tests, checks, demo. Included by the Makefile.

.PHONY: help deps demo test golden unit requirements layers check format format-check lint scenarios fuzz bench clean

help:
	@sed -n 's/^#   //p' Makefile
	@echo "make unit|scenarios|fuzz    parts of make test"
	@echo "make golden                 what agent v1.13.1 did with 52 payloads, against ours"
	@echo "make check                  formatting, layers, clang-tidy, cppcheck"
	@echo "make requirements           requirement IDs that no test or scenario names"
	@echo "make bench                  measurements as JSON"
	@echo "make docs                   renews what docs/ shows of the program's tables"
	@echo "make VARIANT=...            release debug asan clang fuzz cov"

deps:
	@bash ci/deps.sh

# Every unit program of this variant; stops at nothing, counts everything.
.PHONY: unit-build
unit-build: $(UNIT_BIN) $(FUZZ_REPLAY_BIN) all
unit: unit-build
	@ci/run-unit.sh $(OUT)

requirements:
	@python3 ci/requirements.py

layers: all
	@python3 ci/layers.py $(OBJ)

FORMATTED = $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(FORMATTED)
format-check:
	@clang-format --dry-run -Werror $(FORMATTED) && echo "format: clean"

scenarios: all
	@bash ci/scenarios.sh

# What agent v1.13.1 did with recorded payloads, against ours: bodies member by member (unit), then
# everything that is said and asked, by the whole agent.
GOLDEN_UNIT := $(OUT)/tests/unit/engine/test_golden
golden: all $(GOLDEN_UNIT)
	@$(GOLDEN_UNIT)
	@python3 tests/golden/compare.py tests/golden/reference-cases.jsonl $(OUT)/harness build/golden

# Renews the parts of docs/ that come from tables: the scenario language, the settings, the mutations.
.PHONY: docs
docs: all
	@bash ci/docs.sh --write

demo:
	@bash ci/demo.sh

test:
	@bash ci/test.sh

lint:
	@bash ci/lint.sh
check: format-check layers lint

# Libfuzzer programs; short by default.
FUZZ_SECONDS ?= 10
FUZZ_BIN := $(patsubst %.c,build/fuzz/%,$(FUZZ_SRC))
ifeq ($(VARIANT),fuzz)
$(FUZZ_BIN): build/fuzz/%: $(OBJ)/%.o $(LIB_NETKITTEN) $(LIB_HARNESS) $(LIB_FAKES) $(LIB_AGENT)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer $(filter %.o,$^) $(filter %.a,$^) $(HARNESS_LIBS) -o $@
fuzz: $(FUZZ_BIN)
	@ci/run-fuzz.sh $(FUZZ_SECONDS) $(FUZZ_BIN)
else
fuzz:
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzz
endif

bench: all
	@bash ci/bench.sh

clean:
	rm -rf build
