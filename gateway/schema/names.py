"""The snake_case names of JSON, made from the protocol's names as Rust's prost makes them."""

import re
from itertools import pairwise

_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]+")


def snake_case(name: str) -> str:
    """The JSON name of a field: `accID` -> `acc_id`, `aesCBCiv` -> `aes_cb_civ`.

    The rules are those of the heck crate. A word ends before an upper-case letter that follows a
    lower-case one, and before the last of several upper-case letters when a lower-case one comes
    next. A digit counts as the case of the letter before it.
    """
    chunks = _NOT_ALPHANUMERIC.split(name)
    return "_".join(word.lower() for chunk in chunks if chunk for word in _words(chunk))


def _words(chunk: str) -> list[str]:
    words: list[str] = []
    start = 0
    case = ""
    for index, (here, after) in enumerate(pairwise(chunk)):
        new_case = "lower" if here.islower() else "upper" if here.isupper() else case
        if new_case == "lower" and after.isupper():
            words.append(chunk[start : index + 1])
            start, case = index + 1, ""
        elif case == "upper" and here.isupper() and after.islower():
            words.append(chunk[start:index])
            start, case = index, ""
        else:
            case = new_case
    words.append(chunk[start:])
    return words
