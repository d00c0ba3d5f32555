import json

import pytest

from gateway.claim import AccountClaim, Claim, Holder, Options, Subscription

QUOTES = Subscription(1, "00700", 1)
DAY_LINES = Subscription(11, "AAPL", 6)


@pytest.fixture
def claimed(site):
    """Claims of two keys; one of them has a socket that hangs on a worker."""
    (site.directory / "var").mkdir()
    ledger = site.ledger()
    bot, socket = Holder("bot"), Holder("bot", "s1")
    ledger.renew_lease("worker", 1.0, 2.0)
    pushed = Options(is_pushed=True, rehab_types=frozenset({1}))
    ledger.put_claims(
        [
            Claim(holder=bot, subscription=QUOTES, expires_s=4e9),
            Claim(holder=socket, subscription=DAY_LINES, options=pushed, lease_id="worker"),
            Claim(holder=Holder("other"), subscription=QUOTES),
        ]
    )
    ledger.put_account_claims(bot, [AccountClaim(holder=bot, acc_id=987654)])
    ledger.close()
    return site


def test_list_shows_what_each_holder_wants(claimed):
    listed = claimed.json("claims", "list")
    assert [(each["key_id"], each["socket_id"]) for each in listed] == [
        ("bot", None),
        ("bot", "s1"),
        ("other", None),
        ("bot", None),
    ]
    assert listed[0]["expires_at"] == "2096-10-02T07:06:40Z"
    assert listed[1] == {
        "key_id": "bot",
        "socket_id": "s1",
        "security": "US.AAPL",
        "sub_type": "KL_Day",
        "is_pushed": True,
        "rehab_types": ["Forward"],
        "expires_at": None,
    }
    assert listed[3]["acc_id"] == 987654
    head, first, *_, last = claimed.gw("claims", "list").stdout.splitlines()
    assert head.split() == ["KEY", "SOCKET", "WHAT", "DATA", "PUSHED", "ENDS"]
    assert first.split() == ["bot", "-", "HK.00700", "Basic", "no", "2096-10-02T07:06:40Z"]
    assert last.split() == ["bot", "-", "987654", "orders", "and", "fills", "yes", "-"]


def test_list_of_one_key(claimed):
    assert [each["key_id"] for each in claimed.json("claims", "list", "--key", "other")] == ["other"]
    assert claimed.gw("claims", "list", "--key", "nobody").stdout == "No claim.\n"


def test_drop_takes_all_of_one_key_and_nothing_else(claimed):
    assert claimed.gw("claims", "drop", "bot").stdout == "2 subscriptions of bot dropped.\n"
    assert [each["key_id"] for each in claimed.json("claims", "list")] == ["other"]
    assert claimed.json("claims", "drop", "bot") == {"key_id": "bot", "dropped": 0}


def test_openapi_is_the_document_of_these_settings(site):
    site.write({"api": {"trd_env_numbering": "official"}, "ops": {"docs_page": False}})
    document = json.loads(site.gw("openapi").stdout)
    assert document["openapi"] == "3.1.0"
    assert document["x-trd-env-numbering"] == "official"
    assert "/docs" not in document["paths"]
