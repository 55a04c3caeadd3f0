# The front door: `make run` and `make test` install what is missing, build, and go.
# More arguments for kernrig:  make run ARGS="-k debian-6.1 -t 'ns::*'"

export PATH := $(if $(HOME),$(HOME)/.cargo/bin:)$(PATH)
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
OUT ?= kernrig-out
ARGS ?=

.PHONY: help run test check build bench setup

help: ## What there is to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

run: ## Boot the default matrix, test it, write kernrig-out/junit.xml
	@sh ci/setup.sh run
	$(CARGO) build --release --package kernrig
	$(TARGET)/release/kernrig run --out $(OUT) --junit $(OUT)/junit.xml $(ARGS)

test: ## Format, lints, licences, unit and end-to-end tests
	@sh ci/setup.sh test
	@[ -n "$$KERNRIG_KERNELS" ] || echo "make test: KERNRIG_KERNELS names no folder of kernels: what needs old kernels is SKIPPED" >&2
	@$(MAKE) --no-print-directory check
	KERNRIG_FUZZ_SECONDS=$${KERNRIG_FUZZ_SECONDS:-60} $(CARGO) test --workspace
	sh ci/package.sh

# Everything that needs no test to run; what the machine lacks of it is said loudly and left out.
check: ## Format, lints and licences only
	@sh ci/check.sh

build: ## target/release/kernrig
	@sh ci/setup.sh build
	$(CARGO) build --release --package kernrig

bench: ## Boot time and overhead against bare QEMU, and how fast klog reads
	@sh ci/setup.sh run
	$(CARGO) bench --package kernrig-klog --bench throughput
	$(CARGO) bench --package kernrig --bench boot

setup: ## Install what is missing for run and test
	@sh ci/setup.sh test
