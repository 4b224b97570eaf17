# SPDX-License-Identifier: Apache-2.0
"""A plan as a person reads it and as a program does. docs/json.md lists the JSON fields, which stay."""

from __future__ import annotations

import difflib
import json

from orchestrator.decide.plan import FileChange, Plan
from orchestrator.decide.proof import Standing
from orchestrator.decide.room import Room
from orchestrator.facts.capture_files import CaptureFiles, Origin
from orchestrator.lint import formats
from orchestrator.lint.findings import Finding
from orchestrator.report.chain import Chain
from orchestrator.report.links import NAMES, Capture
from orchestrator.report.target_link import Space


def diff(change: FileChange) -> str:
    """A unified diff of one file, as `diff -u` and `patch` know it."""
    name = f"boot/{change.path}"
    return "".join(difflib.unified_diff(_lines(change.old), _lines(change.new), f"a/{name}", f"b/{name}"))


def _lines(text: str) -> list[str]:
    """The lines as patch counts them, which a form feed does not end; an entry's text ends in a newline (bls.options)."""
    return [line + "\n" for line in text.removesuffix("\n").split("\n")]


def plan_text(plan: Plan, found: tuple[Finding, ...] = ()) -> str:
    """Decision, reason, what is reserved, what the config has of mistakes, and the diff of every file that would change."""
    decision = plan.decision
    lines = [f"decision: {decision.kind.value}", f"reason: {decision.reason}"]
    if decision.wanted is not None:
        wanted = decision.wanted
        lines.append(f"crashkernel: {wanted.crashkernel}")
        lines.append(f"reserved: {wanted.reserved_bytes} bytes ({wanted.reserved_bytes >> 20} MiB)")
        lines += [f"needed: about {wanted.needed_bytes >> 20} MiB"] if wanted.needed_bytes else []
        lines += [f"warning: {wanted.warning}"] if wanted.warning else []
    lines.append(f"reboot: {'yes' if plan.reboot else 'no'}")
    lines += [f"enables: {plan.enables}"] if plan.enables else []
    lines += [f"disables: {plan.disables}"] if plan.disables else []
    lines += [f"removes: /boot/{path}" for path in plan.removes]
    lines += [f"notice: {text}" for text in plan.notices]
    lines += [f"warning: {each.place}: {each.sentence}; {each.cure} [{each.check}]" for each in found]
    return "\n".join(lines) + "\n" + "".join(diff(change) for change in plan.files)


def plan_json(plan: Plan, found: tuple[Finding, ...] = ()) -> str:
    """One JSON object."""
    decision = plan.decision
    document = {
        "decision": decision.kind.value,
        "reason": decision.reason,
        "crashkernel": decision.wanted.crashkernel if decision.wanted else None,
        "rule": decision.wanted.rule if decision.wanted else None,
        "reserved_bytes": decision.wanted.reserved_bytes if decision.wanted else 0,
        "needed_bytes": decision.wanted.needed_bytes if decision.wanted else 0,
        "warning": decision.wanted.warning if decision.wanted else "",
        "reboot": plan.reboot,
        "files": [{"path": f"/boot/{change.path}", "diff": diff(change)} for change in plan.files],
        "removes": [f"/boot/{path}" for path in plan.removes],
        "enables": plan.enables or None,
        "disables": plan.disables or None,
        "notices": list(plan.notices),
        "findings": [formats.finding(each) for each in found],
    }
    return json.dumps(document, indent=2) + "\n"


def chain_text(found: Chain) -> str:
    """The table, and the verdict on the last line."""
    return f"{chain_table(found)}{found.verdict}\n"


def chain_table(found: Chain) -> str:
    """A row for every link, those after the broken one too, and for the last dump; nothing where kdump is not wanted."""
    if not found.wanted:
        return ""
    rows = [("ok" if link.ok else "BROKEN", link.name, link.detail) for link in found.links]
    if found.broken is not None and found.broken.mend:
        rows.append(("", "how to mend it", found.broken.mend))
    rows += [("-", name, "not looked at") for name in NAMES[len(found.links) :]]
    rows += [("", "capture initramfs", initramfs(found.files))] if found.files and found.files.initrd else []
    rows += [("", f"{each.whose.value} deployment", room_text(each)) for each in found.rooms[1:]]
    rows.append(("", "last vmcore", found.vmcore or "none"))
    rows += [("PENDING", "", found.pending.sentence)] if found.pending else []
    rows += [("WARNING", "", text) for text in found.warnings]
    return "".join(f"{mark:<9}{name:<22}{text}\n" if name else f"{mark:<9}{text}\n" for mark, name, text in rows)


def chain_json(found: Chain) -> str:
    """One JSON object."""
    broken = found.broken
    document = {
        "armed": found.armed,
        "wanted": found.wanted,
        "verdict": found.verdict,
        "broken": broken.name if broken else None,
        "mend": (broken.mend or broken.detail) if broken else None,
        "links": [{"name": link.name, "ok": link.ok, "detail": link.detail} for link in found.links],
        "reserved_bytes": found.reserved,
        "needed_bytes": found.needed,
        "capture_files": files_document(found.files) if found.files else None,
        "next": room_document(found.rooms[1]) if found.rooms[1:] else None,
        "capture": capture_document(found.capture) if found.capture else None,
        "target": space_document(found.space) if found.space else None,
        "proof": proof_document(found.proof) if found.proof else None,
        "pending": found.pending.sentence if found.pending else None,
        "warnings": list(found.warnings),
        "vmcore": found.vmcore,
    }
    return json.dumps(document, indent=2) + "\n"


def initramfs(files: CaptureFiles) -> str:
    """Where the capture kernel's initramfs comes from, and for which kernel it was made."""
    source = "shipped in the image" if files.origin is Origin.IMAGE else "built on this machine"
    return f"{files.initrd}, {source}" + (f" for kernel {files.initrd_release}" if files.initrd_release else "")


def room_text(found: Room) -> str:
    """Reserved beside needed, for another deployment than the booted."""
    reserved = f"{(found.reserved or 0) >> 20} MiB will be reserved"
    needed = "what is needed is not known" if found.needed is None else f"about {-(-found.needed >> 20)} MiB are needed"
    unsure = "" if found.sized or found.needed is None else ", if its kernel takes as much as the running one"
    return f"kernel {found.release or 'not known'}: {reserved}, {needed}{unsure}"


def room_document(found: Room) -> dict[str, str | int | bool | None]:
    """The same, as JSON shows it."""
    return {
        "state": found.whose.value,
        "directory": f"/{found.directory}",
        "kernel": found.release or None,
        "reserved_bytes": found.reserved,
        "needed_bytes": found.needed,
        "kernel_sized": found.sized,
        "warning": found.warning,
    }


def files_document(files: CaptureFiles) -> dict[str, str | None]:
    """What the capture kernel is loaded from, as JSON shows it."""
    return {
        "kernel": files.kernel or None,
        "kernel_release": files.kernel_release or None,
        "initramfs": files.initrd or None,
        "initramfs_release": files.initrd_release or None,
        "initramfs_origin": files.origin.value if files.origin else None,
    }


def capture_document(found: Capture) -> dict[str, str | None]:
    """What is known of the capture kernel's command line, as JSON shows it."""
    return {
        "package": found.facts.package.value,
        "config": found.facts.config.path,
        "predicted": found.prediction.line,
        "unknown": found.prediction.unknown or None,
        "recorded": found.facts.recorded,
    }


def space_document(found: Space) -> dict[str, str | int | None]:
    """Where the dump goes and how much is free there, as JSON shows it."""
    return {"place": found.place, "free_bytes": found.free, "dump_bytes": found.largest}


def proof_document(found: Standing) -> dict[str, str | int | list[str] | None]:
    """What a crash has proven, as JSON shows it."""
    return {
        "state": found.state.value,
        "time": found.time,
        "changed": list(found.changed),
        "why": found.why or None,
        "dump": found.dump or None,
    }
