# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Thin wrappers: every rule is one or two commands that can be typed by hand. See CONTRIBUTING.md.
#
#   make demo     set up, build, and run the first example
#   make test     set up, build, and run every test
JOBS ?= $(shell nproc)

.PHONY: demo test setup build format tidy reference debug asan tsan fuzz benchmark

demo: build
	python-free-examples/01-demo/run.sh

test: build
	ctest --test-dir build --output-on-failure --no-tests=error -j$(JOBS)

# Says nothing when nothing is missing.
setup:
	@tools/dev/install-packages

build: setup
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS)

format:
	tools/dev/check-license --fix
	tools/dev/check-format --fix

tidy: build
	tools/dev/check-tidy build

# Measures; no test hangs on it. Needs libraries and Python packages that nothing else needs, and says which.
benchmark: build
	tools/dev/benchmark-kernels

reference:
	tools/dev/generate-reference docs/reference

# The tests under other presets, each in a folder of its own (build-debug, build-asan, build-tsan), and the fuzzers.
debug asan tsan fuzz: setup
	cmake --preset $@
	cmake --build --preset $@ --parallel $(JOBS)
	ctest --preset $@ -j$(JOBS)
