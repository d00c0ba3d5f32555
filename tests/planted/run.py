"""`make planted`: plants every defect of the table, one at a time, and tells which the proofs see.

    python tests/planted/run.py [WORD ...]

With words, only defects whose name has one of them. The exit status is 1 when a defect is not seen, a proof
is broken, or a proof fails on the sound product.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from defect import Defect, Result, Verdict, ask, copied_product, planted
from defects import DEFECTS

SOUND_LIMIT_S = 600.0


def main(words: Sequence[str]) -> int:
    """Run what the words choose, and print a table; the exit status."""
    chosen = [each for each in DEFECTS if not words or any(word in each.name for word in words)]
    if not chosen:
        print("no defect has such a name")
        return 1
    with copied_product() as copy:
        if not is_sound(copy, chosen):
            return 1
        return tell((each, plant(each, copy)) for each in chosen)


def is_sound(copy: Path, chosen: Iterable[Defect]) -> bool:
    """Whether all proofs pass while nothing is planted; else a defect that they see would say nothing."""
    proofs = dict.fromkeys(test for each in chosen for test in each.proof)
    print(f"{len(proofs)} proofs on the sound product ...", flush=True)
    result = ask(list(proofs), copy, SOUND_LIMIT_S)
    if result.verdict is not Verdict.NOT_SEEN:
        print(f"a proof fails with nothing planted:\n{result.output}")
        return False
    print(f"pass in {result.took_s:.0f} s\n")
    return True


def plant(defect: Defect, copy: Path) -> Result:
    """What the defect's proof says with the defect in the product."""
    with planted(defect, copy):
        return ask(defect.proof, copy)


def tell(results: Iterable[tuple[Defect, Result]]) -> int:
    """Print a line a result as it comes, and what was printed by proofs that saw nothing."""
    width = max(len(each.name) for each in DEFECTS)
    missed = []
    count = 0
    for defect, result in results:
        count += 1
        first = defect.proof[0].removeprefix("tests/") + (" ..." if len(defect.proof) > 1 else "")
        print(f"{result.verdict:12} {defect.name:{width}} {result.took_s:5.1f} s  {first}", flush=True)
        if result.verdict is not Verdict.SEEN:
            missed.append(f"\n{result.verdict}: {defect.name}, in {defect.file}\n{result.output}")
    print(f"\n{count - len(missed)} of {count} planted defects are seen", *missed, sep="\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
