# SPDX-License-Identifier: Apache-2.0
"""The capture kernels of the booted deployment and of the one that the next boot takes, where that is another one.

Read, not judged. Only status and a day-two `apply` look at them, in the real root.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.facts import capture_kernel, deployments, kernel_file
from orchestrator.facts.capture_kernel import MODULES, CaptureKernel
from orchestrator.facts.deployments import Deployment
from orchestrator.rules import cmdline, kernel_image
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root


@dataclass(frozen=True)
class NextDeployment:
    """`directory` is its name, `release` its kernel's, "" where it has none that is known.

    `options`: those of its kernel arguments that reserve memory. `capture`: None where no initramfs is known; its size of the
    kernel is the running one's where `sized` is false.
    """

    directory: str
    staged: bool
    release: str
    options: str
    capture: CaptureKernel | None
    sized: bool = True


def read(root: str, boot: str, line: str) -> NextDeployment | None:
    """The deployment that is booted next, None where that is the booted one or it is not known which is booted.

    `boot` is the boot directory and `line` the running command line. Raises Refusal for a file that cannot be read.
    """
    found = deployments.read(root, boot)
    if not found or found[0].booted or not any(each.booted for each in found):
        return None
    return _described(root, boot, line, found[0])


def booted(root: str, boot: str, line: str) -> CaptureKernel | None:
    """The capture kernel of the booted deployment, as capture_kernel.read(), with what its entry says. Raises Refusal."""
    entry = next((each.text for each in deployments.read(root, boot) if each.booted), "")
    return capture_kernel.read(root, boot, line, entry)


def captures(root: str, boot: str, line: str) -> tuple[CaptureKernel, ...]:
    """Those of the booted deployment and of the one that is booted next, as far as they are known. Raises Refusal."""
    following = read(root, boot, line)
    return tuple(each for each in (booted(root, boot, line), following.capture if following else None) if each)


def _described(root: str, boot: str, line: str, deployment: Deployment) -> NextDeployment:
    """What is known of one."""
    image = tree.resolve(provisioned_root(root), deployment.directory)
    options = " ".join(cmdline.KEY + value for value in cmdline.crashkernel_values(deployment.options))
    release = _release(image)
    if not release:
        return NextDeployment(deployment.directory, deployment.staged, "", options, None)
    size, sized = _kernel_bytes(root, image, release)
    capture = capture_kernel.read_other(root, boot, line, image, release, size)
    return NextDeployment(deployment.directory, deployment.staged, release, options, capture, sized)


def _release(image: str) -> str:
    """The release of the kernel in a deployment; "" where there is none, or more than one."""
    found = [name for name in tree.names(image, MODULES) if tree.exists(image, f"{MODULES}/{name}/vmlinuz")]
    return found[0] if len(found) == 1 else ""


def _kernel_bytes(root: str, image: str, release: str) -> tuple[int, bool]:
    """What a deployment's kernel will take, and whether that was worked out.

    The running kernel's size is known from /proc/iomem; what x86's header says is more, as it counts room to unpack. So
    where both headers can be read their difference is what the other kernel takes more or less.
    """
    running = capture_kernel.running_bytes(root)
    other = _header_memory(image, release)
    if other is None:
        return running, False
    own = _header_memory(provisioned_root(root), capture_kernel.running_release(root))
    return (other if own is None else max(running + other - own, 0)), True


def _header_memory(image: str, release: str) -> int | None:
    """What the header of the kernel below `image` says that it takes."""
    return kernel_image.memory(kernel_file.header(image, f"{MODULES}/{release}/vmlinuz"))
