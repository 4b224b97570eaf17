# SPDX-License-Identifier: Apache-2.0
"""orchestrator/rules/crashkernel.py against real kernels. Without --all-kernels, a sample of the pairs of pair_table.py."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from host.progress import Progress
from image import builder
from kernel_comparison import kernel_boot, pair_table
from kernel_comparison.kernel_boot import NoVerdictError, Prediction, Verdict
from kernel_comparison.kernels import KERNELS, Kernel
from kernel_comparison.pair_table import Pair

AT_ONCE = 2
SAMPLE = 12  # of so many pairs, one
PPC_REFUSAL = "Crash kernel can not overlap current kernel"


@dataclass(frozen=True)
class Case:
    """One pair: the prediction, and what the kernel did."""

    pair: Pair
    prediction: Prediction
    verdict: Verdict

    @property
    def agrees(self) -> bool:
        """To the byte, each part by itself; where nothing is reserved, the kernel's own message as well."""
        reservation = self.prediction.reservation
        return (
            self.prediction.crash_size == self.verdict.crash_size
            and (self.prediction.parts == self.verdict.parts or self.prediction.arch.name in kernel_boot.HIDING)
            and (not reservation.problem or self.quotes == (not reservation.silent))
        )

    @property
    def quotes(self) -> bool:
        """Is the predicted message in the log? With `silent`, where it is ours: is any complaint?"""
        if self.prediction.reservation.silent:
            return bool(self.verdict.log)
        return self.prediction.reservation.problem in self.verdict.log

    @property
    def excused(self) -> bool:
        """The kernel could not place what was predicted to fit, and the table says why nobody can know."""
        known = self.prediction.arch
        refusals = (known.no_place.split("(")[0], known.no_place_at_offset.split("(")[0], PPC_REFUSAL)
        refused = not self.verdict.crash_size and any(line.startswith(refusals) for line in self.verdict.log)
        moved = bool(self.verdict.crash_size) and self.verdict.parts[-1:] == self.prediction.parts[-1:]
        return bool(self.pair.unknown) and not self.prediction.reservation.problem and (refused or moved)

    def __str__(self) -> str:
        how = "agree" if self.agrees else ("UNKNOWABLE" if self.excused else "DISAGREE")
        return (
            f"{how}: {self.pair.memory_mib} MiB, {self.pair.line!r}:"
            f" predicted {self.prediction.crash_size} {self.prediction.parts}"
            f" {self.prediction.reservation.problem!r}, the kernel has {self.verdict.crash_size} {self.verdict.parts}"
            f" {' | '.join(self.verdict.log)!r}" + (f" ({self.pair.unknown})" if how == "UNKNOWABLE" else "")
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The kernels that are asked."""
    if "kernel" in metafunc.fixturenames:
        asked = KERNELS if metafunc.config.getoption("--all-kernels") else pair_table.MAIN
        metafunc.parametrize("kernel", asked, ids=str)


def test_kernel_and_prediction_agree(kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """On every pair: what is reserved, and the message where nothing is."""
    progress = Progress(f"kernel {kernel}")
    asked = list(pair_table.pairs(kernel))
    if not request.config.getoption("--all-kernels"):
        asked = pair_table.sample(kernel, asked, SAMPLE)

    def case(pair: Pair) -> Case | NoVerdictError:
        try:
            verdict = kernel_boot.ask(kernel, pair.memory_mib, pair.line, progress)
        except NoVerdictError as error:
            return error
        return Case(pair, kernel_boot.predict(kernel, verdict, pair.line), verdict)

    with ThreadPoolExecutor(AT_ONCE) as workers:
        answers = list(workers.map(case, asked))
    cases = [answer for answer in answers if isinstance(answer, Case)]
    mute = [str(answer) for answer in answers if isinstance(answer, NoVerdictError)]
    report = builder.BUILD / "vm" / f"kernel-{kernel}.txt"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("".join(f"{found}\n" for found in cases))
    excused = [found for found in cases if not found.agrees and found.excused]
    wrong = [found for found in cases if not found.agrees and not found.excused]
    releases = " ".join({found.verdict.release for found in cases})
    progress.step(f"{releases}: {len(cases)} pairs, {len(cases) - len(excused) - len(wrong)} agree, "
                  f"{len(excused)} nobody can know, {len(wrong)} disagree; see {report}")  # fmt: skip
    assert not wrong and not mute, "\n".join([*map(str, wrong), *mute])


def test_the_table_is_large_enough() -> None:
    """Different pairs, and every one for at least two kernels."""
    asked = [pair for kernel in KERNELS for pair in pair_table.pairs(kernel)]
    assert len(set(asked)) >= 120
    assert all(asked.count(pair) >= 2 for pair in asked)


def test_the_sample_is_of_the_table() -> None:
    """Every kernel of the two main architectures is asked something."""
    for kernel in pair_table.MAIN:
        asked = pair_table.sample(kernel, pair_table.pairs(kernel), SAMPLE)
        assert 4 <= len(asked) < len(pair_table.pairs(kernel))
