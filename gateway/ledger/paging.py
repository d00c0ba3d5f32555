"""All intents of a ledger, however many, read a page at a time."""

from collections.abc import Callable, Iterator

from gateway.ledger.base import IntentRecord, Ledger

PAGE = 1000
"""How many intents are read in one step."""


def all_open(ledger: Ledger) -> Iterator[IntentRecord]:
    """Intents in `OPEN_STATES`, oldest first; one that ends meanwhile may be among them or not."""
    return _all(lambda after: ledger.open_intents(PAGE, after=after))


def all_since(ledger: Ledger, since_s: float) -> Iterator[IntentRecord]:
    """Intents created at or after a time, in any state, oldest first."""
    return _all(lambda after: ledger.intents_since(since_s, PAGE, after=after))


def _all(read: Callable[[IntentRecord | None], list[IntentRecord]]) -> Iterator[IntentRecord]:
    after = None
    while page := read(after):
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]
