"""Breaks a copy of the product on purpose, and asks a proof whether it sees it.

The tree that the tests stand in is never changed: a copy is, in a temporary directory. What is tested is the
copy because the proof runs in it, with it first on the path of imports, before any installed product.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIME_LIMIT_S = 120.0
"""For one proof; most take a few seconds. Generous, since a slow machine is no defect."""

_LEFT_OUT = shutil.ignore_patterns(".*", "build", "*.egg-info", "docs")
_PASSED, _FAILED = 0, 1
_WHOSE = "import gateway; print(gateway.__file__)"


@dataclass(frozen=True, slots=True)
class Defect:
    """A mistake that somebody could make: in `file`, `text` becomes `replacement`.

    `text` stands there exactly once. `proof` are pytest's names of tests, at least one of which has to fail.
    """

    name: str
    file: str
    text: str
    replacement: str
    proof: tuple[str, ...]

    def occurrences(self, root: Path = ROOT) -> int:
        """How often the text stands in the file."""
        return (root / self.file).read_text(encoding="utf-8").count(self.text)


class Verdict(StrEnum):
    """What came of a proof. `BROKEN`: it did not run to its end, so it says nothing."""

    SEEN = "seen"
    NOT_SEEN = "NOT SEEN"
    BROKEN = "PROOF BROKEN"


@dataclass(frozen=True, slots=True)
class Result:
    """A verdict with what the proof printed, and how long it took."""

    verdict: Verdict
    output: str
    took_s: float


class UnusableDefect(Exception):
    """A defect whose text does not stand in the product exactly once."""


@contextmanager
def copied_product(source: Path = ROOT) -> Iterator[Path]:
    """A copy of the product with its tests, for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="planted-") as directory:
        copy = Path(directory).resolve() / "product"
        shutil.copytree(source, copy, ignore=_LEFT_OUT, symlinks=True)
        _require_first_on_path(copy)
        yield copy


@contextmanager
def planted(defect: Defect, copy: Path) -> Iterator[None]:
    """The copy with the defect in it. Raises UnusableDefect."""
    found = defect.occurrences(copy)
    if found != 1:
        raise UnusableDefect(f"{defect.name}: its text stands {found} times in {defect.file}, not once")
    file = copy / defect.file
    sound = file.read_text(encoding="utf-8")
    try:
        _write_anew(file, sound.replace(defect.text, defect.replacement))
        yield
    finally:
        _write_anew(file, sound)


def _write_anew(file: Path, content: str) -> None:
    """Write a file; what Python compiled of it is removed, since two contents may have one size and time."""
    file.write_text(content, encoding="utf-8")
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()


def ask(proof: Sequence[str], copy: Path, limit_s: float = TIME_LIMIT_S) -> Result:
    """Run a proof on a copy, to its first failure."""
    options = ("-x", "-q", "--tb=short", "-p", "no:cacheprovider", "-p", "no:schemathesis")
    command = [sys.executable, "-m", "pytest", *options, *proof]
    started_s = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env=_environ(copy),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired as error:
        return Result(Verdict.BROKEN, f"{error}", time.monotonic() - started_s)
    verdicts = {_PASSED: Verdict.NOT_SEEN, _FAILED: Verdict.SEEN}
    took_s = time.monotonic() - started_s
    return Result(verdicts.get(done.returncode, Verdict.BROKEN), done.stdout, took_s)


def _environ(copy: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return kept | {"PYTHONPATH": str(copy)}


def _require_first_on_path(copy: Path) -> None:
    """Raises RuntimeError when another product than the copy would be tested."""
    command = [sys.executable, "-c", _WHOSE]
    found = subprocess.run(command, cwd="/", env=_environ(copy), capture_output=True, text=True, check=True)
    if not Path(found.stdout.strip()).is_relative_to(copy):
        raise RuntimeError(f"the product that would be tested is {found.stdout.strip()}, not {copy}")
