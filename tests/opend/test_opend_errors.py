import pytest

from gateway.opend.errors import (
    NotSent,
    OpenDFailed,
    OpenDLimited,
    OpenDRefused,
    OpenDTimeout,
    OpenDUnavailable,
    OutcomeUnknown,
    TooManyInFlight,
    UnparsableBody,
    WrongProcess,
    answer_error,
)


@pytest.mark.parametrize(
    ("ret_type", "ret_msg", "kind", "status"),
    [
        (-1, "未知的协议ID", OpenDRefused, 400),
        (-1, "", OpenDRefused, 400),
        (-500, "包内容非法", OpenDRefused, 400),
        (-1, "NN_ProtoRet_TimeOut", OpenDFailed, 500),
        (-100, "", OpenDFailed, 500),
        (-200, "", OpenDFailed, 500),
        (-400, "", OpenDFailed, 500),
        (-777, "订阅额度不足", OpenDFailed, 500),
        (3, "", OpenDFailed, 500),
        (-1, "获取期权链频率太高，请求失败，每30秒最多10次。", OpenDLimited, 429),
        (-1, "订阅额度不足，订阅失败，已用订阅额度：1000/1000", OpenDLimited, 429),
        (-1, "历史K线额度不足，请求失败", OpenDLimited, 429),
        (-1, "The request frequency limit is reached", OpenDLimited, 429),
        (-1, "Insufficient subscription quota", OpenDLimited, 429),
    ],
)
def test_opends_answer_becomes_the_status_that_fits(ret_type, ret_msg, kind, status):
    error = answer_error(ret_type, ret_msg, 7)
    assert type(error) is kind
    assert error.status == status
    assert error.details() == {"ret_type": ret_type, "ret_msg": ret_msg, "err_code": 7}


def test_a_refusal_shows_opends_words():
    assert str(answer_error(-1, "没有解锁交易")) == "OpenD refused the request: 没有解锁交易"
    assert "ret_type -1 and no text" in str(answer_error(-1, ""))


def test_a_limit_reads_as_all_limits_do():
    assert str(answer_error(-1, "下单频率太高")) == "limit check failed: 下单频率太高"


@pytest.mark.parametrize(
    ("ret_msg", "headers"),
    [
        ("下单频率太高，请求失败，每30秒最多15次", {"Retry-After": "30"}),
        ("Rate limit: at most 10 times every 60 seconds", {"Retry-After": "60"}),
        ("订阅额度不足，订阅失败，已用订阅额度：1000/1000", {}),
    ],
)
def test_a_wait_is_named_where_opend_names_it(ret_msg, headers):
    assert answer_error(-1, ret_msg).headers() == headers


@pytest.mark.parametrize("kind", [NotSent, OpenDUnavailable, TooManyInFlight, WrongProcess])
def test_what_was_never_sent_says_so_and_may_be_repeated(kind):
    error = kind("text")
    assert (error.status, error.retry_safe) == (500, True)
    assert error.details() == {"outcome": "not_sent"}


def test_an_unknown_outcome_may_not_be_repeated_and_keeps_opends_words():
    error = OutcomeUnknown("text", answer_error(-100, "超时"))
    assert (error.status, error.retry_safe) == (500, False)
    assert error.details() == {"ret_type": -100, "ret_msg": "超时", "err_code": 0, "outcome": "unknown"}
    assert OutcomeUnknown("text").details() == {"outcome": "unknown"}


@pytest.mark.parametrize("kind", [OpenDTimeout, UnparsableBody])
def test_a_read_without_an_answer_may_be_repeated(kind):
    assert (kind("text").status, kind("text").retry_safe) == (500, True)
