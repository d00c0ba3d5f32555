"""The planted defects fit the code, and the check that plants them can fail. `make planted` runs all."""

import re
from dataclasses import replace

import pytest
from defect import ROOT, UnusableDefect, Verdict, ask, copied_product, planted
from defects import DEFECTS

CHEAP = ("the page's paper order becomes a real one", "at the moment of the reset it is still yesterday")
"""One each of what a caller asks for, and of what a limit allows."""


@pytest.fixture(scope="module")
def copy():
    with copied_product() as made:
        yield made


def defect_named(name):
    (found,) = (each for each in DEFECTS if each.name == name)
    return found


def test_each_text_stands_once_in_the_product():
    assert {each.name: each.occurrences() for each in DEFECTS} == {each.name: 1 for each in DEFECTS}


def test_each_proof_exists():
    for proof in {proof for each in DEFECTS for proof in each.proof}:
        file, *names = proof.split("::")
        written = (ROOT / file).read_text()
        assert all(re.search(rf"(def|class) {name}\b", written) for name in names), proof


@pytest.mark.parametrize("name", CHEAP)
def test_a_cheap_one_is_seen(copy, name):
    defect = defect_named(name)
    with planted(defect, copy):
        result = ask(defect.proof, copy)
    assert result.verdict is Verdict.SEEN, result.output


def test_what_is_no_defect_is_not_seen_and_the_copy_is_sound_again(copy):
    defect = defect_named(CHEAP[0])
    with planted(replace(defect, replacement=defect.text), copy):
        result = ask(defect.proof, copy)
    assert result.verdict is Verdict.NOT_SEEN, result.output
    assert (copy / defect.file).read_text() == (ROOT / defect.file).read_text()


def test_a_text_that_has_gone_is_an_error(copy):
    with (
        pytest.raises(UnusableDefect, match="stands 0 times"),
        planted(replace(DEFECTS[0], text="gone"), copy),
    ):
        pass
