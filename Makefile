# The front door. `make demo` shows the main job, `make test` is everything that CI runs.

CARGO ?= cargo
CC ?= cc
CFLAGS ?= -O2
# Where everything is built, whatever CARGO_TARGET_DIR says: tests and examples look for it here.
OUT := $(CURDIR)/target
RELEASE := $(OUT)/release
WARNINGS := -std=c99 -Wall -Wextra -Wpedantic -Werror

ifeq ($(shell uname -s),Darwin)
LIBRARY := libr2creds.dylib
SONAME := libr2creds.0.dylib
else
LIBRARY := libr2creds.so
SONAME := libr2creds.so.0
endif

.PHONY: all lib demo test lint bench soak fuzz header clean needs-cargo needs-cc

all: lib

needs-cargo:
	@command -v $(CARGO) >/dev/null && command -v rustc >/dev/null || { echo "missing: cargo and rustc (Rust 1.88 or later)" >&2; exit 1; }

needs-cc:
	@command -v $(CC) >/dev/null || { echo "missing: a C compiler (cc, or make CC=...)" >&2; exit 1; }

# Naming the one crate type lets the linker optimise across all of it; with several, cargo does not.
lib: needs-cargo
	$(CARGO) rustc --release --locked --quiet --lib --crate-type cdylib --target-dir $(OUT)
	@ln -sf $(LIBRARY) $(RELEASE)/$(SONAME)

demo: lib needs-cc
	@mkdir -p $(OUT)/demo
	$(CC) $(CFLAGS) $(WARNINGS) -Iinclude examples/c/mint.c -o $(OUT)/demo/mint -L$(RELEASE) -lr2creds -Wl,-rpath,$(RELEASE)
	@rustc --edition 2024 -O -o $(OUT)/demo/standin examples/standin.rs
	@examples/demo.sh $(OUT)/demo

test: lib needs-cc lint
	R2CREDS_LIB_DIR=$(RELEASE) $(CARGO) test --locked --quiet --target-dir $(OUT)

# A missing tool is a visible line, or with R2CREDS_NO_SKIP=1 a failure.
skip = { echo "skipped: $(1) is not installed"; [ "$${R2CREDS_NO_SKIP:-0}" != 1 ]; }

lint: needs-cargo
	@if $(CARGO) fmt --version >/dev/null 2>&1; then $(CARGO) fmt --check; else $(call skip,rustfmt); fi
	@if $(CARGO) clippy --version >/dev/null 2>&1; \
	then $(CARGO) clippy --locked --quiet --all-targets --target-dir $(OUT) -- -D warnings && \
	     $(CARGO) clippy --locked --quiet --manifest-path benches/Cargo.toml --target-dir $(OUT)/bench -- -D warnings; \
	else $(call skip,clippy); fi

# Against bare hashing and libcurl; it only reports. `make soak` fails if memory, descriptors or threads grow.
bench soak: lib needs-cc
	$(CARGO) run --release --locked --quiet --manifest-path benches/Cargo.toml --target-dir $(OUT)/bench -- \
		$@ $(RELEASE)/$(LIBRARY)

# The reply parser and the parameters, FUZZ_SECONDS each. Needs a C++ compiler; stable Rust will do.
FUZZ_SECONDS ?= 60
FUZZ_TARGET := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
FUZZ_FLAGS := --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares
# An explicit --target keeps the flags away from build scripts.
fuzz: needs-cargo
	@command -v $(CXX) >/dev/null || { echo "missing: a C++ compiler (c++, or make CXX=...)" >&2; exit 1; }
	@mkdir -p fuzz/corpus/envelope fuzz/corpus/params fuzz/artifacts
	cd fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) build --release --locked --quiet --target $(FUZZ_TARGET) --target-dir target
	cd fuzz && target/$(FUZZ_TARGET)/release/envelope -verbosity=0 -print_final_stats=1 -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
		-rss_limit_mb=1024 -dict=envelope.dict -artifact_prefix=artifacts/ corpus/envelope seeds/envelope
	cd fuzz && target/$(FUZZ_TARGET)/release/params -verbosity=0 -print_final_stats=1 -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 \
		-artifact_prefix=artifacts/ corpus/params

# include/r2creds.h from the sources; `make test` fails when it is stale.
header: needs-cargo
	R2CREDS_WRITE_HEADER=1 $(CARGO) test --locked --quiet --target-dir $(OUT) --test header

# The manual, from the header's comments, as target/docs/html/index.html. Anything undocumented is an error.
.PHONY: docs freeze
docs:
	@command -v doxygen >/dev/null || { echo "missing: doxygen" >&2; exit 1; }
	@rm -rf $(OUT)/docs && mkdir -p $(OUT)/docs
	@(cat docs/Doxyfile; echo 'INPUT = include/r2creds.h'; echo 'OUTPUT_DIRECTORY = "$(OUT)/docs"') | doxygen -
	@echo "$(OUT)/docs/html/index.html"

# For a release: keeps the header and the lists of its ABI, see tests/abi/README.md.
FROZEN = tests/abi/$(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
freeze:
	mkdir -p $(FROZEN)
	cp include/r2creds.h tests/abi/layout.txt tests/abi/symbols.txt $(FROZEN)

clean:
	$(CARGO) clean --target-dir $(OUT)
