# SPDX-License-Identifier: Apache-2.0
"""The report, on journal and login console: once after provisioning, in every boot that is not armed, and once for every change
after which less is reserved than is needed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from orchestrator import log
from orchestrator.errors import Failure
from orchestrator.facts.proof_record import Proof
from orchestrator.report import chain, metrics, proof_link, shortage, show
from orchestrator.report.chain import Chain
from orchestrator.system import process, tree
from orchestrator.system.target import Target
from orchestrator.write import outcome, publication

ISSUE = "run/issue.d/50_kdump-karg.issue"  # agetty(8) shows it above the login prompt
STATUS = "run/kdump-karg/status.json"
METRICS = "run/kdump-karg/kdump_karg.prom"  # node_exporter's textfile collector reads what ends in .prom


@dataclass(frozen=True)
class Report:
    """What was found, and whether it is to be reported.

    `news`: a report was asked for, or kdump is wanted and not armed, or a test was judged, or too little is reserved and that
    was not said yet. `proof`: what came of the test. `unsaid`: the sentences on too little memory.
    """

    chain: Chain
    news: bool
    proof: Proof | None = None
    unsaid: tuple[str, ...] = ()


def give(target: Target) -> Report:
    """Write the report and take back the notes that asked for it, so an armed machine is reported once.

    The login console gets nothing where kdump is not wanted.
    """
    judged = _judged(target)
    found = chain.read(target)
    unsaid = shortage.unsaid(target.root, found)
    news = judged is not None or bool(unsaid) or is_due(target.root) or (found.wanted and not found.armed)
    texts = {STATUS: show.chain_json(found), METRICS: metrics.text(found)}
    if found.wanted and news:
        texts[ISSUE] = issue(found)
    for path, text in texts.items():
        publication.publish(target.root, path, text)
    for path in (outcome.REPORT_NOW, outcome.REPORT_LATER):
        try:
            os.unlink(tree.resolve(target.root, path, last=False))
        except FileNotFoundError:
            continue
    shortage.note(target.root, found)
    return Report(found, news, judged, unsaid)


def _judged(target: Target) -> Proof | None:
    """What came of a test of an earlier boot. Where that cannot be recorded the rest of the report is given all the same."""
    try:
        return proof_link.settle(target)
    except OSError as error:
        where = error.filename or "the note of the test"
        log.say(log.WARNING, f"{where}: {error.strerror}; the test is judged by the next report")
        return None


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
