from typing import Any

import pytest
from fix_quote import Desk, security
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator.model import Refusal
from gateway.simulator.quote.history import LONGEST_PAGE

DESK = Desk()
YEAR = {
    "security": security("HK.00700"),
    "rehabType": 0,
    "klType": 2,
    "beginTime": "2025-11-01",
    "endTime": "2026-11-23",
}


def pages(size: int, **asked: Any) -> list[list[Any]]:
    """Every page of a request, as a client reads them."""
    read, page_key = [], b""
    while True:
        answer = DESK.ask(3103, **asked, maxAckKLNum=size, nextReqKey=page_key)
        read.append(list(answer.klList))
        if not answer.HasField("nextReqKey"):
            return read
        page_key = answer.nextReqKey


@given(size=st.integers(1, 500), kl_type=st.sampled_from([2, 3, 9, 15]), rehab_type=st.integers(0, 2))
@settings(max_examples=20, deadline=None)
def test_the_pages_are_the_whole(size: int, kl_type: int, rehab_type: int) -> None:
    asked = {**YEAR, "klType": kl_type, "rehabType": rehab_type, "beginTime": "2026-10-01"}
    whole = list(DESK.ask(3103, **asked).klList)
    read = pages(size, **asked)

    assert [row for page in read for row in page] == whole
    assert [len(page) for page in read[:-1]] == [size] * (len(read) - 1)
    assert read[-1]


def test_a_page_that_holds_everything_has_no_next_key() -> None:
    count = len(DESK.ask(3103, **YEAR).klList)

    assert not DESK.ask(3103, **YEAR, maxAckKLNum=count).HasField("nextReqKey")
    assert DESK.ask(3103, **YEAR, maxAckKLNum=count - 1).HasField("nextReqKey")


@pytest.mark.parametrize(
    "change", [{"klType": 3}, {"rehabType": 1}, {"endTime": "2026-11-22"}, {"security": security("HK.00001")}]
)
def test_a_page_key_serves_its_own_request_only(change: dict[str, Any]) -> None:
    page_key = DESK.ask(3103, **YEAR, maxAckKLNum=10).nextReqKey

    with pytest.raises(Refusal, match="nextReqKey"):
        DESK.ask(3103, **{**YEAR, **change}, maxAckKLNum=10, nextReqKey=page_key)


def test_a_made_up_page_key_is_refused() -> None:
    with pytest.raises(Refusal, match="nextReqKey"):
        DESK.ask(3103, **YEAR, nextReqKey=b"page two")


def test_only_the_wanted_fields_are_filled() -> None:
    row = DESK.ask(3103, **YEAR, needKLFieldsFlag=1 | 8 | 512).klList[0]

    assert {field.name for field, _ in row.ListFields()} == {
        "time", "isBlank", "timestamp", "highPrice", "closePrice", "changeRate",
    }  # fmt: skip


def test_days_cover_the_asked_period_and_no_more() -> None:
    rows = DESK.ask(3103, **YEAR).klList

    assert rows[0].time == "2025-11-01 00:00:00"
    assert rows[-1].time == "2026-11-23 00:00:00"
    assert len(rows) == 388


def test_times_bound_minutes() -> None:
    asked = {**YEAR, "klType": 6, "beginTime": "2026-11-20 10:00:00", "endTime": "2026-11-20 11:00:00"}
    times = [row.time[11:16] for row in DESK.ask(3103, **asked).klList]

    assert (times[0], times[-1], len(times)) == ("10:00", "11:00", 13)


def test_a_bare_end_date_is_the_whole_day() -> None:
    asked = {**YEAR, "klType": 9, "beginTime": "2026-11-20", "endTime": "2026-11-20"}
    times = [row.time for row in DESK.ask(3103, **asked).klList]

    assert times[-1] == "2026-11-20 23:00:00"


@pytest.mark.parametrize(
    "change",
    [
        {"beginTime": "2026-11-24", "endTime": "2026-11-23"},
        {"beginTime": "yesterday"},
        {"klType": 0},
        {"rehabType": 3},
    ],
)
def test_wrong_requests_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        DESK.ask(3103, **{**YEAR, **change})


def test_forward_adjustment_lowers_the_past_and_backward_raises_the_present() -> None:
    plain, forward, backward = (DESK.ask(3103, **{**YEAR, "rehabType": kind}).klList for kind in (0, 1, 2))

    assert forward[0].closePrice < plain[0].closePrice
    assert forward[-1].closePrice == plain[-1].closePrice
    assert backward[-1].closePrice > plain[-1].closePrice
    ratios = [round(row.closePrice / base.closePrice, 4) for row, base in zip(forward, plain, strict=True)]
    assert ratios == sorted(ratios)
    assert forward[0].volume == plain[0].volume


def test_a_security_without_dividends_needs_no_adjustment() -> None:
    asked = {**YEAR, "security": security("HK.800000")}

    assert DESK.ask(3103, **asked).klList == DESK.ask(3103, **{**asked, "rehabType": 1}).klList


@pytest.mark.parametrize("kl_type", [1, 2, 3, 5])
def test_a_period_may_begin_before_all_history(kl_type: int) -> None:
    asked = {**YEAR, "klType": kl_type, "beginTime": "0001-01-01", "endTime": "9999-12-31", "maxAckKLNum": 1}

    (first,) = DESK.ask(3103, **asked).klList

    assert first.time.startswith("2019-01-0") or kl_type == 3


@pytest.mark.parametrize("text", ["2026-11-01T00:00:00+08:00", "2026-11-01T00:00:00Z"])
def test_a_time_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="时间格式错误"):
        DESK.ask(3103, **{**YEAR, "beginTime": text})


@pytest.mark.parametrize("most", [0, -1, 2_000_000_000])
def test_no_page_is_longer_than_the_longest(most: int) -> None:
    minutes = {**YEAR, "klType": 1, "beginTime": "2026-11-01", "maxAckKLNum": most}

    answer = DESK.ask(3103, **minutes)
    rest = DESK.ask(3103, **minutes, nextReqKey=answer.nextReqKey)

    assert len(answer.klList) == LONGEST_PAGE
    assert rest.klList[0].timestamp == answer.klList[-1].timestamp + 60
