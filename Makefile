# What people type; the build itself is CMake's (CMakePresets.json). `make` builds, `make help` lists.
# Every target first installs the Debian packages it needs; that costs a tenth of a second when they are there.
PREFIX ?= /usr/local
BUILD := build
JOBS := $(shell nproc)
CTEST := ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)
SOURCES = $(shell git ls-files '*.cpp' '*.hpp' '*.c' '*.h')

.PHONY: build everything help deps test test-unit test-kernel test-e2e test-vm test-long test-peers demo bench install format check-format lint clean

build: ## programs into build/bin (the default)
	@tools/deps build test
	@[ -f $(BUILD)/build.ninja ] || cmake --preset release
	@cmake --build $(BUILD) --target programs

everything: build
	@cmake --build $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

deps: ## install every package that building, testing and checking need
	@tools/deps build test demo lint vm

test: everything ## all three rings (kernel and e2e need root)
	@[ "$$(id -u)" = 0 ] || echo "not root: the kernel and e2e rings will be skipped"
	$(CTEST) -LE 'vm|long'

test-unit test-kernel test-e2e: test-%: everything ## one ring
	$(CTEST) -L $*

test-vm: everything ## the kernel ring on pure cgroup v2, limits also under systemd, in an emulated machine
	@tools/deps vm
	$(CTEST) -L vm

test-long: everything ## ten thousand containers of each kind, the kernel ring under systemd in an emulated machine
	@tools/deps vm
	$(CTEST) -L long

test-peers: everything ## podman, containerd and docker, running containers by stack-runtime
	@tools/deps peers
	tests/peers/run

demo: build ## the guestbook example: up, three requests, ps, logs, down
	@tools/deps demo
	examples/guestbook/demo

bench: everything ## start-up, memory, log, image and runtime figures, as ratios to a bound measured in the same run
	@tools/deps bench
	@bench/run
	@bench/images
	@bench/runtime

install: build ## into PREFIX (/usr/local), below DESTDIR if set
	cmake --install $(BUILD) --prefix $(PREFIX) --strip

format: ## clang-format on every tracked source
	@tools/deps lint
	@clang-format -i $(SOURCES)

check-format:
	@tools/deps lint
	@clang-format --dry-run -Werror $(SOURCES)

lint: ## the short clang-tidy list; FILES='…' for some files only
	@tools/deps build test lint
	tools/lint $(FILES)

clean: ## remove build/
	rm -rf $(BUILD)
