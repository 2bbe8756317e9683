# The front door: `make help` lists it. A recipe of more than a few lines is a script, in scripts/.

CARGO ?= cargo
CC ?= cc
CFLAGS ?= -O2
GO ?= go
PYTHON ?= python3
# LIBDIR is below PREFIX (LIBDIR=lib/x86_64-linux-gnu). The installed tree may be moved.
PREFIX ?= /usr/local
LIBDIR ?= lib
# Where everything is built, whatever CARGO_TARGET_DIR says: tests and examples look for it here.
OUT := $(CURDIR)/target
# For the scripts. Not CC and CFLAGS, which cargo would hand on to AWS-LC's C code.
export OUT PREFIX LIBDIR

RELEASE := $(OUT)/release
SHARED := $(RELEASE)/libr2creds.$(if $(filter Darwin,$(shell uname -s)),dylib,so)
STATIC := $(RELEASE)/static/libr2creds.a
PROGRAM := $(RELEASE)/r2creds
EMULATOR := $(OUT)/debug/r2-emulator

# cargo uses all processors by itself, and the suites share a virtual environment.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
.PHONY: all help lib program install uninstall package dist demo emulator test lint test-rust test-cli \
	test-emulator test-python test-go e2e run-test-python run-test-go run-e2e bench bench-rust bench-python bench-go soak \
	sdks fuzz smoke-platforms test-platforms check-macos reproducible header pages notices advisories docs freeze wheel \
	venv go-prefix go-env storm-go clean $(EMULATOR)

all: lib program ## the library and the command line; plain `make` does this
help: ## this list
	@awk -F ':.* ## ' '/^[a-z0-9-]+:.* ## / { printf "%-14s %s\n", $$1, $$2 }' Makefile

# A target that needs a tool has needs-TOOL before it: if it is missing, one line says so, and make fails.
needs-%:
	@scripts/tools.sh need $*
# What may be left out is run by this: if a tool is missing, one line says so, and only R2CREDS_NO_SKIP=1 makes it fail.
unless-missing := scripts/tools.sh skip

lib: needs-cargo ## the library: shared in target/release, static in target/release/static
	@scripts/build.sh library
program: lib ## the command line, in target/release
	@scripts/build.sh program
# For `make && sudo make install`: cargo is only needed where a source is newer than what is built.
SOURCES := Cargo.toml Cargo.lock .cargo/config.toml build.rs scripts/build.sh $(shell find src -type f)
$(SHARED) $(STATIC): $(SOURCES)
	@$(MAKE) lib && touch -c $(SHARED) $(STATIC)

$(PROGRAM): $(SOURCES) $(wildcard cli/src/*) cli/Cargo.toml cli/Cargo.lock | $(SHARED)
	@$(MAKE) program && touch -c $@
install: $(SHARED) $(STATIC) $(PROGRAM) ## all that is built, headers, manuals, pkg-config and CMake files (PREFIX= ...)
	@scripts/install.sh install
uninstall: ## takes away what `make install` put there
	@scripts/install.sh uninstall
package: needs-cargo ## every package that this machine can make, in target/package, each installed and used
	@scripts/package.sh
dist: $(SHARED) $(STATIC) $(PROGRAM) ## the installed tree as target/dist/r2creds-<version>-<target>.tar.gz
	@scripts/dist.sh

# C programs, linked to the shared library where it was built.
$(OUT)/demo/mint: examples/c/mint.c
$(OUT)/e2e/mint: tests/e2e/mint.c
$(OUT)/demo/mint $(OUT)/e2e/mint: needs-cc lib
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -std=c99 -Wall -Wextra -Wpedantic -Werror -Iinclude $(filter %.c,$^) -o $@ \
		-L$(RELEASE) -lr2creds -Wl,-rpath,$(RELEASE)

# $(value ...), because a dollar in a key is not for make to expand.
own-keys := $(value CLOUDFLARE_API_TOKEN)$(value R2_PARENT_SECRET_ACCESS_KEY)
demo: $(OUT)/demo/mint $(if $(own-keys),,$(EMULATOR)) ## the main job: with your keys, or with an R2 on loopback
	@examples/demo.sh $^

emulator-flags := --locked --quiet --manifest-path emulator/Cargo.toml --target-dir $(OUT)
$(EMULATOR): needs-cargo
	@$(CARGO) build $(emulator-flags)
emulator: $(EMULATOR) ## an R2 on loopback for your own tests, until Ctrl-C
	@echo "# An R2 for your tests, until Ctrl-C. In another shell:"
	@exec $(EMULATOR) --env

test: lint test-rust test-cli test-emulator test-python test-go e2e ## all tests of this machine
lint: needs-cargo ## formats, warnings, and the licences and sources of others' code
	@scripts/lint.sh
test-rust: needs-cc lib program ## the library, from Rust, C and C++, and as it is installed
	R2CREDS_LIB_DIR=$(RELEASE) $(CARGO) test --locked --quiet --target-dir $(OUT)
test-cli: needs-cargo ## the command line's man pages and completions; the rest is in test-python and e2e
	$(CARGO) test --locked --quiet --manifest-path cli/Cargo.toml --target-dir $(OUT)/program
test-emulator: needs-cargo ## the emulator
	$(CARGO) test $(emulator-flags)
# What Python's tests use wants a newer one than the package.
test-python: ## the Python package
	@$(unless-missing) python3.11 -- $(MAKE) run-test-python
run-test-python: venv
	@scripts/test-python.sh
test-go: ## the Go module
	@$(unless-missing) go pkg-config -- $(MAKE) run-test-go
run-test-go: needs-cc go-prefix
	@$(go-env) scripts/test-go.sh
e2e: ## real S3 clients with credentials from each language, against the emulator
	@$(unless-missing) python3.11 -- $(MAKE) run-e2e
run-e2e: venv program go-prefix $(EMULATOR) $(OUT)/e2e/mint
	@$(go-build) scripts/e2e.sh

PIP := $(OUT)/venv/bin/pip --disable-pip-version-check --quiet
$(OUT)/venv/bin/pip: | needs-python3.9
	@$(PYTHON) -m venv $(OUT)/venv
wheel: lib program $(OUT)/venv/bin/pip ## the Python wheel, in target/wheel
	@rm -rf $(OUT)/wheel
	@R2CREDS_LIBRARY=$(SHARED) R2CREDS_PROGRAM=$(PROGRAM) $(PIP) wheel --no-deps --wheel-dir $(OUT)/wheel ./bindings/python
	@echo $(OUT)/wheel/*.whl
$(OUT)/venv/requirements.txt: bindings/python/tests/requirements.txt | $(OUT)/venv/bin/pip
	@$(PIP) install -r $< && cp $< $@
venv: wheel $(OUT)/venv/requirements.txt ## target/venv, with the wheel and what its tests use
	@$(PIP) install --force-reinstall --no-deps $(OUT)/wheel/*.whl

# Go's cache sees neither that the header nor that the archive has changed; hence their checksum.
GO_PREFIX := $(OUT)/go-prefix
go-build = PKG_CONFIG_PATH=$(GO_PREFIX)/$(LIBDIR)/pkgconfig \
	CGO_CPPFLAGS=-DR2CREDS_INSTALLED=$(firstword $(shell cat include/r2creds.h $(STATIC) | cksum))
go-env = $(go-build) LD_LIBRARY_PATH=$(GO_PREFIX)/$(LIBDIR)
go-prefix: $(SHARED) $(STATIC)
	@DESTDIR= PREFIX=$(GO_PREFIX) scripts/install.sh library >/dev/null
go-env: go-prefix ## for go in your shell: eval "$(make go-env)"
	@echo export $(go-env)

# What CI has of other platforms, and what it has no time for.
OTHERS := aarch64-unknown-linux-gnu x86_64-pc-windows-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-musl \
	i686-unknown-linux-gnu
smoke-platforms: check-macos ## a part of test-platforms, and the packages for this machine: some minutes
	@scripts/platforms.sh "aarch64-unknown-linux-gnu x86_64-pc-windows-gnu" scripts/test-platform.sh smoke
	@PLATFORMS=x86_64-unknown-linux-gnu scripts/package.sh
test-platforms: venv $(EMULATOR) check-macos package reproducible ## other platforms, and all packages: over an hour
	@scripts/platforms.sh "$(OTHERS)" scripts/test-platform.sh
check-macos: needs-cargo ## whether the library and the command line compile for macOS; a Mac is needed to link and run
	@scripts/platforms.sh "aarch64-apple-darwin x86_64-apple-darwin" scripts/check-platform.sh

bench: bench-rust bench-python bench-go ## each language against the C call and against what else there is; only reports
bench-rust: ## against bare hashing and libcurl
soak: venv storm-go ## 120,000 calls; then C, Python and Go on an API that goes wrong, SOAK_SECONDS=120 each
storm-go: needs-go needs-pkg-config go-prefix
	@cd bindings/go/bench && $(go-build) $(GO) build -tags r2creds_static -o $(OUT)/storm ./storm
bench-rust soak: needs-cc lib
	SOAK_PYTHON="$(OUT)/venv/bin/python bindings/python/bench/storm.py" SOAK_GO=$(OUT)/storm \
		$(CARGO) run --release --locked --quiet --manifest-path benches/Cargo.toml --target-dir $(OUT)/bench -- \
		$(@:bench-rust=bench) $(SHARED)
bench-python: needs-cc wheel ## against cloudflare-python
	@scripts/bench-python.sh
bench-go: needs-cc needs-go needs-pkg-config go-prefix ## for benchstat, and against cloudflare-go
	@cd bindings/go/bench && export $(go-env) && $(GO) test -run '^$$' -bench . -count 5 . && ./compare.sh
sdks: $(PROGRAM) $(EMULATOR) ## exec --renew with SDKs for JavaScript, Java, Go and DuckDB, from their registries
	@PROGRAM=$(PROGRAM) EMULATOR=$(EMULATOR) scripts/sdks.sh
fuzz: needs-cargo needs-c++ ## the reply parser, the parameters and inspect, FUZZ_SECONDS=60 each
	@scripts/fuzz.sh

# One after the other, because the second reads what the first writes.
header: needs-cargo ## writes include/r2creds.h and what is made from it; `make test` fails when one is stale
	R2CREDS_WRITE_HEADER=1 $(CARGO) test --locked --quiet --target-dir $(OUT) --test header
	R2CREDS_WRITE_HEADER=1 $(CARGO) test --locked --quiet --target-dir $(OUT) --test generated
pages: needs-cargo ## writes cli/pages, the man pages and completions; `make test` fails when one is stale
	R2CREDS_WRITE_PAGES=1 $(CARGO) test --locked --quiet --manifest-path cli/Cargo.toml --target-dir $(OUT)/program
notices: needs-cargo needs-python3.9 ## writes THIRD-PARTY-NOTICES and packaging/r2creds.cdx.json; the same
	@scripts/notices.sh
reproducible: lib program ## that another folder gives the same bytes; some minutes
	@scripts/reproducible.sh
advisories: needs-cargo needs-python3.9 ## whether RustSec knows a hole in what is shipped; it fetches their list
	@scripts/deny.sh advisories
docs: needs-doxygen ## the manual, from the header's comments; anything undocumented is an error
	@rm -rf $(OUT)/docs && mkdir -p $(OUT)/docs
	@(cat docs/Doxyfile; echo 'INPUT = include/r2creds.h'; echo 'OUTPUT_DIRECTORY = "$(OUT)/docs"') | doxygen -
	@echo "$(OUT)/docs/html/index.html"
freeze: ## for a release: keeps the header and the lists of its ABI (tests/abi/README.md)
	@scripts/freeze.sh
clean: ## removes what was built
	$(CARGO) clean --target-dir $(OUT)
