# SPDX-License-Identifier: Apache-2.0
"""record.py: a record reads back as it was written, and one that was cut short anywhere is told from a whole one."""

from __future__ import annotations

import pytest

from orchestrator.errors import Refusal
from orchestrator.facts import record
from orchestrator.facts.record import UNDONE, WRITTEN, Record
from tests.conftest import Make
from tests.sample import OPTIONS

SAMPLE = Record("ostree/deploy/os/deploy/a.0", "loader/entries/ostree-1.conf", "256M", f"{OPTIONS}  ", f"{OPTIONS} crashkernel=256M", "2026")
ODD = Record("d", "e", "1G", ' a="b c" \udcff=\t', "before=x", "")


@pytest.mark.parametrize("each", [SAMPLE, ODD, Record("", "", "", "", "")])
def test_what_is_written_reads_back(each: Record) -> None:
    assert record.decode(record.encode(each)) == (each,)
    assert record.decode(record.encode(each) + record.encode(SAMPLE)) == (each, SAMPLE)


def test_every_cut_and_every_lost_byte_is_seen() -> None:
    whole = record.encode(SAMPLE)
    for at in range(len(whole)):
        for torn in (whole[:at], whole[:at] + whole[at + 1 :], whole[:at] + "\0" * (len(whole) - at)):
            with pytest.raises(Refusal, match=f"^/{WRITTEN} is cut short or was changed"):
                record.decode(torn)
    for longer in (whole + "x", whole + whole[:-1], "\n" + whole):
        with pytest.raises(Refusal):
            record.decode(longer)


def test_it_lies_in_the_provisioned_root(make: Make) -> None:
    sample = make(extra={f"sysroot/{WRITTEN}": record.encode(SAMPLE), f"sysroot/{UNDONE}": "torn"})
    assert record.read(str(sample.root)) == (SAMPLE,)
    assert record.undone(str(sample.root)) is None
    assert record.read(str(make().root)) == ()
