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
# The longest first; what is not named here comes last. test_power_cut.py runs two machines at a time by itself.
VM_LONGEST := power_cut decisions kernel enough harness armed teardown interrupted status
VM_TESTS := $(VM_LONGEST) $(filter-out $(VM_LONGEST),$(patsubst vm-tests/test_%.py,%,$(wildcard vm-tests/test_*.py)))
VM_QUEUE := $(addprefix check-vm-,$(VM_TESTS))
INITRAMFS_UNITS := kdump-karg.service kdump-karg-write.service kdump-karg-reboot.service
REAL_ROOT_UNITS := kdump-karg-report.service kdump-karg-finish.service

.PHONY: setup packages freeze install check check-fast check-faults vm-product vm-image check-vm \
	check-vm-queue $(VM_QUEUE) check-kernel fuzz bench demo clean

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

# The program, the part of the standard library it needs, its interpreter and libraries: build/frozen.
freeze: setup
	$(PYTHON) -m orchestrator.freeze --output $(BUILD)/frozen

# Into an image's root, before its initramfs is made.
install: freeze
	install -d $(MODULEDIR) $(UNITDIR)/multi-user.target.wants
	install -m 755 $(MODULE)/module-setup.sh $(MODULEDIR)/
	install -m 644 $(addprefix $(MODULE)/,$(INITRAMFS_UNITS)) $(MODULEDIR)/
	install -m 644 $(addprefix $(MODULE)/,$(REAL_ROOT_UNITS)) $(UNITDIR)/
	for unit in $(REAL_ROOT_UNITS); do ln -sfn ../$$unit $(UNITDIR)/multi-user.target.wants/$$unit; done
	$(PYTHON) -m orchestrator.freeze install --frozen $(BUILD)/frozen --target $(if $(DESTDIR),$(DESTDIR),/)

# The image takes as long as the fast tests. The faults wait in the queue with the machines.
check: vm-product
	$(MAKE) --no-print-directory --jobs=2 --output-sync=line check-fast vm-image
	$(MAKE) check-vm-queue BESIDE=check-faults

check-fast: freeze
	$(PYTHON) -m pytest tests

# Every system call on /boot, failing: some minutes. `check-fast` has a sample of it.
check-faults: setup
	KDUMP_KARG_FAULTS=all $(PYTHON) -m pytest tests/test_faults.py

check-vm: vm-product
	$(MAKE) vm-image
	$(MAKE) check-vm-queue

vm-product: setup
	rm -rf --one-file-system $(PRODUCT)
	$(MAKE) install DESTDIR=$(PRODUCT)

vm-image:
	PYTHONPATH=vm-tests $(PYTHON) -m image.builder $(PRODUCT)

# One queue, two files of tests at a time: with the second machine of test_power_cut.py up to three on two processors, so that
# neither is idle while a machine waits. Time-outs are doubled for it; nothing waits for them but what fails.
check-vm-queue:
	rm -rf --one-file-system $(BUILD)/vm/costs
	KDUMP_KARG_PRODUCT=$(PRODUCT) KDUMP_KARG_PATIENCE=$${KDUMP_KARG_PATIENCE:-2} \
		$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=line $(VM_QUEUE) $(BESIDE); status=$$?; \
		PYTHONPATH=vm-tests $(PYTHON) -m host.costs $(BUILD)/vm/costs; exit $$status

$(VM_QUEUE): check-vm-%:
	$(PYTHON) -m pytest -v vm-tests/test_$*.py

# Every prediction of crashkernel= against six real kernels; check-vm asks a sample.
check-kernel: setup
	$(PYTHON) -m pytest vm-tests/test_kernel.py --all-kernels

# A million inputs, and whether every parser takes linear time.
fuzz: setup
	$(PYTHON) -m tests.fuzz

bench: freeze
	$(PYTHON) -m tests.bench

demo: setup
	$(PYTHON) vm-tests/demo.py

clean:
	rm -rf --one-file-system $(BUILD) $(VENV)
