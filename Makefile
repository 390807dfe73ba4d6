# Main targets: `make demo` to see it work, `make test` for everything that CI runs. Both first install
# what is missing: system packages by apt, a Python environment for the tests.

# For example BENCH_FLAGS="--payload echo --connections 16"
BENCH_FLAGS ?=

# For example BUDGET_FLAGS="--update"
BUDGET_FLAGS ?=

# For example BENCH_CODEC_FLAGS="--only order --rounds 5"
BENCH_CODEC_FLAGS ?=

# For example FUZZ_FLAGS="--only round-trip --seconds 60"
FUZZ_FLAGS ?=

# For example SOAK_FLAGS="--seconds 600"
SOAK_FLAGS ?=

# Messages of each type in each differential test; other seeds give other messages.
DIFFERENTIAL_COUNT ?= 1000
DIFFERENTIAL_SEED ?= 1

# What `make install` copies, and where to; DESTDIR is for packagers.
PROGRAM ?= .build-release/bridge-proxy
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: help demo test build dist install bench budget bench-codec conformance differential fuzz soak tsan format lint generate setup

help:
	@echo "make demo    build for release, start the bridge and a demo backend, print three curl lines"
	@echo "make test    everything that CI runs"
	@echo "make build   build for release: .build-release/bridge-proxy, one file without a Swift runtime beside it"
	@echo "make dist    the same for every Linux: .build-release/static/bridge-proxy, wholly static"
	@echo "make install copy the result of make build, its manual page, completions and an example to PREFIX"
	@echo "make bench   compare the bridge with Envoy and nginx, and measure how its costs grow"
	@echo "make budget  compare instructions and allocations per call with their budgets, release build"
	@echo "make bench-codec   compare the codec with swift-protobuf and simdjson, one table"
	@echo "make conformance   Protobuf's own conformance suite against the codec"
	@echo "make fuzz    libFuzzer on codec, descriptor sets, path templates and the front end, 10 minutes each"
	@echo "make differential  random messages against other implementations, about 20 minutes"
	@echo "make soak    real servers restarted under 2,000 requests a second, with a release build"
	@echo "make tsan    unit tests that use several threads, under ThreadSanitizer"
	@echo "make format  format the sources"
	@echo "make lint    the checks of make test that need no build"
	@echo "make setup   install missing dependencies of the other targets"

demo: build
	@exec .build-release/bridge-proxy demo

test:
	@scripts/setup.sh --tests
	@scripts/check.sh

build:
	@scripts/setup.sh
	@scripts/release.sh

dist:
	@scripts/setup.sh
	@scripts/release.sh --static

# Doesn't build: with sudo it would leave files owned by root in the checkout.
install:
	@test -x "$(PROGRAM)" || { \
	  echo "install: $(PROGRAM) is missing; run make build first" >&2; exit 1; }
	install -D -m 755 "$(PROGRAM)" "$(DESTDIR)$(PREFIX)/bin/bridge-proxy"
	install -D -m 644 deploy/man/bridge-proxy.1 "$(DESTDIR)$(PREFIX)/share/man/man1/bridge-proxy.1"
	install -D -m 644 deploy/bridge.yaml \
	  "$(DESTDIR)$(PREFIX)/share/doc/bridge-proxy/examples/bridge.yaml"
	@scripts/completions.sh "$(PROGRAM)" "$(DESTDIR)$(PREFIX)/share"

bench:
	@scripts/setup.sh
	@scripts/bench.sh $(BENCH_FLAGS)

budget:
	@scripts/setup.sh --tests
	@scripts/release.sh
	@.venv/bin/python Benchmarks/budget.py .build-release/release/bridge-proxy $(BUDGET_FLAGS)

bench-codec:
	@scripts/setup.sh
	@scripts/bench-codec.sh $(BENCH_CODEC_FLAGS)

conformance:
	@scripts/setup.sh --tests
	@scripts/conformance.sh

fuzz:
	@scripts/setup.sh
	@scripts/fuzz.sh $(FUZZ_FLAGS)

differential:
	@scripts/setup.sh --tests
	@DIFFERENTIAL_COUNT=$(DIFFERENTIAL_COUNT) DIFFERENTIAL_SEED=$(DIFFERENTIAL_SEED) \
	  scripts/differential.sh

soak:
	@scripts/setup.sh --tests
	@scripts/soak.sh $(SOAK_FLAGS)

tsan:
	@scripts/setup.sh
	@scripts/tsan.sh

format:
	swift format -i -r Package.swift Sources Tests Benchmarks \
	  Fuzz/Package.swift Fuzz/Sources/Fuzz* Fuzz/Sources/fuzz-* Fuzz/Tests/FuzzTests Fuzz/Front

lint:
	@scripts/lint.sh

generate:
	@scripts/generate.sh

setup:
	@scripts/setup.sh --tests
