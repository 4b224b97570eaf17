# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that boot machines."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from harness import guest
from harness import machine as machine_module
from harness.disk import Disk
from harness.machine import Machine
from image import builder as image_builder
from image import packagelist
from image import product as product_tree
from image import update as image_update
from image.traits import SUITE, Traits

FAILED = pytest.StashKey[bool]()

NewDisk = Callable[..., Disk]
Boot = Callable[..., Machine]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of these tests."""
    group = parser.getgroup("kdump-karg machines")
    group.addoption("--image", type=Path, help="boot this disk image instead of building one")
    group.addoption("--keep", action="store_true", help="keep the disks of tests that passed")
    group.addoption("--all-kernels", action="store_true", help="test_kernel.py: every pair, not a sample")
    group.addoption("--thorough", action="store_true", help="what is marked `thorough` as well")
    group.addoption("--all-exttests", action="store_true", help="test_kola.py: every test of tests/kola, not a sample")


def pytest_configure(config: pytest.Config) -> None:
    """An image from elsewhere lacks the agent."""
    config.addinivalue_line("markers", "thorough: too long for the gate; `make check-machines` runs it")
    machine_module.FOREIGN_IMAGE = config.getoption("--image") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is thorough, unless that is asked for."""
    if not config.getoption("--thorough"):
        for item in items:
            if item.get_closest_marker("thorough"):
                item.add_marker(pytest.mark.skip(reason="not in the gate: `make check-machines` runs it"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Remember a failure, and say how to get it again."""
    report: pytest.TestReport = yield
    if report.failed:
        item.stash[FAILED] = True
        where = _directory(item)
        if where.is_dir():
            again = f"KDUMP_KARG_SUITE={SUITE} python3 -m pytest {item.nodeid!r}"
            report.sections.append(("machine", f"logs: {where}\nagain: {again}"))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """After a failure: which packages are not those of the last green gate."""
    failed = terminalreporter.getreports("failed") or terminalreporter.getreports("error")
    if failed and config.getoption("--image") is None:
        terminalreporter.section("packages")
        terminalreporter.line(packagelist.advice(SUITE, packagelist.current(Traits())))


def _directory(node: pytest.Item | pytest.Collector) -> Path:
    return image_builder.BUILD / "vm" / re.sub(r"[^\w.-]+", "-", node.name)


def fresh_directory(node: pytest.Item | pytest.Collector) -> Path:
    """An empty directory for what a test, or the tests of a module, leave behind."""
    directory = _directory(node)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


@pytest.fixture(scope="session")
def product() -> Path | None:
    """The product's file tree."""
    return product_tree.tree()


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest) -> Path:
    """The image with the product: --image, or one built from packages."""
    given: Path | None = request.config.getoption("--image")
    if given is not None:
        return given.resolve()
    return image_builder.build(Traits(), request.getfixturevalue("product"))


@pytest.fixture(scope="session")
def plain_image() -> Path:
    """The image without the product."""
    return image_builder.build(Traits(), None)


@pytest.fixture(scope="session")
def update_disk(request: pytest.FixtureRequest, image: Path) -> Path:
    """A disk with a repository, in which the image has a later commit with another kernel."""
    if request.config.getoption("--image") is not None:
        pytest.skip("an update of an image from elsewhere is not known")
    return image_update.build(Traits(), request.getfixturevalue("product"))


@pytest.fixture
def log_dir(request: pytest.FixtureRequest) -> Path:
    """An empty directory for what this test leaves behind."""
    return fresh_directory(request.node)


@pytest.fixture(scope="session")
def pristine_entry(image: Path) -> str:
    """The BLS entry as the image has it."""
    return guest.entry_on(Disk(image))


@pytest.fixture
def new_disk(request: pytest.FixtureRequest, log_dir: Path) -> Iterator[NewDisk]:
    """Makes overlays over an image: `new_disk()` over the one with the product."""
    made: list[Path] = []

    def make(base: Path | None = None) -> Disk:
        path = log_dir / f"disk{len(made)}.qcow2"
        made.append(path)
        return Disk.overlay(base or request.getfixturevalue("image"), path)

    yield make
    if not request.config.getoption("--keep") and not request.node.stash.get(FAILED, False):
        for path in made:
            path.unlink()


@pytest.fixture
def boot(new_disk: NewDisk, log_dir: Path) -> Iterator[Boot]:
    """Powers machines on: `boot(disk, ignition=..., memory_mib=...)`; without a disk, on a new one."""
    with ExitStack() as running:

        def power_on(disk: Disk | None = None, **settings: Any) -> Machine:
            machine = Machine(disk or new_disk(), log_dir=log_dir, **settings)
            return running.enter_context(machine)

        yield power_on
