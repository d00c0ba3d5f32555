import pytest

from gateway.ledger.base import TradingState

HALTED, REDUCING, ACTIVE = TradingState.HALTED, TradingState.REDUCING, TradingState.ACTIVE


def state(site, key_id="bot"):
    ledger = site.ledger()
    try:
        return ledger.trading_state(key_id)
    finally:
        ledger.close()


@pytest.fixture
def with_bot(site):
    assert site.gw("keys", "new", "bot", "--scopes", "trade:simulate").exit_code == 0
    return site


def test_switch_for_all_keys_is_latched_until_it_is_set_again(site):
    for command, expected in (("halt", HALTED), ("reduce", REDUCING), ("resume", ACTIVE)):
        result = site.gw("trading", command)
        assert result.exit_code == 0
        assert result.stdout == f"Trading is {expected} for all keys.\n"
        assert state(site) is expected


def test_switch_for_one_key(with_bot):
    assert with_bot.json("trading", "halt", "--key", "bot") == {"state": "halted", "key_id": "bot"}
    assert state(with_bot, "bot") is HALTED
    assert state(with_bot, "other") is ACTIVE
    with_bot.gw("trading", "resume", "--key", "bot")
    assert state(with_bot, "bot") is ACTIVE


def test_switch_for_a_key_that_is_not_there_is_a_problem_and_sets_nothing(with_bot):
    result = with_bot.gw("trading", "halt", "--key", "bott")
    assert result.exit_code == 1
    assert "did you mean bot?" in result.stderr
    assert with_bot.json("trading", "show") == []


def test_in_local_mode_the_one_caller_is_the_key(site):
    site.write({"auth": {"mode": "local"}})
    assert site.gw("trading", "halt", "--key", "local").exit_code == 0
    assert state(site, "local") is HALTED
    assert site.gw("trading", "halt", "--key", "bot").exit_code == 1


def test_halt_for_all_needs_no_policy(site):
    site.policy.write_text("keys: nonsense\n")
    assert site.gw("trading", "halt").exit_code == 0
    assert state(site) is HALTED


def test_show_lists_every_switch(with_bot):
    assert "active for all keys" in with_bot.gw("trading", "show").stdout
    with_bot.gw("trading", "halt", "--key", "bot")
    with_bot.gw("trading", "reduce")
    shown = with_bot.json("trading", "show")
    assert [(each["key_id"], each["state"]) for each in shown] == [(None, "reducing"), ("bot", "halted")]
    head, first, second = with_bot.gw("trading", "show").stdout.splitlines()
    assert head.split() == ["FOR", "STATE", "SINCE"]
    assert first.split() == ["all", "keys", "reducing", shown[0]["changed_at"]]
    assert second.split() == ["bot", "halted", shown[1]["changed_at"]]


def test_switches_are_on_record(with_bot):
    with_bot.gw("trading", "halt", "--key", "bot")
    with_bot.gw("trading", "resume")
    lines = [line for line in with_bot.audited() if line["kind"] == "trading"]
    assert [(line["decision"], line.get("key_id")) for line in lines] == [("halted", "bot"), ("active", None)]


def test_without_the_audit_halt_takes_effect_and_resume_does_not(site):
    site.audit.mkdir(parents=True)
    result = site.gw("trading", "halt")
    assert result.exit_code == 1
    assert "audit" in result.stderr
    assert state(site) is HALTED
    assert site.gw("trading", "resume").exit_code == 1
    assert state(site) is HALTED


def test_ledger_that_cannot_be_used_is_a_problem(site):
    (site.directory / "var").mkdir()
    (site.directory / "var" / "ledger.db").write_bytes(b"no database" * 1000)
    result = site.gw("trading", "halt")
    assert result.exit_code == 1
    assert "ledger" in result.stderr
    assert "Trading is" not in result.output


def test_redis_that_is_away_is_a_problem(site):
    site.write({"ledger": "redis://127.0.0.1:1/0"})
    result = site.gw("trading", "show")
    assert result.exit_code == 1
    assert "Redis" in result.stderr
