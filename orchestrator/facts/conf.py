# SPDX-License-Identifier: Apache-2.0
"""This project's own configuration: `key=value` lines, `#` comments, the usual vendor / admin / drop-in order."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.rules import crashkernel_value
from orchestrator.system import tree

VENDOR_DIR = "usr/lib/kdump-karg.conf.d"
ADMIN_FILE = "etc/kdump-karg.conf"
ADMIN_DIR = "etc/kdump-karg.conf.d"
KEYS = ("crashkernel", "enable", "strict")
AUTO = "auto"


@dataclass(frozen=True)
class Setting:
    """One assignment; `where` is the file and line it stands on."""

    key: str
    value: str
    where: str


@dataclass(frozen=True)
class Conf:
    """What the files say together. `crashkernel`: None where no file asks, `auto`, or a checked value.

    `enable`: None where no file speaks of it; `enable_where` is the file and line that does.
    """

    crashkernel: str | None = None
    where: str = ""
    strict: bool = False
    enable: bool | None = None
    enable_where: str = ""

    @property
    def is_image_default(self) -> bool:
        """Is `enable` the word of the image, and not of the operator?"""
        return self.enable_where.startswith(f"/{VENDOR_DIR}/")


def parse(text: str, path: str) -> tuple[Setting, ...]:
    """The assignments of one file. Refusal for a line that is none and for a key that is not known."""
    settings = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(" \t")
        if not line or line.startswith("#"):
            continue
        where = f"{path}:{number}"
        key, equals, text_value = line.partition("=")
        key = key.rstrip(" \t")
        if not equals:
            raise Refusal(f"{where}: {line!r} is not a key=value line; known keys are {', '.join(KEYS)}")
        if key not in KEYS:
            raise Refusal(f"{where}: unknown key {key!r}; known keys are {', '.join(KEYS)}")
        settings.append(Setting(key, text_value.lstrip(" \t"), where))
    return tuple(settings)


def merge(settings: tuple[Setting, ...]) -> Conf:
    """One configuration from all assignments in order; the last of a key counts. Refusal for a bad value."""
    last = {setting.key: setting for setting in settings}
    size = last.get("crashkernel")
    if size and size.value != AUTO:
        crashkernel_value.check(size.value, size.where)
    return Conf(
        size.value if size else None,
        size.where if size else "",
        bool(_switch(last.get("strict"))),
        _switch(last.get("enable")),
        last["enable"].where if "enable" in last else "",
    )


def _switch(setting: Setting | None) -> bool | None:
    """yes or no; None where nothing is said. Refusal for any other word."""
    if setting is None:
        return None
    if setting.value not in ("yes", "no"):
        raise Refusal(f"{setting.where}: {setting.key}={setting.value!r} is neither yes nor no; write one of them")
    return setting.value == "yes"


def files(root: str) -> list[str]:
    """The files that count, in the order they are applied.

    Vendor drop-ins come first and the admin's drop-ins last. A drop-in of the admin hides the vendor's of the same name,
    and does so too when it is a link to /dev/null, as with systemd's own configuration.
    """
    admin = [name for name in tree.names(root, ADMIN_DIR) if is_drop_in(name)]
    vendor = [name for name in tree.names(root, VENDOR_DIR) if is_drop_in(name) and name not in admin]
    found = [f"{VENDOR_DIR}/{name}" for name in vendor]
    found += [ADMIN_FILE] if tree.exists(root, ADMIN_FILE) else []
    found += [f"{ADMIN_DIR}/{name}" for name in admin]
    return [path for path in found if tree.link_target(root, path) != "/dev/null"]


def is_drop_in(name: str) -> bool:
    """Does this name count? Hidden files do not, as with systemd's own configuration and its ConditionPathExistsGlob=."""
    return name.endswith(".conf") and not name.startswith(".")


def read(root: str) -> Conf:
    """The configuration of the provisioned root `root`. Refusal names the file and line of what is wrong."""
    settings: tuple[Setting, ...] = ()
    for path in files(root):
        settings += parse(tree.read_text(root, path) or "", "/" + path)
    return merge(settings)


def is_strict(root: str) -> bool:
    """Is the last readable `strict=` yes? Answers even where the rest of the configuration is malformed."""
    answer = False
    for path in files(root):
        try:
            settings = parse(tree.read_text(root, path) or "", "/" + path)
        except Refusal:
            continue
        for setting in settings:
            answer = setting.value == "yes" if setting.key == "strict" else answer
    return answer
