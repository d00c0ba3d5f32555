"""Whether a worker can do its work now, and why not. Asks nobody: each part knows how it fares."""

from collections.abc import Iterator

from gateway.web.services import Services

LEDGER_NOT_ASKED = "ledger: not asked yet"
LEDGER_FAILS = "ledger: no answer"
POLICY_IS_STALE = "policy: the file is wrong, the one before it holds"


def unready_reasons(services: Services) -> list[str]:
    """All reasons, none when it is ready. They name no address, no path and no key, since anybody may ask."""
    return [*services.login_watch.problems(), *_ledger_reasons(services), *_policy_reasons(services)]


def _ledger_reasons(services: Services) -> Iterator[str]:
    health = services.ledger_health
    if health.failing_since_s is not None:
        yield LEDGER_FAILS
    elif not health.has_answered:
        yield LEDGER_NOT_ASKED


def _policy_reasons(services: Services) -> Iterator[str]:
    if services.policy_watch is not None and services.policy_watch.staleness is not None:
        yield POLICY_IS_STALE
