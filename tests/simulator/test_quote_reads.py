from datetime import UTC, date, datetime

import pytest
from fix_quote import ONE_OF_EACH_TYPE, Desk, key, security

from gateway.simulator.market import Hours
from gateway.simulator.model import Refusal, SecurityType
from gateway.simulator.quote.subscribable import BROKER, ORDER_BOOK, TICKER, sub_types

DESK = Desk()
EX_DATA = {
    SecurityType.EQUITY: "equityExData",
    SecurityType.TRUST: "trustExData",
    SecurityType.WARRANT: "warrantExData",
    SecurityType.OPTION: "optionExData",
    SecurityType.INDEX: "indexExData",
    SecurityType.PLATE: "plateExData",
    SecurityType.FUTURE: "futureExData",
}


@pytest.mark.parametrize("text", ONE_OF_EACH_TYPE)
def test_every_read_of_one_security_is_complete_or_refused_for_its_type(text: str) -> None:
    one, many = {"security": security(text)}, {"securityList": [security(text)]}
    kinds = sub_types(DESK.market.find(key(text)))

    for proto_id in (3004, 3202, 3203, 3207, 3223):
        DESK.ask(proto_id, **many)
    DESK.ask(3006, **one, rehabType=1, klType=2, reqNum=30)
    DESK.ask(3008, **one)
    for proto_id, extra, sub_type in (
        (3010, {"maxRetNum": 10}, TICKER),
        (3012, {"num": 10}, ORDER_BOOK),
        (3014, {}, BROKER),
    ):
        if sub_type in kinds:
            DESK.ask(proto_id, **one, **extra)
        else:
            with pytest.raises(Refusal, match="不支持"):
                DESK.ask(proto_id, **one, **extra)


@pytest.mark.parametrize("text", ONE_OF_EACH_TYPE)
def test_all_views_of_a_security_show_the_same_price(text: str) -> None:
    quote = DESK.ask(3004, securityList=[security(text)]).basicQotList[0]
    snapshot = DESK.ask(3203, securityList=[security(text)]).snapshotList[0]
    kline = DESK.ask(3006, security=security(text), rehabType=0, klType=2, reqNum=1).klList[-1]
    shares = DESK.ask(3008, security=security(text)).rtList
    today = f"{DESK.market.moment(key(text)).trading_day.day}"
    history = DESK.ask(
        3103, security=security(text), rehabType=0, klType=2, beginTime=today, endTime=today
    ).klList[-1]

    assert snapshot.basic.curPrice == quote.curPrice == kline.closePrice == shares[-1].price
    assert snapshot.basic.highPrice == quote.highPrice == kline.highPrice
    assert snapshot.basic.volume == quote.volume == kline.volume == sum(row.volume for row in shares)
    assert kline.turnover == pytest.approx(quote.turnover, rel=1e-12)
    assert sum(row.turnover for row in shares) == pytest.approx(quote.turnover, rel=1e-9)
    assert history == kline


@pytest.mark.parametrize("text", ONE_OF_EACH_TYPE)
def test_a_snapshot_has_the_part_of_its_type_and_no_other(text: str) -> None:
    snapshot = DESK.ask(3203, securityList=[security(text)]).snapshotList[0]
    wanted = EX_DATA[DESK.market.find(key(text)).security_type]

    assert [name for name in EX_DATA.values() if snapshot.HasField(name)] == [wanted]
    basic = snapshot.basic
    assert basic.lowestHistoryPrice <= basic.lowest52WeeksPrice <= basic.lowPrice
    assert basic.highPrice <= basic.highest52WeeksPrice <= basic.highestHistoryPrice


def test_the_year_in_a_snapshot_is_the_year_of_the_klines() -> None:
    snapshot = DESK.ask(3203, securityList=[security("HK.00700")]).snapshotList[0].basic
    rows = DESK.ask(
        3103,
        security=security("HK.00700"),
        rehabType=0,
        klType=2,
        beginTime="2025-11-24",
        endTime="2026-11-23",
    ).klList

    assert snapshot.highest52WeeksPrice == max(row.highPrice for row in rows)
    assert snapshot.lowest52WeeksPrice == min(row.lowPrice for row in rows)


def test_a_quote_reads_as_opend_writes_it() -> None:
    quote = DESK.ask(3004, securityList=[security("HK.00700")]).basicQotList[0]

    assert (quote.name, quote.listTime, quote.secStatus) == ("腾讯控股", "2004-06-16", 1)
    assert quote.updateTime[:16] == "2026-11-23 13:33"
    assert len(quote.updateTime) == len("2026-11-23 13:33:20")
    assert quote.amplitude == pytest.approx(
        (quote.highPrice - quote.lowPrice) / quote.lastClosePrice * 100, abs=0.001
    )


def test_us_stocks_have_extended_sessions_and_others_have_not() -> None:
    apple, tencent = DESK.ask(3004, securityList=[security("US.AAPL"), security("HK.00700")]).basicQotList

    assert apple.preMarket.lowPrice <= apple.preMarket.price <= apple.preMarket.highPrice
    assert apple.HasField("afterMarket")
    assert not tencent.HasField("preMarket")


def test_the_time_share_counts_minutes_of_the_local_day() -> None:
    desk = Desk(hours=Hours.EXCHANGE)
    rows = desk.ask(3008, security=security("HK.00700")).rtList

    assert (rows[0].time, rows[0].minute) == ("2026-11-23 09:30:00", 570)
    assert [row.minute for row in rows] == [*range(570, 720), *range(780, 814)]


@pytest.mark.parametrize(
    ("text", "asked", "given"), [("HK.00700", 50, 10), ("SH.600519", 10, 5), ("US.AAPL", 60, 60)]
)
def test_a_book_is_no_deeper_than_its_market_publishes(text: str, asked: int, given: int) -> None:
    book = DESK.ask(3012, security=security(text), num=asked)

    assert (len(book.orderBookAskList), len(book.orderBookBidList)) == (given, given)
    assert book.orderBookBidList[0].price < book.orderBookAskList[0].price


@pytest.mark.parametrize(
    ("proto_id", "fields"),
    [
        (3004, {}),
        (3004, {"securityList": [security("HK.00700"), security("HK.99999")]}),
        (3203, {}),
        (3203, {"securityList": [security("HK.00700")] * 401}),
        (3203, {"securityList": [{"market": 31, "code": "D05"}]}),
        (3223, {"securityList": [security("HK.00700")] * 401}),
        (3207, {"securityList": [security("HK.00700")] * 201}),
        (3218, {"securityList": [security("HK.HSImain")] * 201}),
        (3218, {"securityList": [security("HK.00700")]}),
        (3010, {"security": security("HK.00700"), "maxRetNum": 1001}),
        (3010, {"security": security("HK.00700"), "maxRetNum": 0}),
        (3006, {"security": security("HK.00700"), "rehabType": 1, "klType": 2, "reqNum": 1001}),
        (3006, {"security": security("HK.00700"), "rehabType": 1, "klType": 99, "reqNum": 1}),
        (3006, {"security": security("HK.00700"), "rehabType": 7, "klType": 2, "reqNum": 1}),
        (3012, {"security": security("HK.00700"), "num": 0}),
        (3202, {}),
        (3204, {"market": 31, "plateSetType": 0}),
        (3204, {"market": 1, "plateSetType": 9}),
        (3205, {"plate": security("HK.00700")}),
        (3206, {"security": security("HK.00700"), "referenceType": 0}),
        (3209, {"owner": security("US.AAPL"), "beginTime": "2026-12-01", "endTime": "2027-01-02"}),
        (3209, {"owner": security("US.AAPL"), "beginTime": "2026-12-02", "endTime": "2026-12-01"}),
        (3209, {"owner": security("US.AAPL"), "beginTime": "soon", "endTime": "2026-12-01"}),
        (3211, {"security": security("HK.800000")}),
        (3211, {"security": security("HK.00700"), "periodType": 9}),
        (3217, {"market": 31}),
    ],
)
def test_what_opend_would_not_answer_is_refused(proto_id: int, fields: dict[str, object]) -> None:
    with pytest.raises(Refusal) as refusal:
        DESK.ask(proto_id, **fields)

    assert refusal.value.ret_type == -1
    assert refusal.value.ret_msg


@pytest.mark.parametrize(
    ("proto_id", "asked"),
    [
        (3203, {"securityList": [security(text) for text in ("HK.00700", "HK.00001", "US.AAPL")]}),
        (3215, {"begin": 0, "num": 200, "market": 21}),
    ],
)
def test_a_long_answer_is_made_in_steps(proto_id: int, asked: dict[str, object]) -> None:
    steps = Desk().start(proto_id, **asked)

    assert sum(1 for _ in steps) >= 3


def test_static_info_names_what_it_does_not_know() -> None:
    known, unknown = DESK.ask(3202, securityList=[security("HK.00700"), security("HK.99999")]).staticInfoList

    assert (known.basic.id, known.basic.lotSize, known.basic.delisting) == (54047868453564, 100, False)
    assert (unknown.basic.name, unknown.basic.delisting, unknown.basic.id) == ("未知股票", True, 0)


@pytest.mark.parametrize(
    ("sec_type", "sample"), [(3, "00700"), (4, "02800"), (5, "13027"), (6, "800000"), (10, "HSImain")]
)
def test_static_info_lists_a_type_of_a_market(sec_type: int, sample: str) -> None:
    rows = DESK.ask(3202, market=1, secType=sec_type).staticInfoList

    assert {row.basic.secType for row in rows} == {sec_type}
    assert sample in {row.basic.security.code for row in rows}


def test_an_index_has_neither_lots_nor_a_first_day() -> None:
    index = [security("HK.800000")]
    (static,) = DESK.ask(3202, securityList=index).staticInfoList
    (snapshot,) = DESK.ask(3203, securityList=index).snapshotList
    (quote,) = DESK.ask(3004, securityList=index).basicQotList

    assert static.basic.lotSize == snapshot.basic.lotSize == 0
    for shown in (static.basic, snapshot.basic, quote):
        assert (shown.listTime, shown.listTimestamp) == ("1970-01-01", 0.0)


def test_the_lot_of_a_derivative_is_its_multiplier() -> None:
    future, option = DESK.ask(
        3202, securityList=[security("HK.HSImain"), security("US.AAPL261218C230000")]
    ).staticInfoList

    assert future.basic.lotSize == 50
    assert option.basic.lotSize == 100
    assert (option.optionExData.strikePrice, option.optionExData.strikeTime) == (230.0, "2026-12-18")


def test_user_groups_answer_by_name_and_unknown_ones_are_refused() -> None:
    codes = [row.basic.security.code for row in DESK.ask(3213, groupName="美股").staticInfoList]

    assert "AAPL" in codes
    assert DESK.ask(3213, groupName="全部") == DESK.ask(3213, groupName="All")
    with pytest.raises(Refusal, match="未知自选股分组"):
        DESK.ask(3213, groupName="没有")


def test_plates_lead_to_members_and_members_back_to_plates() -> None:
    for market in (1, 11, 21):
        for plate in DESK.ask(3204, market=market, plateSetType=0).plateInfoList:
            members = DESK.ask(3205, plate=plate.plate).staticInfoList
            assert members
            for member in members:
                (owner,) = DESK.ask(3207, securityList=[member.basic.security]).ownerPlateList
                assert plate.plate in [row.plate for row in owner.plateInfoList]


def test_plate_members_are_sorted_as_asked() -> None:
    falling = DESK.ask(3205, plate=security("HK.800000"), sortField=4, ascend=False).staticInfoList
    quotes = DESK.ask(3004, securityList=[row.basic.security for row in falling]).basicQotList
    changes = [quote.curPrice / quote.lastClosePrice for quote in quotes]

    assert changes == sorted(changes, reverse=True)


def test_references_are_the_warrants_and_futures_of_their_owner() -> None:
    warrants = DESK.ask(3206, security=security("HK.00700"), referenceType=1).staticInfoList
    futures = DESK.ask(3206, security=security("HK.800000"), referenceType=2).staticInfoList

    assert {row.warrantExData.owner.code for row in warrants} == {"00700"}
    assert {row.basic.security.code[:3] for row in futures} == {"HSI", "MHI"}


@pytest.mark.parametrize("text", ["HK.HSImain", "HK.HSI2612"])
def test_the_references_of_a_future_are_the_contracts_of_its_product(text: str) -> None:
    rows = DESK.ask(3206, security=security(text), referenceType=2).staticInfoList

    assert [row.basic.security.code for row in rows] == [
        "HSImain", "HSIcurrent", "HSInext", "HSI2611", "HSI2612", "HSI2703", "HSI2706",
    ]  # fmt: skip
    assert [row.futureExData.isMainContract for row in rows] == [True, *[False] * 6]


def test_futures_tell_their_contract_and_hours() -> None:
    main, dated = DESK.ask(3218, securityList=[security("HK.HSImain"), security("HK.MHI2612")]).futureInfoList

    assert (main.name, main.contractSize, main.origin.code) == ("恒指期货主连", 50.0, "HSI2611")
    assert (main.lastTradeTime, dated.lastTradeTime, dated.contractSize) == ("", "2026-12-30", 10.0)
    assert [(part.begin, part.end) for part in main.tradeTime] == [(555.0, 720.0), (780.0, 990.0)]


@pytest.mark.parametrize(
    ("market", "part"), [(1, "hkExData"), (11, "usExData"), (21, "cnExData"), (22, "cnExData")]
)
def test_coming_offerings_are_in_the_future_and_have_their_markets_part(market: int, part: str) -> None:
    offerings = DESK.ask(3217, market=market).ipoList

    assert offerings
    for row in offerings:
        assert row.HasField(part)
        assert date.fromisoformat(row.basic.listTime) > date(2026, 11, 23)


def test_times_of_ticks_have_milliseconds_and_no_noise() -> None:
    for tick in DESK.ask(3010, security=security("HK.00700"), maxRetNum=1000).tickerList:
        assert tick.recvTime == round(tick.recvTime, 3)
        assert tick.timestamp == round(tick.timestamp, 3) < tick.recvTime


def test_money_flow_agrees_with_the_ticks_and_with_its_distribution() -> None:
    flow = DESK.ask(3211, security=security("HK.00700"))
    parts = DESK.ask(3212, security=security("HK.00700"))
    ticks = DESK.ask(3010, security=security("HK.00700"), maxRetNum=1000).tickerList
    since = ticks[0].time[:16] + ":00"
    start = [row.time for row in flow.flowItemList].index(since)
    sign = {1: 1, 2: -1, 3: 0}
    recent = sum(sign[tick.dir] * tick.turnover for tick in ticks if tick.time[:16] > since[:16])
    total_in = parts.capitalInSuper + parts.capitalInBig + parts.capitalInMid + parts.capitalInSmall
    total_out = parts.capitalOutSuper + parts.capitalOutBig + parts.capitalOutMid + parts.capitalOutSmall

    assert flow.flowItemList[-1].inFlow - flow.flowItemList[start].inFlow == pytest.approx(recent, abs=0.1)
    assert total_in - total_out == pytest.approx(flow.flowItemList[-1].inFlow, abs=1)


def test_past_money_flow_has_a_row_for_each_day() -> None:
    flow = DESK.ask(
        3211, security=security("HK.00700"), periodType=2, beginTime="2026-11-01", endTime="2026-11-10"
    )

    assert [row.time[:10] for row in flow.flowItemList] == [f"2026-11-{day:02}" for day in range(1, 11)]


@pytest.mark.parametrize("hours", list(Hours))
@pytest.mark.parametrize(
    "moment",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC),
        datetime(2028, 2, 29, 15, tzinfo=UTC),
        datetime(2038, 1, 20, 15, tzinfo=UTC),
    ],
    ids=lambda moment: f"{moment:%Y-%m-%d}" if isinstance(moment, datetime) else str(moment),
)
def test_odd_days_of_the_calendar_are_answered_like_others(moment: datetime, hours: Hours) -> None:
    desk = Desk(hours=hours)
    desk.clock.wall = moment.timestamp()

    for text in ("HK.00700", "US.AAPL", "HK.HSImain", "HK.13027", "HK.47388", "HK.BK1001"):
        one, many = {"security": security(text)}, {"securityList": [security(text)]}
        desk.ask(3004, **many)
        desk.ask(3203, **many)
        desk.ask(3008, **one)
        for kl_type in (1, 9, 2, 3, 5):
            desk.ask(3006, **one, rehabType=1, klType=kl_type, reqNum=5)
