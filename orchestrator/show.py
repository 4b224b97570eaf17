# SPDX-License-Identifier: Apache-2.0
"""A plan as a person reads it and as a program does. The JSON field names are documented in README.md and stay."""

from __future__ import annotations

from orchestrator.chain import Chain
from orchestrator.plan import FileChange, Plan


def diff(change: FileChange) -> str:
    """A unified diff of one file, as `diff -u` and `patch` know it."""
    from difflib import unified_diff

    name = f"boot/{change.path}"
    return "".join(unified_diff(_lines(change.old), _lines(change.new), f"a/{name}", f"b/{name}"))


def _lines(text: str) -> list[str]:
    """The lines as patch counts them, which a form feed does not end; an entry's text ends in a newline (bls.options)."""
    return [line + "\n" for line in text.removesuffix("\n").split("\n")]


def plan_text(plan: Plan) -> str:
    """Decision, reason, what is reserved, and the diff of every file that would change."""
    decision = plan.decision
    lines = [f"decision: {decision.kind.value}", f"reason: {decision.reason}"]
    if decision.wanted is not None:
        wanted = decision.wanted
        lines.append(f"crashkernel: {wanted.crashkernel}")
        lines.append(f"reserved: {wanted.reserved_bytes} bytes ({wanted.reserved_bytes >> 20} MiB)")
        lines += [f"needed: about {wanted.needed_bytes >> 20} MiB"] if wanted.needed_bytes else []
        lines += [f"warning: {wanted.warning}"] if wanted.warning else []
    lines.append(f"reboot: {'yes' if plan.reboot else 'no'}")
    lines += [f"removes: /boot/{path}" for path in plan.removes]
    return "\n".join(lines) + "\n" + "".join(diff(change) for change in plan.files)


def plan_json(plan: Plan) -> str:
    """One JSON object."""
    from json import dumps

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
    }
    return dumps(document, indent=2) + "\n"


def chain_text(found: Chain) -> str:
    """One line a link, the verdict last."""
    lines = [f"{'ok' if link.ok else 'BROKEN':<8}{link.name:<14}{link.detail}" for link in found.links]
    lines += [f"{'':<8}{'last vmcore':<14}{found.vmcore}"] if found.vmcore else []
    return "\n".join([*lines, found.verdict]) + "\n"


def chain_json(found: Chain) -> str:
    """One JSON object."""
    from json import dumps

    document = {
        "armed": found.armed,
        "wanted": found.wanted,
        "verdict": found.verdict,
        "broken": found.broken.name if found.broken else None,
        "links": [{"name": link.name, "ok": link.ok, "detail": link.detail} for link in found.links],
        "vmcore": found.vmcore,
        "needed_bytes": found.needed_bytes,
    }
    return dumps(document, indent=2) + "\n"
