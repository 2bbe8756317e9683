# The front door. `make demo` shows the main job, `make test` is everything that CI runs.

CARGO ?= cargo
CC ?= cc
CFLAGS ?= -O2
# Where everything is built, whatever CARGO_TARGET_DIR says: tests and examples look for it here.
OUT := $(CURDIR)/target
RELEASE := $(OUT)/release
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
TARGET := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
WARNINGS := -std=c99 -Wall -Wextra -Wpedantic -Werror

ifeq ($(shell uname -s),Darwin)
LIBRARY := libr2creds.dylib
SONAME := libr2creds.0.dylib
INSTALLED := libr2creds.$(VERSION).dylib
else
LIBRARY := libr2creds.so
SONAME := libr2creds.so.0
INSTALLED := libr2creds.so.$(VERSION)
endif

.PHONY: all lib static install uninstall dist demo test lint bench soak fuzz header docs freeze clean emulator e2e \
	wheel venv go-prefix go-static needs-cargo needs-cc needs-python needs-go \
	test-rust test-emulator test-python python-tests test-go go-tests e2e-tests e2e-go bench-rust bench-python bench-go
# cargo uses all processors by itself, and the suites share a virtual environment.
.NOTPARALLEL:

all: lib static

needs-cargo:
	@command -v $(CARGO) >/dev/null && command -v rustc >/dev/null || { echo "missing: cargo and rustc (Rust 1.88 or later)" >&2; exit 1; }

needs-cc:
	@command -v $(CC) >/dev/null || { echo "missing: a C compiler (cc, or make CC=...)" >&2; exit 1; }

# Naming the one crate type lets the linker optimise across all of it; with several, cargo does not. Panic messages name
# source files, so these get names that are the same on every machine. A registry's folder exists only after a fetch:
# `cargo tree` fetches what the library is made of, where `cargo fetch` would fetch what the tests use too.
remap = $$(for folder in "$${CARGO_HOME:-$$HOME/.cargo}"/registry/src/*; do \
	printf ' --remap-path-prefix=%s=crates' "$$folder"; done) --remap-path-prefix=$(CURDIR)=r2creds
build = $(CARGO) tree --locked --quiet --edges no-dev --target $(TARGET) >/dev/null && RUSTFLAGS="$(RUSTFLAGS)$(remap)" \
	$(CARGO) rustc --release --locked --quiet --lib --target-dir $(OUT) --crate-type

lib: needs-cargo
	@$(build) cdylib
	@ln -sf $(LIBRARY) $(RELEASE)/$(SONAME)

# rustc's archive has 300 members and everybody's names in it, so a program could hold only one such archive. Here it
# becomes one member that shows nothing but r2creds_*. Without --force-group-allocation a caught panic would crash: each
# member's reference to the unwinder is in a group, which the final link would take from another Rust archive.
# Embedded bitcode is of no use, and confuses binutils when an older LLVM's plugin is installed.
STATIC := $(RELEASE)/static/libr2creds.a
NATIVE_LIBS := $(RELEASE)/static/native-libs
LD ?= ld
OBJCOPY ?= objcopy
STRIP ?= strip
static: needs-cargo
	@mkdir -p $(RELEASE)/static
	@$(build) staticlib -- --print native-static-libs=$(NATIVE_LIBS) 2>$(NATIVE_LIBS).log || \
	{ cat $(NATIVE_LIBS).log >&2; exit 1; }
ifeq ($(shell uname -s),Darwin)
	@cp $(RELEASE)/libr2creds.a $(STATIC)
else
	@command -v $(OBJCOPY) >/dev/null || { echo "missing: objcopy (binutils)" >&2; exit 1; }
	@if ! [ $(STATIC) -nt $(RELEASE)/libr2creds.a ]; then set -e; cd $(RELEASE)/static; rm -f libr2creds.a; \
	$(LD) -r --gc-sections --force-group-allocation $$(sed 's/^/-u /' $(CURDIR)/tests/abi/symbols.txt) \
		-o r2creds.o ../libr2creds.a; \
	$(OBJCOPY) --remove-section=.llvmbc --remove-section=.llvmcmd --wildcard --keep-global-symbol='r2creds_*' r2creds.o; \
	$(STRIP) --strip-unneeded r2creds.o; $(AR) rcsD libr2creds.a r2creds.o; rm r2creds.o; fi
endif

# `make && sudo make install`: what is built is only built anew, and cargo only needed, where a source is newer.
# LIBDIR is below PREFIX; the installed tree may be moved. (`make install LIBDIR=lib/x86_64-linux-gnu`)
PREFIX ?= /usr/local
LIBDIR ?= lib
INSTALL ?= install
SOURCES := Cargo.toml Cargo.lock build.rs $(shell find src -type f)
HEADERS := $(wildcard include/r2creds.h include/r2creds.hpp)
MANUALS := $(wildcard docs/*.3)
$(RELEASE)/$(LIBRARY): $(SOURCES)
	@$(MAKE) lib && touch -c $@
$(STATIC): $(SOURCES)
	@$(MAKE) static && touch -c $@

lib_to := $(DESTDIR)$(PREFIX)/$(LIBDIR)
doc_to := $(DESTDIR)$(PREFIX)/share/doc/r2creds
man_to := $(DESTDIR)$(PREFIX)/share/man/man3
# From $(LIBDIR) back to the prefix: ".." or "../..". The compiler driver links libgcc_s and libc by itself, and
# `cc -static` could not find a libgcc_s.
fill = sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' \
	-e 's|@INSTALLED@|$(INSTALLED)|g' -e 's|@SONAME@|$(SONAME)|g' \
	-e "s|@UP@|$$(echo $(LIBDIR) | sed 's|[^/][^/]*|..|g')|g" \
	-e "s|@NATIVE_LIBS@|$$(sed -e 's/-lgcc_s//' -e 's/-lc$$//' -e 's/^ *//' -e 's/ *$$//' $(NATIVE_LIBS))|g"

install: $(RELEASE)/$(LIBRARY) $(STATIC)
	@$(INSTALL) -d "$(lib_to)/pkgconfig" "$(lib_to)/cmake/r2creds" "$(DESTDIR)$(PREFIX)/include" "$(doc_to)"
	@$(INSTALL) -m 755 $(RELEASE)/$(LIBRARY) "$(lib_to)/$(INSTALLED)"
	@ln -sf $(INSTALLED) "$(lib_to)/$(SONAME)"
	@ln -sf $(SONAME) "$(lib_to)/$(LIBRARY)"
	@$(INSTALL) -m 644 $(STATIC) "$(lib_to)"
	@$(INSTALL) -m 644 $(HEADERS) "$(DESTDIR)$(PREFIX)/include"
	@$(INSTALL) -m 644 LICENSE-APACHE LICENSE-MIT "$(doc_to)"
	@$(fill) packaging/r2creds.pc.in > "$(lib_to)/pkgconfig/r2creds.pc"
	@$(fill) packaging/r2creds-config.cmake.in > "$(lib_to)/cmake/r2creds/r2creds-config.cmake"
	@$(fill) packaging/r2creds-config-version.cmake.in > "$(lib_to)/cmake/r2creds/r2creds-config-version.cmake"
	@chmod 644 "$(lib_to)/pkgconfig/r2creds.pc" "$(lib_to)"/cmake/r2creds/*.cmake
ifneq ($(MANUALS),)
	@$(INSTALL) -d "$(man_to)"
	@$(INSTALL) -m 644 $(MANUALS) "$(man_to)"
endif
	@echo "installed below $(DESTDIR)$(PREFIX)"

uninstall:
	@rm -f "$(lib_to)/$(INSTALLED)" "$(lib_to)/$(SONAME)" "$(lib_to)/$(LIBRARY)" "$(lib_to)/libr2creds.a"
	@rm -f "$(lib_to)/pkgconfig/r2creds.pc"
	@rm -f "$(DESTDIR)$(PREFIX)/include/r2creds.h" "$(DESTDIR)$(PREFIX)/include/r2creds.hpp"
	@rm -rf "$(lib_to)/cmake/r2creds" "$(doc_to)"
	@rm -f $(foreach page,$(notdir $(MANUALS)),"$(man_to)/$(page)")

# The installed tree as target/dist/r2creds-<version>-<target>.tar.gz, with its checksum. The same bytes for the same
# commit, where tar is GNU's.
PACKAGE := r2creds-$(VERSION)-$(TARGET)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
GNU_TAR_FLAGS = $(if $(findstring GNU,$(shell tar --version)),--sort=name --owner=0 --group=0 --numeric-owner \
	--mtime=@$(SOURCE_DATE_EPOCH))
CHECKSUM = $(if $(shell command -v sha256sum),sha256sum,shasum -a 256)
dist:
	@rm -rf $(OUT)/dist && mkdir -p $(OUT)/dist
	@$(MAKE) --no-print-directory install DESTDIR=$(OUT)/dist/tree PREFIX=/$(PACKAGE) LIBDIR=lib >/dev/null
	@cd $(OUT)/dist && tar $(GNU_TAR_FLAGS) -C tree -cf $(PACKAGE).tar $(PACKAGE) && gzip -n9 $(PACKAGE).tar
	@cd $(OUT)/dist && rm -rf tree && $(CHECKSUM) $(PACKAGE).tar.gz > $(PACKAGE).tar.gz.sha256
	@echo "$(OUT)/dist/$(PACKAGE).tar.gz"

demo: lib needs-cc
	@mkdir -p $(OUT)/demo
	$(CC) $(CFLAGS) $(WARNINGS) -Iinclude examples/c/mint.c -o $(OUT)/demo/mint -L$(RELEASE) -lr2creds -Wl,-rpath,$(RELEASE)
	@if [ -n "$$CLOUDFLARE_API_TOKEN$$R2_PARENT_SECRET_ACCESS_KEY" ]; then examples/demo.sh $(OUT)/demo/mint; \
	else $(CARGO) build --locked --quiet $(emulator) && \
	     examples/demo.sh $(OUT)/demo/mint $(EMULATOR); fi

test: lint test-rust test-emulator test-python test-go e2e

# A missing tool is a visible line, or with R2CREDS_NO_SKIP=1 a failure.
skip = { echo "skipped: $(1) is not installed"; [ "$${R2CREDS_NO_SKIP:-0}" != 1 ]; }
CLIPPY = $(CARGO) clippy --locked --quiet --all-targets

lint: needs-cargo
	@if $(CARGO) fmt --version >/dev/null 2>&1; then $(CARGO) fmt --all --check && \
	     $(CARGO) fmt --manifest-path emulator/Cargo.toml --check; else $(call skip,rustfmt); fi
	@if $(CARGO) clippy --version >/dev/null 2>&1; \
	then $(CLIPPY) --target-dir $(OUT) -- -D warnings && \
	     $(CLIPPY) $(emulator) -- -D warnings && \
	     $(CLIPPY) --manifest-path benches/Cargo.toml --target-dir $(OUT)/bench -- -D warnings; \
	else $(call skip,clippy); fi

test-rust: lib static needs-cc
	R2CREDS_LIB_DIR=$(RELEASE) $(CARGO) test --locked --quiet --target-dir $(OUT)

# A Cloudflare R2 on loopback with an example account, for your own tests. emulator/README.md says what it does.
EMULATOR := $(OUT)/debug/r2-emulator
emulator := --manifest-path emulator/Cargo.toml --target-dir $(OUT)
emulator: needs-cargo
	@$(CARGO) build --locked --quiet $(emulator)
	@echo "# An R2 for your tests, until Ctrl-C. In another shell:"
	@exec $(EMULATOR) --env

test-emulator: needs-cargo
	$(CARGO) test --locked --quiet $(emulator)

# Python. The wheel is target/wheel/r2creds-<version>-py3-none-<platform>.whl, with the library that `make lib` builds.
PYTHON ?= python3
VENV := $(OUT)/venv
PIP := $(VENV)/bin/pip --disable-pip-version-check --quiet
python_since = $(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, $(1)))' 2>/dev/null
needs-python:
	@$(call python_since,9) || { echo "missing: python3 (3.9 or later) with venv" >&2; exit 1; }

$(VENV)/bin/pip: | needs-python
	@$(PYTHON) -m venv $(VENV)

wheel: lib $(VENV)/bin/pip
	@rm -rf $(OUT)/wheel
	@R2CREDS_LIBRARY=$(RELEASE)/$(LIBRARY) $(PIP) wheel --no-deps --wheel-dir $(OUT)/wheel ./bindings/python
	@echo $(OUT)/wheel/*.whl

# A virtual environment with the wheel, and what the tests use.
venv: wheel
	@cd bindings/python/tests && cmp -s requirements.txt $(VENV)/requirements.txt || \
	{ $(PIP) install -r requirements.txt && cp requirements.txt $(VENV)/; }
	@$(PIP) install --force-reinstall --no-deps $(OUT)/wheel/*.whl

# What the tests use wants a newer Python than the package.
tests_python = $(call python_since,11)
skip_python = $(call skip,python3 (3.11 or later) with venv)
test-python:
	@if $(tests_python); then $(MAKE) --no-print-directory python-tests; else $(skip_python); fi

python-tests: venv
	cd bindings/python && $(VENV)/bin/ruff check --no-cache && $(VENV)/bin/ruff format --no-cache --check
	cd bindings/python && $(VENV)/bin/mypy --cache-dir $(OUT)/mypy
	cd bindings/python && $(VENV)/bin/pytest --quiet

# Go. GO_PREFIX is an installed tree for it; the static library goes into the module, where git ignores it.
GO ?= go
GO_PREFIX := $(OUT)/go-prefix
GO_STATIC := bindings/go/internal/static
GO_ENV := PKG_CONFIG_PATH=$(GO_PREFIX)/$(LIBDIR)/pkgconfig LD_LIBRARY_PATH=$(GO_PREFIX)/$(LIBDIR)
needs-go: needs-cc
	@command -v $(GO) >/dev/null || { echo "missing: go (1.22 or later)" >&2; exit 1; }
	@command -v pkg-config >/dev/null || { echo "missing: pkg-config" >&2; exit 1; }

go-prefix:
	@$(MAKE) --no-print-directory install DESTDIR= PREFIX=$(GO_PREFIX) >/dev/null

# The flags in link_static.go, which cannot be read from a file, have to be what rustc names. cc links libgcc_s and
# libc by itself.
go_flags = $$(sed -n 's/^.*\#cgo $(if $(filter Darwin,$(shell uname -s)),darwin,linux) LDFLAGS: //p' bindings/go/link_static.go)
go-static: $(STATIC)
	@named=$$(sed -e 's/-lgcc_s//' -e 's/-lc$$//' -e 's/^ *//' -e 's/ *$$//' $(NATIVE_LIBS)); \
	[ "$$named" = "$(go_flags)" ] || { echo "bindings/go/link_static.go: rustc names other libraries: $$named" >&2; exit 1; }
	@cp $(STATIC) include/r2creds.h $(GO_STATIC)
	@printf '#define R2CREDS_ARCHIVE "%s"\n' "$$($(CHECKSUM) < $(STATIC))" > $(GO_STATIC)/archive.h

# -count=1, because Go's cache of results does not know the library, nor its cache of objects the header; hence the sum.
go_test = $(GO) test -count=1
go_header := CGO_CPPFLAGS=-DR2CREDS_HEADER=$(firstword $(shell cksum < include/r2creds.h))
test-go: lib static
	@if command -v $(GO) >/dev/null && command -v pkg-config >/dev/null; then $(MAKE) --no-print-directory go-tests; \
	else $(call skip,go (1.22 or later) or pkg-config); fi

go-tests: go-prefix go-static
	@unformatted=$$(cd bindings/go && gofmt -l .); [ -z "$$unformatted" ] || { echo "not as gofmt has it: $$unformatted" >&2; exit 1; }
	cd bindings/go && export $(GO_ENV) $(go_header) && $(GO) vet ./... && $(GO) vet -tags r2creds_static ./... && \
	$(go_test) ./... && $(go_test) -tags r2creds_static . && $(go_test) -race . && \
	GOEXPERIMENT=cgocheck2 GODEBUG=cgocheck=1 GOGC=1 $(go_test) .
	cd bindings/go/r2aws && export $(GO_ENV) $(go_header) && $(GO) vet . && $(go_test) -race .

# Real S3 clients use credentials from C, Python and Go against the emulator, and are refused what was not granted.
e2e: needs-cargo
	@if $(tests_python); then $(MAKE) --no-print-directory e2e-tests; else $(skip_python); fi

e2e-tests: venv needs-cc
	@$(CARGO) build --locked --quiet $(emulator)
	@mkdir -p $(OUT)/e2e
	@$(CC) $(CFLAGS) $(WARNINGS) -Iinclude tests/e2e/mint.c -o $(OUT)/e2e/mint -L$(RELEASE) -lr2creds -Wl,-rpath,$(RELEASE)
	@rm -f $(OUT)/e2e/go; if command -v $(GO) >/dev/null; then $(MAKE) --no-print-directory e2e-go; else $(call skip,go); fi
	@$(VENV)/bin/ruff check --quiet --no-cache --config bindings/python/pyproject.toml tests/e2e
	@$(VENV)/bin/ruff format --quiet --no-cache --config bindings/python/pyproject.toml --check tests/e2e
	@$(VENV)/bin/mypy --no-error-summary --cache-dir $(OUT)/mypy --config-file bindings/python/pyproject.toml tests/e2e
	$(VENV)/bin/pytest --quiet -p no:cacheprovider -rs tests/e2e

e2e-go: static go-static
	@cd tests/e2e/go && unformatted=$$(gofmt -l .) && [ -z "$$unformatted" ] || { echo "not as gofmt has it: tests/e2e/go" >&2; exit 1; }
	@cd tests/e2e/go && $(GO) vet -tags r2creds_static . && $(GO) build -tags r2creds_static -o $(OUT)/e2e/go .

# Each language against the C call and against what else there is; they only report.
bench: bench-rust bench-python bench-go

# Against bare hashing and libcurl. `make soak` fails if memory, descriptors or threads grow.
bench-rust soak: lib needs-cc
	$(CARGO) run --release --locked --quiet --manifest-path benches/Cargo.toml --target-dir $(OUT)/bench -- \
		$(@:bench-rust=bench) $(RELEASE)/$(LIBRARY)

# And cloudflare-python.
BENCH_VENV := $(OUT)/venv-bench
BENCH_PIP := $(BENCH_VENV)/bin/pip --disable-pip-version-check --quiet
bench-python: wheel needs-cc
	@[ -x $(BENCH_VENV)/bin/pip ] || $(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_PIP) install -r bindings/python/bench/requirements.txt
	@$(BENCH_PIP) install --force-reinstall --no-deps $(OUT)/wheel/*.whl
	@$(BENCH_VENV)/bin/python bindings/python/bench/bench.py $(OUT)/wheel/*.whl

# Go's own benchmarks, which benchstat reads, and the same program with cloudflare-go.
bench-go: needs-go lib static
	@$(MAKE) --no-print-directory go-prefix go-static
	@cd bindings/go/bench && export $(GO_ENV) $(go_header) && $(GO) test -run '^$$' -bench . -count 5 . && ./compare.sh

# The reply parser and the parameters, FUZZ_SECONDS each. Needs a C++ compiler; stable Rust will do.
FUZZ_SECONDS ?= 60
FUZZ_FLAGS := --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares
# An explicit --target keeps the flags away from build scripts.
fuzz: needs-cargo
	@command -v $(CXX) >/dev/null || { echo "missing: a C++ compiler (c++, or make CXX=...)" >&2; exit 1; }
	@mkdir -p fuzz/corpus/envelope fuzz/corpus/params fuzz/artifacts
	cd fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) build --release --locked --quiet --target $(TARGET) --target-dir target
	cd fuzz && target/$(TARGET)/release/envelope -verbosity=0 -print_final_stats=1 -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
		-rss_limit_mb=1024 -dict=envelope.dict -artifact_prefix=artifacts/ corpus/envelope seeds/envelope
	cd fuzz && target/$(TARGET)/release/params -verbosity=0 -print_final_stats=1 -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 \
		-artifact_prefix=artifacts/ corpus/params

# include/r2creds.h from the sources; `make test` fails when it is stale.
header: needs-cargo
	R2CREDS_WRITE_HEADER=1 $(CARGO) test --locked --quiet --target-dir $(OUT) --test header

# The manual, from the header's comments, as target/docs/html/index.html. Anything undocumented is an error.
docs:
	@command -v doxygen >/dev/null || { echo "missing: doxygen" >&2; exit 1; }
	@rm -rf $(OUT)/docs && mkdir -p $(OUT)/docs
	@(cat docs/Doxyfile; echo 'INPUT = include/r2creds.h'; echo 'OUTPUT_DIRECTORY = "$(OUT)/docs"') | doxygen -
	@echo "$(OUT)/docs/html/index.html"

# For a release: keeps the header and the lists of its ABI, see tests/abi/README.md.
freeze:
	mkdir -p tests/abi/$(VERSION)
	cp include/r2creds.h tests/abi/layout.txt tests/abi/symbols.txt tests/abi/$(VERSION)

clean:
	$(CARGO) clean --target-dir $(OUT)
	rm -f $(GO_STATIC)/libr2creds.a $(GO_STATIC)/*.h
