# SPDX-License-Identifier: Apache-2.0
"""Single packages of any suite and architecture, unpacked and not installed."""

from __future__ import annotations

from pathlib import Path

from host import archive
from host.process import run

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

CONFIG = """
Dir::State "{directory}/state"; Dir::State::status "{directory}/status"; Dir::Cache "{directory}/cache";
Dir::Etc::sourcelist "{directory}/sources.list"; Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{architecture}"; APT::Architectures "{architecture}"; APT::Sandbox::User "root";
Acquire::Check-Valid-Until "false"; Acquire::Languages "none"; Acquire::Retries "3";
"""


class Apt:
    """apt for another suite and architecture (Debian's name of it), with its own state; what it fetches is verified as always."""

    def __init__(self, suite: str, architecture: str, directory: Path) -> None:
        self._directory = directory
        for name in ("state/lists/partial", "cache/archives/partial", "packages"):
            (directory / name).mkdir(parents=True)
        (directory / "status").touch()
        source = f"deb [signed-by={KEYRING}] {archive.address()} {suite} main\n"
        (directory / "sources.list").write_text(source)
        config = directory / "apt.conf"
        config.write_text(CONFIG.format(directory=directory, architecture=architecture))
        self._environment = {"APT_CONFIG": str(config)}
        run(["apt-get", "--quiet", "update"], environment=self._environment)

    def depends(self, package: str, *prefixes: str) -> list[str]:
        """The packages it depends on whose names start so."""
        text = run(["apt-cache", "depends", package], environment=self._environment).decode()
        words = [line.split()[-1] for line in text.splitlines() if line.strip().startswith("Depends: ")]
        return [word for word in words if word.startswith(prefixes)]

    def unpack(self, package: str) -> Path:
        """The files of a package, below a directory."""
        where = self._directory / "packages" / package
        where.mkdir()
        # It writes to the directory it is started in.
        script = 'cd "$1" && apt-get --quiet download "$2"'
        run(["sh", "-c", script, "sh", where, package], environment=self._environment)
        tree = where / "tree"
        run(["dpkg-deb", "--extract", next(where.glob("*.deb")), tree])
        return tree
