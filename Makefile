# SPDX-License-Identifier: Apache-2.0
# README.md's two commands are `make demo` and `make check`; both do all the set-up on a fresh Debian machine (as root).

DESTDIR ?=
BUILD := build
PRODUCT := $(abspath $(BUILD)/install)
VENV := .venv
PYTHON := $(VENV)/bin/python
UNITDIR := $(DESTDIR)/usr/lib/systemd/system
MODULEDIR := $(DESTDIR)/usr/lib/dracut/modules.d/99kdump-karg
MODULE := dracut/99kdump-karg
MANDIR := $(DESTDIR)/usr/share/man
COMPLETIONDIR := $(DESTDIR)/usr/share/bash-completion/completions
DOCDIR := $(DESTDIR)/usr/share/doc/kdump-karg
LICENCEDIR := $(DESTDIR)/usr/share/licenses/kdump-karg
PACKAGES := $(abspath $(BUILD)/packages)
PACKAGE_TESTS := tests/test_packages.py tests/freeze/test_buildroot.py
# The longest first; what is not named here comes last. test_power_cut.py runs two machines at a time by itself.
VM_LONGEST := power_cut update decisions boot_path enough proof power_cut_later kola day_two armed kernel harness kernel_arguments teardown interrupted status
# What machines differ in, and what their configs ask: too long for the gate, which has what is not marked `thorough` in two of them.
VM_MACHINES := boot_path firmware kernel_arguments render selinux storage
# No part of the gate: check-machines, check-built and check-aarch64 run them.
VM_APART := built_capture firmware foreign render selinux storage
VM_TESTS := $(VM_LONGEST) $(filter-out $(VM_LONGEST) $(VM_APART),$(patsubst vm-tests/test_%.py,%,$(wildcard vm-tests/test_*.py)))
VM_QUEUE := $(addprefix check-vm-,$(VM_TESTS))
INITRAMFS_UNITS := kdump-karg.service kdump-karg-write.service kdump-karg-reboot.service
REAL_ROOT_UNITS := kdump-karg-report.service kdump-karg-finish.service
# Not named MAKE where it is used: a line with that word is run by `make --dry-run` too.
AGAIN := $(MAKE) --silent --no-print-directory
# The time of everything in a package: the commit's, so that the same commit gives the same bytes.
EPOCH = $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)
# The line of the one file that holds the version, made the version alone.
VERSION_OF := sed -n 's/^__version__ = "\(.*\)"$$/\1/p'
VERSION = $(shell $(VERSION_OF) orchestrator/__init__.py)
SOURCE = $(PACKAGES)/source/kdump-karg-$(VERSION).tar.gz

.PHONY: setup packages freeze install install-data version dist package-source spec rpm deb product check check-fast check-frozen \
	check-sources check-packages check-faults check-faults-later check-built vm-product vm-image check-vm check-vm-queue $(VM_QUEUE) \
	check-cuts check-machines check-forky check-aarch64 check-kernel check-kola kola-image update-packages-list fuzz bench demo clean

setup: packages $(VENV)/installed

# Debian's packages for the build and the tests; quick when all are there.
packages:
	@missing=$$(cat tests/packages-host.txt vm-tests/packages-host.txt | sort -u | while read -r name; do \
		dpkg-query -W -f='$${Status}\n' "$$name" 2>/dev/null | grep -q 'ok installed' || echo "$$name"; done); \
	if [ -n "$$missing" ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; fi

$(VENV)/installed: pyproject.toml | packages
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check 'pytest>=8' 'pyelftools>=0.30'
	touch $@

# The program, the part of the standard library it needs, its interpreter and libraries: build/frozen. ARCHITECTURE=arm64: for that one.
freeze: setup
	$(PYTHON) -m orchestrator.freeze $(if $(ARCHITECTURE),--architecture $(ARCHITECTURE)) --output $(BUILD)/frozen

# Into an image's root, before its initramfs is made.
install: freeze install-data
	$(PYTHON) -m orchestrator.freeze install --frozen $(BUILD)/frozen --target $(if $(DESTDIR),$(DESTDIR),/)

# All but the program: it needs no network and no Python.
install-data:
	install -d $(MODULEDIR) $(UNITDIR)/multi-user.target.wants $(MANDIR)/man5 $(MANDIR)/man8 $(COMPLETIONDIR) $(DOCDIR)/docs $(LICENCEDIR)
	install -m 755 $(MODULE)/module-setup.sh $(MODULE)/ignition-kargs-helper.sh $(MODULEDIR)/
	install -m 644 $(addprefix $(MODULE)/,$(INITRAMFS_UNITS)) $(MODULEDIR)/
	install -m 644 $(addprefix $(MODULE)/,$(REAL_ROOT_UNITS)) $(UNITDIR)/
	for unit in $(REAL_ROOT_UNITS); do ln -sfn ../$$unit $(UNITDIR)/multi-user.target.wants/$$unit; done
	install -m 644 man/kdump-karg.8 $(MANDIR)/man8/
	install -m 644 man/kdump-karg.conf.5 $(MANDIR)/man5/
	install -m 644 completions/kdump-karg $(COMPLETIONDIR)/
	install -m 644 README.md CHANGELOG.md CONTRIBUTING.md $(DOCDIR)/
	install -m 644 LICENSE $(LICENCEDIR)/
	install -m 644 docs/*.md $(DOCDIR)/docs/

version:
	@$(VERSION_OF) orchestrator/__init__.py

# The source archive of the commit, the same bytes whoever makes it, wherever and whenever. What is not committed is not in it.
dist:
	@test "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$$(pwd -P)" || \
		{ echo "make dist: this is no git checkout, and the archive is made from a commit; use a clone" >&2; exit 1; }
	@test -z "$$(git status --porcelain)" || echo "make dist: what is not committed is left out" >&2
	@mkdir -p $(BUILD)/dist
	@name=kdump-karg-$$(git show HEAD:orchestrator/__init__.py | $(VERSION_OF)) && \
		git -c tar.umask=0022 archive --format=tar --prefix=$$name/ --output=$(BUILD)/dist/$$name.tar HEAD && \
		gzip --force --no-name --best $(BUILD)/dist/$$name.tar && echo $(BUILD)/dist/$$name.tar.gz

# What the packages are built from: the archive of the commit, or one of the files as they are where not all is committed.
package-source:
	@mkdir -p $(PACKAGES)/source && rm -f $(PACKAGES)/source/*.tar.gz
	@if [ "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$$(pwd -P)" ] && [ -z "$$(git status --porcelain)" ]; then \
		$(AGAIN) dist && cp $(BUILD)/dist/$(notdir $(SOURCE)) $(SOURCE); \
	else \
		tar --exclude=./.git --exclude=./build --exclude=./.venv --exclude='./.*_cache' --exclude=./.cache --exclude=__pycache__ \
			--sort=name --owner=0 --group=0 --numeric-owner --mode=u+rw,go=u-w --mtime=@$(EPOCH) \
			--transform='s,^\.,kdump-karg-$(VERSION),' --create --gzip --file=$(SOURCE) .; \
	fi

# The spec with the version in it: for a distribution's own way to build packages.
spec: package-source
	@{ echo "%global product_version $(VERSION)"; cat packaging/kdump-karg.spec; } > $(PACKAGES)/source/kdump-karg.spec

# kdump-karg and kdump-karg-dracut, without a network, with this machine's Python. Debian's rpm knows no installed packages.
rpm: spec
	rm -rf --one-file-system $(PACKAGES)/rpm
	SOURCE_DATE_EPOCH=$(EPOCH) rpmbuild --quiet -bb $(if $(wildcard /etc/debian_version),--nodeps) \
		--define "_topdir $(PACKAGES)/rpm/build" --define "_sourcedir $(PACKAGES)/source" --define "_rpmdir $(PACKAGES)/rpm" \
		--define "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" --define "_buildhost localhost" \
		--define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
		$(PACKAGES)/source/kdump-karg.spec
	rm -rf --one-file-system $(PACKAGES)/rpm/build

# A Debian package, the same way. A machine with all of debhelper's needs but a compiler will do: nothing is compiled.
deb: package-source
	rm -rf --one-file-system $(PACKAGES)/deb && mkdir -p $(PACKAGES)/deb/tree
	tar --extract --strip-components=1 --directory=$(PACKAGES)/deb/tree --file=$(SOURCE)
	cp -R packaging/debian $(PACKAGES)/deb/tree/
	printf 'kdump-karg (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' \
		"$(VERSION)" "$$(sed -n 's/^Maintainer: //p' packaging/debian/control)" \
		"$$(LC_ALL=C date --utc --rfc-email --date=@$(EPOCH))" > $(PACKAGES)/deb/tree/debian/changelog
	cd $(PACKAGES)/deb/tree && env -u MAKEFLAGS -u MFLAGS -u DESTDIR dpkg-buildpackage -b -d -us -uc
	rm -rf --one-file-system $(PACKAGES)/deb/tree

# What the machines under test get: the Debian package's content, so that what is shipped is what is tested.
product: deb
	rm -rf --one-file-system $(PRODUCT)
	dpkg-deb --extract $(PACKAGES)/deb/kdump-karg_*.deb $(PRODUCT)

# The image and its update take as long as the fast tests. Packages and faults wait in the queue with the machines.
check: vm-product
	$(MAKE) --no-print-directory --jobs=2 --output-sync=line check-fast vm-image
	$(MAKE) check-vm-queue BESIDE="check-packages check-faults"

# Two at a time: what builds and runs the frozen program, and all else.
check-fast: freeze
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-frozen check-sources

check-frozen: setup
	$(PYTHON) -m pytest tests/freeze $(addprefix --ignore=,$(PACKAGE_TESTS))

check-sources: setup
	$(PYTHON) -m pytest tests --ignore=tests/freeze $(addprefix --ignore=,$(PACKAGE_TESTS))

# The packages, and the program made with the Python of a build root: half a minute.
check-packages: setup
	$(PYTHON) -m pytest $(PACKAGE_TESTS)

# Every system call of a first boot on /boot, failing: some minutes. `check-fast` has a sample of it.
check-faults: setup
	KDUMP_KARG_FAULTS=all $(PYTHON) -m pytest tests/write/test_faults.py

# As check-faults, of `apply` and `undo` on a machine in use. No part of the gate, which has the sample of `check-fast`.
check-faults-later: setup
	KDUMP_KARG_FAULTS=all $(PYTHON) -m pytest tests/write/test_faults_later.py

# A capture initramfs that the machine builds itself, before and after an update.
check-built: vm-product
	$(MAKE) vm-image
	$(MAKE) check-vm-queue VM_TESTS=built_capture

# Every state that a cut of a day-two `apply` or of `undo` can leave, booted; check-vm boots one of each kind.
check-cuts: vm-product
	$(MAKE) vm-image
	KDUMP_KARG_CUTS=all KDUMP_KARG_PRODUCT=$(PRODUCT) $(PYTHON) -m pytest -v vm-tests/test_power_cut_later.py

check-vm: vm-product
	$(MAKE) vm-image
	$(MAKE) check-vm-queue

vm-product: setup
	rm -rf --one-file-system $(BUILD)/costs
	$(MAKE) product

vm-image:
	PYTHONPATH=vm-tests $(PYTHON) -m image.builder $(PRODUCT)
	PYTHONPATH=vm-tests $(PYTHON) -m image.update $(PRODUCT)

# One queue, two files of tests at a time: with the second machine of test_power_cut.py up to three on two processors, so that
# neither is idle while a machine waits. Time-outs are doubled for it; nothing waits for them but what fails. Where a package of the
# image is not the one of the last green gate, a failure may come from there, so that is printed.
check-vm-queue:
	KDUMP_KARG_PRODUCT=$(PRODUCT) KDUMP_KARG_PATIENCE=$${KDUMP_KARG_PATIENCE:-2} \
		$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=line $(VM_QUEUE) $(BESIDE); status=$$?; \
		PYTHONPATH=vm-tests $(PYTHON) -m host.costs; \
		test $$status = 0 || PYTHONPATH=vm-tests $(PYTHON) -m image.packagelist; exit $$status

$(VM_QUEUE): check-vm-%:
	$(PYTHON) -m pytest -v $(VM_OPTIONS) vm-tests/test_$*.py

# Every kind of machine: UEFI and Secure Boot, SELinux enforcing, mirrored and multipath disks, composefs, LUKS with a TPM, Fedora
# CoreOS' way through its first boot; and what the gate leaves out of the other files. More than an hour.
check-machines: vm-product
	$(MAKE) vm-image
	$(MAKE) check-vm-queue VM_TESTS="$(VM_MACHINES) enough harness kola" VM_OPTIONS="--thorough --all-exttests"

# The first-boot story on a machine that is all of forky. It is not part of `check`: forky changes every day.
check-forky: vm-product
	KDUMP_KARG_SUITE=forky $(MAKE) vm-image
	KDUMP_KARG_SUITE=forky $(MAKE) check-vm-queue VM_TESTS="$(filter-out kernel power_cut,$(VM_TESTS))"

# A machine of another architecture, from its packages to a vmcore, with the program frozen for it. Everything is built here.
check-aarch64: setup
	KDUMP_KARG_PATIENCE=$${KDUMP_KARG_PATIENCE:-4} $(PYTHON) -m pytest -v -ra vm-tests/test_foreign.py tests/freeze/test_foreign.py

# After a green `check`: the packages of its image are those to compare a failing one's with.
update-packages-list: setup
	PYTHONPATH=vm-tests $(PYTHON) -m image.packagelist update

# Every prediction of crashkernel= against nine real kernels; check-vm asks a sample, of the six of x86_64 and aarch64.
check-kernel: setup
	$(PYTHON) -m pytest vm-tests/test_kernel.py --all-kernels

# Every external test (tests/kola) on our own machine, and what stock kola asks of one; check-vm runs a sample.
check-kola: vm-product
	KDUMP_KARG_PRODUCT=$(PRODUCT) KDUMP_KARG_PATIENCE=$${KDUMP_KARG_PATIENCE:-2} $(PYTHON) -m pytest -v vm-tests/test_kola.py --all-exttests

# An image of our own that stock kola takes, and the command for those who have kola.
kola-image: vm-product
	@image=$$(PYTHONPATH=vm-tests $(PYTHON) -m image.builder --kola $(PRODUCT)) && \
		printf '%s\n' "$$image" "kola run --platform qemu --qemu-image $$image --exttest $(CURDIR) 'ext.$(notdir $(CURDIR)).*'"

# A million inputs, and whether every parser takes linear time.
fuzz: setup
	$(PYTHON) -m tests.fuzz

bench: freeze
	$(PYTHON) -m tests.bench

demo: setup
	PYTHONPATH=vm-tests $(PYTHON) -m demo

clean:
	rm -rf --one-file-system $(BUILD) $(VENV)
