import pytest
from fix_quote import ONE_OF_EACH_TYPE, Desk, complete, key, security

from gateway.simulator.model import SecurityType
from gateway.simulator.quote.push import events, first_push
from gateway.simulator.quote.subscribable import BASIC, BROKER, KLINE_TYPES, ORDER_BOOK, RT, TICKER, sub_types

PROTO_IDS = {
    BASIC: 3005,
    ORDER_BOOK: 3013,
    TICKER: 3011,
    RT: 3009,
    BROKER: 3015,
    **dict.fromkeys(KLINE_TYPES, 3007),
}


@pytest.mark.parametrize("text", ONE_OF_EACH_TYPE)
def test_every_kind_of_data_is_pushed_complete_and_at_first_too(text: str) -> None:
    desk = Desk()
    since = desk.market.now_s()
    desk.clock.advance(30)

    for sub_type in sub_types(desk.market.find(key(text))):
        (event,) = events(desk.market, key(text), sub_type, since, desk.market.now_s())
        (first,) = first_push(desk.market, key(text), sub_type)
        assert event.proto_id == first.proto_id == PROTO_IDS[sub_type]
        complete(event.proto_id, event.s2c)
        complete(first.proto_id, first.s2c)


def test_nothing_is_pushed_while_nothing_ticks() -> None:
    desk = Desk()
    last = desk.market.moment(key("HK.00700")).time_s

    assert events(desk.market, key("HK.00700"), BASIC, last, last + 0.001) == ()


def test_ticks_are_pushed_once_with_growing_sequences_beyond_what_a_double_holds() -> None:
    desk = Desk()
    pushed = []
    for _ in range(100):
        since = desk.market.now_s()
        desk.clock.advance(1)
        for event in events(desk.market, key("HK.00700"), TICKER, since, desk.market.now_s()):
            pushed += [tick["sequence"] for tick in event.s2c["tickerList"]]
    asked = desk.ask(3010, security=security("HK.00700"), maxRetNum=len(pushed))

    assert len(pushed) > 30
    assert pushed == sorted(set(pushed))
    assert pushed == [tick.sequence for tick in asked.tickerList]
    assert min(pushed) > 2**53


@pytest.mark.parametrize("sub_type", sorted(KLINE_TYPES))
def test_pushed_klines_are_those_that_are_read(sub_type: int) -> None:
    desk = Desk()
    since = desk.market.now_s()
    desk.clock.advance(20)
    (event,) = events(desk.market, key("HK.00700"), sub_type, since, desk.market.now_s(), rehab_type=0)
    kl_type = KLINE_TYPES[sub_type]
    read = desk.ask(3006, security=security("HK.00700"), rehabType=0, klType=kl_type, reqNum=1)
    pushed = complete(3007, event.s2c)

    assert (pushed.klType, pushed.rehabType) == (kl_type, 0)
    assert pushed.klList[-1] == read.klList[-1]


def test_a_window_over_a_minutes_end_pushes_the_finished_bar_too() -> None:
    desk = Desk()
    desk.clock.wall += 60 - desk.clock.wall % 60 + 55
    since = desk.market.now_s()
    desk.clock.advance(10)
    (bars,) = events(desk.market, key("HK.00700"), 11, since, desk.market.now_s())
    (shares,) = events(desk.market, key("HK.00700"), RT, since, desk.market.now_s())
    read = desk.ask(3008, security=security("HK.00700"))

    assert len(bars.s2c["klList"]) == 2
    assert list(complete(3009, shares.s2c).rtList) == list(read.rtList[-2:])


def test_pushed_quotes_and_books_are_those_that_are_read() -> None:
    desk = Desk()
    since = desk.market.now_s()
    desk.clock.advance(5)
    (quote,) = events(desk.market, key("HK.00700"), BASIC, since, desk.market.now_s())
    (book,) = events(desk.market, key("HK.00700"), ORDER_BOOK, since, desk.market.now_s())
    (queue,) = events(desk.market, key("HK.00700"), BROKER, since, desk.market.now_s())
    read_quote = desk.ask(3004, securityList=[security("HK.00700")])
    read_book = desk.ask(3012, security=security("HK.00700"), num=10)
    read_queue = desk.ask(3014, security=security("HK.00700"))

    assert complete(3005, quote.s2c).basicQotList == read_quote.basicQotList
    assert complete(3013, book.s2c).SerializeToString() == read_book.SerializeToString()
    assert complete(3015, queue.s2c).SerializeToString() == read_queue.SerializeToString()


def test_what_can_be_subscribed_depends_on_the_type_and_market() -> None:
    market = Desk().market
    kinds = {text: sub_types(market.find(key(text))) for text in ONE_OF_EACH_TYPE}

    assert {ORDER_BOOK, TICKER, BROKER} <= kinds["HK.00700"]
    assert (
        BROKER
        not in kinds["US.AAPL"] | kinds["SH.600519"] | kinds["HK.HSImain"] | kinds["HK.TCH261230C500000"]
    )
    assert not {ORDER_BOOK, TICKER, BROKER} & (kinds["HK.800000"] | kinds["HK.BK1001"])
    assert all({BASIC, RT, *KLINE_TYPES} <= kind for kind in kinds.values())
    assert {SecurityType.INDEX, SecurityType.PLATE} == {
        market.find(key(text)).security_type for text, kind in kinds.items() if TICKER not in kind
    }
