# SPDX-License-Identifier: Apache-2.0
# The short way to everything; the work is done by tools/ and by CMake's presets. `make help` lists the targets.
# Missing packages are installed with apt-get (as root or with sudo); TRIB_NO_INSTALL=1 only names them.
.PHONY: all run test swift-test soak bench bench-fleet bench-isolation bench-limits bench-sync bench-tails deb deb-test deb-boot-test fuzz tsan \
	analyze tidy format check clean help

all: ## build the release into build/trib (the default)
	@tools/setup.sh build
	@tools/build.sh release

run: all ## build, start a server and play the food order against it
	@tools/run.sh $(ARGS)

test: ## the whole CI set; TRIB_TEST_STAGES="rules unit" selects stages
	@tools/setup.sh test
	@tools/test.sh

swift-test: ## the archive in OpenStack Swift, which judges every signature
	@tools/setup.sh swift-test
	@TRIB_TEST_STAGES=swift tools/test.sh

soak: ## the long harnesses with their full figures, resumable
	@tools/setup.sh soak
	@tools/soak.sh $(ARGS)

bench: all ## measure
	@tools/setup.sh bench
	@tests/bench/run.sh $(ARGS)

bench-fleet: all ## measure with 100,000 tenants
	@tools/setup.sh bench
	@tests/bench/fleet.sh $(ARGS)

bench-isolation: all ## measure what a neighbour feels of hostile tenants
	@tools/setup.sh bench
	@tests/bench/isolation.sh $(ARGS)

bench-limits: all ## measure the limits of docs/reference/limits.md
	@tools/setup.sh bench
	@tests/bench/limits.sh $(ARGS)

bench-sync: all ## measure what a replica's sync costs in a large database
	@tools/setup.sh bench
	@tests/bench/sync.sh $(ARGS)

bench-tails: all ## measure what following a stream costs the server
	@tools/setup.sh bench
	@tests/bench/tails.sh $(ARGS)

deb: ## build the Debian package into build/deb
	@tools/setup.sh deb
	@tools/deb.sh

deb-test: deb ## install, upgrade and purge it in a bare Debian 12 (as root, with debootstrap)
	@tools/setup.sh deb-test
	@tools/deb-test.sh

deb-boot-test: deb ## boot that Debian and look at the service under systemd (as root, with systemd-nspawn)
	@tools/setup.sh deb-boot-test
	@tools/deb-test.sh boot

fuzz: ## run every fuzz target for TRIB_TEST_FUZZ_SECONDS (default 10)
	@tools/setup.sh fuzz
	@TRIB_TEST_STAGES=fuzz tools/test.sh

tsan: ## the threaded tests under ThreadSanitizer
	@tools/setup.sh tsan
	@TRIB_TEST_STAGES=tsan tools/test.sh

analyze: ## compile everything with gcc -fanalyzer
	@tools/setup.sh analyze
	@tools/build.sh analyze

tidy: ## clang-tidy over src/
	@tools/setup.sh tidy
	@tools/tidy.sh

format: ## rewrite the sources as .clang-format says
	@tools/setup.sh format
	@tools/format.sh

check: ## the tests of the rules alone (layers, names, lengths, ...)
	@tools/check

clean: ## remove what was built (SQLite's amalgamation in .deps stays)
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
