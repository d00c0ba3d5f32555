"""Cases that are kept: what was found, and what should stay right. A file a case, a folder a target."""

import hashlib
from pathlib import Path

DIRECTORY = Path(__file__).with_name("corpus")


def cases_of(name: str) -> list[Path]:
    """The kept cases of a target."""
    return sorted((DIRECTORY / name).glob("*"))


def keep(name: str, case: bytes, directory: Path = DIRECTORY) -> Path:
    """Write a case to the corpus, under a name made from its content."""
    file = directory / name / f"found-{hashlib.sha256(case).hexdigest()[:12]}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(case)
    return file
