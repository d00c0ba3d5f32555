import re
import string

import pytest

from gateway.policy.reasons import Denied, DenyReason, reasons_rows


def test_labels_tell_reasons_apart_and_suit_metrics() -> None:
    labels = [reason.label for reason in DenyReason]
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch(r"[a-z_]+", label) for label in labels)


@pytest.mark.parametrize("reason", DenyReason)
def test_status_is_one_of_the_documented(reason: DenyReason) -> None:
    expected = {DenyReason.ACCOUNT: 403, DenyReason.CLOCK: 500, DenyReason.STORE_UNAVAILABLE: 500}
    assert reason.status == expected.get(reason, 429)


@pytest.mark.parametrize("reason", DenyReason)
def test_text_begins_as_documented(reason: DenyReason) -> None:
    names = [name for _, name, _, _ in string.Formatter().parse(reason.value.template) if name]
    text = Denied(reason, dict.fromkeys(names, 7)).text
    assert text.startswith("limit check failed: ") is (reason is not DenyReason.ACCOUNT)
    assert "{" not in text


def test_refused_account_names_no_account() -> None:
    assert Denied(DenyReason.ACCOUNT).text == "this account is not allowed"


def test_table_has_a_row_for_each_reason() -> None:
    rows = reasons_rows()
    assert {row.count("|") for row in rows} == {6}
    assert [row.split("`")[1] for row in rows] == [reason.label for reason in DenyReason]
    assert (
        "| `rate` | 429 | `limit check failed: rate limit exceeded: {count} orders in the last {window_s}s "
        "(cap {cap})` | until a slot is free | `max_orders_per_minute` |"
    ) in rows
