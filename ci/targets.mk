# Targets around the build: tests, checks, demo. Included by the Makefile.

.PHONY: help deps demo test unit requirements layers check format format-check lint scenarios fuzz bench clean

help:
	@sed -n 's/^#   //p' Makefile
	@echo "make unit|scenarios|fuzz    parts of make test"
	@echo "make check                  formatting, layers, clang-tidy, cppcheck"
	@echo "make requirements           requirement IDs that no test or scenario names"
	@echo "make bench                  measurements as JSON"
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
	@$(OUT)/harness run scenarios && $(OUT)/harness run --wire scenarios && $(OUT)/harness run --live scenarios

# Renews the part of docs/SCENARIOS.md that comes from the tables of the language.
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
