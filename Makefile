# SPDX-License-Identifier: MIT
# The commands worth knowing. CMake does the work; CMakePresets.json lists its build trees.
PREFIX ?= /usr/local
DESTDIR ?=
VERSION = $(shell sed -n 's/^project(isthmus VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)

.PHONY: all run run-camera test quick check coverage bench bench-camera soak-camera test-cluster test-sdk test-sdk-python format install test-packages test-arm64 deb clean help

all: build/build.ninja
	@ninja -C build --quiet isthmus isthmus-formatter isthmus-camera isthmus-plugins

run:
	@tools/setup
	@$(MAKE) --no-print-directory all
	@tools/demo

run-camera:
	@tools/setup camera
	@$(MAKE) --no-print-directory all
	@MODEL="$(MODEL)" IMAGES="$(IMAGES)" tools/demo-camera

test:
	@tools/setup test
	@tools/test

.PHONY: test-emulator
test-emulator:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@[ -d tests/system/node_modules ] || npm --prefix tests/system ci --no-audit --no-fund
	@ISTHMUS="$(CURDIR)/build/isthmus" tools/test-emulator

quick:
	@tools/setup test
	@ISTHMUS_TEST_STAGES=quick tools/test

check:
	@tools/setup test
	@ISTHMUS_TEST_STAGES=static tools/test

.PHONY: analyse
analyse:
	@tools/setup test
	@ISTHMUS_TEST_STAGES=analysis ISTHMUS_TIDY= tools/test

coverage:
	@tools/setup coverage
	@tools/coverage

bench:
	@tools/setup
	@bench/run

.PHONY: bench-hub
bench-hub:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@[ -d tests/system/node_modules ] || npm --prefix tests/system ci --no-audit --no-fund
	@mkdir -p build/bench-node
	@[ -d build/bench-node/node_modules/aedes ] || npm install --silent --ignore-scripts --no-audit \
		--no-fund --prefix build/bench-node aedes@0.51.3 >/dev/null
	@node bench/hub.mjs

bench-camera:
	@tools/setup camera
	@$(MAKE) --no-print-directory all
	@ninja -C build --quiet camera_bench
	@MODEL="$(MODEL)" PICTURE="$(PICTURE)" bench/camera

soak-camera:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@tools/setup-onnxruntime
	@[ -d tests/system/node_modules ] || npm --prefix tests/system ci --no-audit --no-fund
	@ISTHMUS="$(CURDIR)/build/isthmus" ISTHMUS_SOAK_PICTURES=2000 node --test tests/system/camera_soak.test.mjs

test-sdk: all
	@ISTHMUS_SDK_TESTS="$(ISTHMUS_SDK_TESTS)" tools/test-sdk $(FILES)

test-sdk-python: all
	@tools/test-sdk-python $(FILES)

format:
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

install: all
	@cmake --preset release -DCMAKE_INSTALL_PREFIX="$(PREFIX)" >/dev/null
	@ninja -C build --quiet isthmus isthmus-formatter isthmus-camera isthmus-plugins
	@DESTDIR="$(DESTDIR)" cmake --install build

test-cluster:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@[ -d tests/system/node_modules ] || npm --prefix tests/system ci --no-audit --no-fund
	@ninja -C build --quiet kill_at clock_step redirect
	@tools/build-newer
	@ISTHMUS="$(CURDIR)/build/isthmus" ISTHMUS_NEWER="$(CURDIR)/build-newer/build/isthmus" node --test --test-concurrency=1 tests/cluster/*.test.mjs

.PHONY: test-mutants
test-mutants:
	@tools/setup test
	@[ -d tests/system/node_modules ] || npm --prefix tests/system ci --no-audit --no-fund
	@tools/test-mutants $(MUTANTS)

.PHONY: bench-cluster
bench-cluster:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@ninja -C build --quiet bench_load
	@node bench/cluster.mjs

test-packages: deb
	@tools/setup monitoring
	@tools/setup image
	@tools/test-packages

test-arm64:
	@$(MAKE) --no-print-directory deb ARCH=arm64
	@tools/test-arm64

deb:
	@[ -z "$(filter-out arm64,$(ARCH))" ] || [ "$(ARCH)" = "$$(dpkg --print-architecture)" ] || \
		{ echo "make deb: packages are made for this machine, or with ARCH=arm64; not for $(ARCH)" >&2; exit 2; }
	@tools/setup package
	@cmake --preset release -B build-deb -DCMAKE_INSTALL_PREFIX=/usr >/dev/null
	@ninja -C build-deb --quiet isthmus isthmus-formatter isthmus-camera isthmus-plugins
	@cd build-deb && cpack -G DEB
ifeq ($(ARCH),arm64)
	@tools/setup arm64
	@tools/build-arm64 build-deb-arm64 -DCMAKE_INSTALL_PREFIX=/usr
	@cd build-deb-arm64 && cpack -G DEB -D CPACK_OBJDUMP_EXECUTABLE=aarch64-linux-gnu-objdump
endif

.PHONY: image bench-insights
# As root; BASE is an image of Debian 12.
image: deb
	@tools/setup image
	@buildah --storage-driver vfs build --isolation chroot $(if $(BASE),--build-arg BASE=$(BASE)) \
		-f packaging/container/Containerfile -t localhost/isthmus:$(VERSION) .

bench-insights:
	@tools/setup
	@bench/insights

clean:
	@rm -rf build build-*

help:
	@echo "make            builds build/isthmus and build/isthmus-formatter"
	@echo "make run        builds, then shows the gateway and the local hub at work"
	@echo "make run-camera builds, then shows the edge camera at work; MODEL=FILE.onnx IMAGES=FOLDER"
	@echo "make test       every test and check; the last line is the count"
	@echo "make test-emulator  the local hub under Microsoft's SDKs, a line for each part"
	@echo "make quick      the format and the unit tests, in a minute"
	@echo "make check      the checks of the source text alone"
	@echo "make analyse    clang-tidy along every path, and cppcheck; make test has a quicker form"
	@echo "make coverage   what the unit and component tests reach, folder by folder"
	@echo "make bench      throughput, latency, memory, beside two floors"
	@echo "make bench-hub  the local hub: start, memory, messages a second, beside aedes and rhea"
	@echo "make bench-camera what a picture costs, beside bare runs and JavaScript; MODEL=, PICTURE="
	@echo "make soak-camera  2,000 pictures: memory, open files, and what waiting costs"
	@echo "make install    into DESTDIR/PREFIX (PREFIX=$(PREFIX))"
	@echo "make test-cluster  gateways on a PostgreSQL primary with a standby; each of them fails"
	@echo "make test-mutants  do the tests of such gateways find the faults that they are there for?"
	@echo "make bench-cluster  1, 2 and 4 gateways on one PostgreSQL, beside one with SQLite"
	@echo "make test-sdk   Microsoft's own tests against the local hub; ISTHMUS_SDK_TESTS=FOLDER"
	@echo "make test-sdk-python  the same for Python, as root; tools/test-sdk-python says what it needs"
	@echo "make test-packages  packages and units, the image, the alert rules and the dashboard"
	@echo "make test-arm64  packages for 64-bit ARM; its camera and gateway under an emulator"
	@echo "make deb        Debian packages, in build-deb/; ARCH=arm64: for 64-bit ARM as well, in build-deb-arm64/"
	@echo "make image      an image of the gateway, localhost/isthmus, by buildah; BASE= its base"
	@echo "make bench-insights what telling Application Insights costs"
	@echo "make format     clang-format over every C file"
	@echo "make clean      removes the build trees"

build/build.ninja:
	@tools/setup
	@cmake --preset release >/dev/null
