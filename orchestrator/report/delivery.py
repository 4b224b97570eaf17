# SPDX-License-Identifier: Apache-2.0
"""The report, on journal and login console: once after provisioning, in every boot that is not armed, and once for every change
after which less is reserved than is needed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from orchestrator.errors import Failure
from orchestrator.report import chain, shortage, show
from orchestrator.report.chain import Chain
from orchestrator.system import process, tree
from orchestrator.system.target import Target
from orchestrator.write import outcome

ISSUE = "run/issue.d/50_kdump-karg.issue"  # agetty(8) shows it above the login prompt
STATUS = "run/kdump-karg/status.json"


@dataclass(frozen=True)
class Report:
    """What was found, and whether it is to be reported.

    `news`: a report was asked for, or kdump is wanted and not armed, or too little is reserved and that was not said yet.
    `unsaid`: the sentences for the last.
    """

    chain: Chain
    news: bool
    unsaid: tuple[str, ...] = ()


def give(target: Target) -> Report:
    """Write the report and take back the notes that asked for it, so an armed machine is reported once.

    The login console gets nothing where kdump is not wanted.
    """
    found = chain.read(target)
    unsaid = shortage.unsaid(target.root, found)
    news = is_due(target.root) or (found.wanted and not found.armed) or bool(unsaid)
    texts = {STATUS: show.chain_json(found), ISSUE: issue(found)} if found.wanted and news else {STATUS: show.chain_json(found)}
    for path, text in texts.items():
        place = tree.resolve(target.root, path)
        os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
        with open(place, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    for path in (outcome.REPORT_NOW, outcome.REPORT_LATER):
        try:
            os.unlink(tree.resolve(target.root, path, last=False))
        except FileNotFoundError:
            continue
    shortage.note(target.root, found)
    return Report(found, news, unsaid)


def is_due(root: str) -> bool:
    """Did a run of `apply` ask for a report, in this boot or in the one before?"""
    return any(tree.exists(root, path) for path in (outcome.REPORT_NOW, outcome.REPORT_LATER))


def issue(found: Chain) -> str:
    """The text for the login console, the verdict first; agetty(8) gives backslashes a meaning."""
    return f"kdump-karg: {found.verdict}\n{show.chain_table(found)}".replace("\\", "\\\\")


def show_on_consoles() -> None:
    """Have every agetty that is waiting for a login show its issue again. A system without agetty has no such console."""
    try:
        process.run("agetty", "--reload")
    except Failure:
        return
