# SPDX-License-Identifier: Apache-2.0
"""Updates by ostree, to another kernel and back. The tests share one machine, in this order; it is rebooted between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import boot_files, guest, updating, vmcore
from harness.boot_files import Listing
from harness.disk import Disk
from harness.guest import KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine
from harness.updating import DEPLOY_TIMEOUT
from image import update

from conftest import fresh_directory
from orchestrator.rules import bls, grub

ONCE = "one line, once\n"
CRASH_TIMEOUT = 600.0
ARGUMENT = f"crashkernel={guest.AUTO}"
#: As long as the other, so that GRUB 2.14 reads the entry whole in which ostree leaves out our blanks.
LARGER = "crashkernel=512M-:224M"
REPORT_UNIT = "kdump-karg-report.service"

#: /boot is read-only for everybody else, and GRUB replays no journal.
EDIT_BOOT = "unshare --mount sh -euc 'mount -o remount,rw /boot; {}; sync -f /boot; fsfreeze -f /boot; fsfreeze -u /boot'"
#: Seconds that GRUB's menu is shown; a key stops the clock.
MENU_SECONDS = 60
NEXT_LINE, ENTER = "\x0e", "\r"

#: Every link leads somewhere: entries to kernels and deployments, and no kernel, link or deployment is without its entry.
TREE = """
cd /sysroot
grep -ho 'ostree=[^ ]*' /boot/loader/entries/*.conf | sed 's/ostree=.//' | while read -r link; do
    echo "entry: $(realpath --relative-to=ostree/deploy/debian/deploy "$link")"
done
for directory in /boot/ostree/*; do echo "kernel: ${directory#/boot/ostree/debian-}"; done
for directory in ostree/deploy/debian/deploy/*.[0-9]; do echo "deployment: ${directory##*/}"; done
for link in ostree/boot.[01]/debian/*; do echo "link: ${link##*/}"; done
"""


@pytest.fixture(scope="module")
def directory(request: pytest.FixtureRequest) -> Path:
    """Where this module leaves its files."""
    return fresh_directory(request.node)


@pytest.fixture(scope="module")
def armed(directory: Path, image: Path, update_disk: Path) -> Iterator[Machine]:
    """The machine in its second boot, armed under the image's kernel."""
    disks = Disk.overlay(image, directory / "disk.qcow2"), Disk.overlay(update_disk, directory / "update.qcow2")
    config = Config().enable(KDUMP_UNIT).file("/etc/appended", ONCE, append=True)
    with Machine(disks[0], log_dir=directory, ignition=config, extra_disks=[disks[1].path]) as machine:
        machine.wait_boot()
        guest.settled(machine)
        yield machine


@pytest.fixture(scope="module")
def first_kernel(armed: Machine) -> str:
    """The release of the image's kernel."""
    return release(armed)


@pytest.fixture(scope="module")
def before(armed: Machine, first_kernel: str, directory: Path) -> Listing:
    """/boot before the first update."""
    listing = boot_files.read(armed)
    (directory / "boot-before.txt").write_text(boot_files.text(listing))
    return listing


def release(machine: Machine) -> str:
    """The kernel that runs."""
    return machine.run("uname -r").text


def restarted(machine: Machine) -> Machine:
    """The machine after a reboot, when all is started."""
    machine.reboot()
    machine.wait_boot()
    guest.settled(machine)
    return machine


def status(machine: Machine) -> tuple[int, dict[str, Any]]:
    """The exit status of `status --json`, and what it says."""
    done = machine.run("kdump-karg status --json", check=False)
    return done.status, json.loads(done.text)


def entries(machine: Machine) -> dict[str, str]:
    """The texts of the entries by their names."""
    texts = machine.run("cd /boot/loader/entries; for name in *; do jq -cRs --arg name $name '[$name, .]' $name; done").text
    return dict(json.loads(line) for line in texts.splitlines())


def words(entry: str) -> list[str]:
    """The kernel arguments of an entry, but for the one that names the deployment."""
    return [word for word in guest.options(entry).split() if not word.startswith("ostree=")]


def leaves(machine: Machine) -> dict[str, list[str]]:
    """What TREE finds, by kind and sorted."""
    found: dict[str, list[str]] = {}
    for line in sorted(machine.run(TREE).text.splitlines()):
        kind, _, name = line.partition(": ")
        found.setdefault(kind, []).append(name)
    return found


def check_armed(machine: Machine, mib: int = 192) -> None:
    """The kernel says so, and `status` agrees. Nothing of ours ran before it was asked, but for the report; Ignition did not run."""
    assert guest.units_of_ours(machine) <= {REPORT_UNIT}
    assert guest.kdump(machine) == guest.Kdump(mib * MIB, loaded=True)
    number, document = status(machine)
    assert (number, document["broken"], document["warnings"]) == (0, None, [])
    assert "ignition.firstboot" not in machine.run("cat /proc/cmdline").text
    assert machine.read("/etc/appended").decode() == ONCE
    assert machine.run("systemctl --failed --plain --no-legend").text == ""


def check_whole(machine: Machine, count: int) -> None:
    """That many deployments, each with its entry, its kernel and its link, and none without."""
    found = leaves(machine)
    assert found["entry"] == found["deployment"] and found["kernel"] == found["link"]
    assert len(found["entry"]) == len(found["kernel"]) == count
    for text in entries(machine).values():
        assert all(machine.run(f"test -s {bls.first_value(text, field)}").status == 0 for field in ("linux", "initrd"))


def test_armed_before(armed: Machine, before: Listing) -> None:
    """As every machine is after its first boot."""
    assert guest.kdump(armed) == guest.Kdump(192 * MIB, loaded=True)
    assert sum(path.startswith("loader.") for path in before) == 1


@pytest.fixture(scope="module")
def upgraded(armed: Machine, before: Listing, directory: Path) -> Listing:
    """/boot after an upgrade that was deployed at once; the machine runs on."""
    updating.follow(armed)
    updating.upgrade(armed)
    after = boot_files.read(armed)
    (directory / "boot-after.txt").write_text(boot_files.text(after))
    (directory / "boot-changes.txt").write_text(boot_files.changes(before, after))
    return after


def test_update_has_an_entry_with_the_argument(armed: Machine, upgraded: Listing) -> None:
    """ostree numbers the entries anew and carries every argument, in its place. GRUB reads both whole."""
    found = entries(armed)
    assert sorted(found) == ["ostree-1.conf", "ostree-2.conf"]
    old, new = (found[name] for name in sorted(found))
    assert [bls.first_value(text, "version") for text in (old, new)] == ["1", "2"]
    assert words(new) == words(old) and words(new)[-1] == ARGUMENT and "$ignition_firstboot" in words(new)
    assert all(grub.is_read_whole(guest.options(text), bls.first_value(text, "linux")) for text in (old, new))


def test_update_touched_nothing_else_in_boot(before: Listing, upgraded: Listing) -> None:
    """The other loader directory, and the new kernel with its initramfs; no file of ours, least of all among ostree's own."""
    gone, new = before.keys() - upgraded.keys(), upgraded.keys() - before.keys()
    assert all(upgraded[path] == before[path] for path in before.keys() & upgraded.keys() - {"loader"})
    assert upgraded["loader"] != before["loader"]
    assert {path.split("/", 1)[-1] for path in gone} == {"entries/ostree-1.conf"}
    loader = {path for path in new if path.startswith("loader.")}
    assert {path.split("/", 1)[-1] for path in loader} == {"entries/ostree-1.conf", "entries/ostree-2.conf"}
    assert sorted(path.rpartition("/")[2].partition("-")[0] for path in new - loader) == ["initramfs", "vmlinuz"]
    assert len({path.rpartition("/")[0] for path in new - loader}) == 1


def test_update_is_pending(armed: Machine, upgraded: Listing) -> None:
    """ostree's view is right. The entry of the deployment that runs has another name and another link."""
    pending, _, running = armed.run("ostree admin status").text.partition("\n* ")
    assert "(pending)" in pending and f"Version: {update.VERSION}" in pending
    assert "(rollback)" not in running
    check_whole(armed, 2)


def test_dump_before_the_reboot_would_be_lost(armed: Machine, upgraded: Listing) -> None:
    """The capture kernel was loaded for a link that ostree has removed: `status` says so, though the kernel says "loaded"."""
    assert guest.kdump(armed).loaded
    assert armed.run("test -e /sysroot$(grep -o '/ostree/boot[^ ]*' /proc/cmdline)", check=False).status == 1
    number, document = status(armed)
    assert (number, document["broken"]) == (4, "capture command line")
    assert "leads nowhere" in document["verdict"] and document["mend"].startswith("reboot")
    (entry,) = (link for link in document["links"] if link["name"] == "entry")
    assert entry["detail"].startswith("/boot/loader/entries/ostree-1.conf has crashkernel=")


@pytest.fixture(scope="module")
def updated(armed: Machine, first_kernel: str, upgraded: Listing) -> Machine:
    """The machine under the update's kernel."""
    return restarted(armed)


def test_armed_under_the_new_kernel(updated: Machine, first_kernel: str, upgraded: Listing) -> None:
    """With no more than a reboot. /boot is as ostree left it."""
    check_armed(updated)
    assert release(updated) != first_kernel
    assert boot_files.changes(upgraded, boot_files.read(updated)) == ""
    assert "(rollback)" in updated.run("ostree admin status").text


def test_new_kernel_is_captured(updated: Machine) -> None:
    """The dump is of the update's kernel."""
    kernel = release(updated)
    updated.crash()
    updated.wait_boot(CRASH_TIMEOUT)
    guest.settled(updated)
    vmcore.verify(vmcore.collect(updated), kernel)


@pytest.fixture(scope="module")
def updated_kernel(updated: Machine) -> str:
    """The release of the update's kernel."""
    return release(updated)


@pytest.fixture(scope="module")
def rolled_back(updated: Machine, updated_kernel: str) -> Machine:
    """Back in the deployment of the image, by ostree."""
    updated.run("ostree admin set-default 1", timeout=DEPLOY_TIMEOUT)
    return restarted(updated)


def test_armed_after_set_default(rolled_back: Machine, first_kernel: str) -> None:
    """The old deployment is now the higher of the two entries."""
    check_armed(rolled_back)
    assert release(rolled_back) == first_kernel
    found = entries(rolled_back)
    assert sorted(found) == ["ostree-1.conf", "ostree-2.conf"] and words(found["ostree-1.conf"]) == words(found["ostree-2.conf"])
    assert first_kernel in bls.first_value(found["ostree-2.conf"], "linux")


def test_undeploy_and_cleanup_leave_no_orphan(rolled_back: Machine, before: Listing) -> None:
    """What is left is what there was before the update, under another number of the loader directory."""
    check_whole(rolled_back, 2)
    rolled_back.run("ostree admin undeploy 1 && ostree admin cleanup", timeout=DEPLOY_TIMEOUT)
    check_whole(rolled_back, 1)
    found = boot_files.read(rolled_back)
    kernels = {path for path in before if path.startswith("ostree/")}
    assert {path: found.get(path) for path in kernels} == {path: before[path] for path in kernels}
    assert {path for path in found if path.startswith("ostree/")} == kernels
    assert sorted(entries(rolled_back)) == ["ostree-1.conf"]
    # Until the reboot: ostree has renamed the link that the loaded capture kernel would boot by, as after an update.
    assert status(rolled_back)[1]["broken"] == "capture command line"


@pytest.fixture(scope="module")
def staged(rolled_back: Machine) -> Machine:
    """The update again, staged; the machine runs on in the image's deployment."""
    untouched = boot_files.read(rolled_back)
    updating.upgrade(rolled_back, stage=True)
    assert "(staged)" in rolled_back.run("ostree admin status").text
    assert boot_files.changes(untouched, boot_files.read(rolled_back)) == ""
    return rolled_back


def test_staged_deployment_is_looked_at(staged: Machine, updated_kernel: str) -> None:
    """`status` has its kernel, what will be reserved and what is needed, from ostree's own file and its directory."""
    document = status(staged)[1]
    assert document["warnings"] == []
    following = document["next"]
    assert (following["state"], following["kernel"], following["kernel_sized"]) == ("staged", updated_kernel, True)
    assert following["reserved_bytes"] == 192 * MIB >= following["needed_bytes"] > 0
    row = f"staged deployment     kernel {updated_kernel}: 192 MiB"
    assert row in staged.run("kdump-karg status", check=False).text


def test_edit_before_the_shutdown_is_for_the_staged_one_as_well(staged: Machine) -> None:
    """ostree gives it what the entry of the deployment that runs has at the shutdown; so `apply` names no other deployment."""
    staged.run(f"echo {LARGER} >/etc/kdump-karg.conf")
    plan = json.loads(staged.run("kdump-karg plan --json").text)
    assert (plan["decision"], plan["notices"]) == ("CHANGE", [])
    assert [change["path"] for change in plan["files"]] == ["/boot/loader/entries/ostree-1.conf"]
    staged.run("kdump-karg apply")
    assert status(staged)[1]["next"]["reserved_bytes"] == 224 * MIB


def test_staged_update_is_finalised_at_shutdown(staged: Machine, updated_kernel: str) -> None:
    """Then it is as good as one that was deployed at once, and has what was edited after it was staged."""
    restarted(staged)
    check_armed(staged, 224)
    assert release(staged) == updated_kernel
    found = entries(staged)
    assert sorted(found) == ["ostree-1.conf", "ostree-2.conf"] and words(found["ostree-1.conf"]) == words(found["ostree-2.conf"])
    assert words(found["ostree-2.conf"])[-1] == LARGER
    check_whole(staged, 2)


@pytest.fixture(scope="module")
def old_deployment(staged: Machine) -> Machine:
    """By the boot loader's menu, in a deployment that is older than the argument."""
    take_out = f'sed -i "s/ {LARGER}//" /boot/loader/entries/ostree-1.conf'
    show_menu = f'sed -i "s/^set timeout=.*/set timeout={MENU_SECONDS}/" /boot/grub/grub.cfg'
    staged.run(EDIT_BOOT.format(f"{take_out}; {show_menu}"))
    staged.reboot()
    staged.wait_serial("GNU GRUB")
    staged.wait_serial(r"automatically in \d+s")
    staged.type(NEXT_LINE + ENTER)
    staged.wait_boot()
    guest.settled(staged)
    return staged


def test_older_than_the_argument_is_named(old_deployment: Machine, first_kernel: str) -> None:
    """The menu's second line is the image's deployment; its entry is the first broken link, with the mend."""
    assert release(old_deployment) == first_kernel
    assert guest.kdump(old_deployment) == guest.Kdump(0, loaded=False)
    number, document = status(old_deployment)
    assert (number, document["broken"]) == (4, "entry")
    assert "ostree-1.conf has no crashkernel=" in document["verdict"] and "kdump-karg plan" in document["mend"]
    assert "NOT armed: entry" in old_deployment.run("cat /run/issue.d/50_kdump-karg.issue").text


def test_mend_is_for_the_deployment_that_runs(old_deployment: Machine) -> None:
    """`apply` adds the argument to the entry that was chosen in the menu, and leaves the one that is booted by default."""
    found = entries(old_deployment)
    old_deployment.run("kdump-karg apply")
    mended = entries(old_deployment)
    assert mended["ostree-2.conf"] == found["ostree-2.conf"]
    assert words(mended["ostree-1.conf"]) == [*words(found["ostree-1.conf"]), LARGER]
    assert mended.keys() == found.keys()
