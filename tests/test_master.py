"""gunicorn's master reads settings and policy again at each reload; nothing in them may end it."""

import json

import pytest

from gateway import boot
from gateway.boot import Master


@pytest.fixture
def environ(tmp_path):
    written = {
        "opend": {"embedded": False, "endpoints": ["127.0.0.1:1"]},
        "auth": {"mode": "local"},
        "ledger": f"sqlite:{tmp_path / 'ledger.db'}",
        "audit": str(tmp_path / "audit.jsonl"),
    }
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(written))
    return {"GATEWAY_CONFIG": str(file)}


def fail(*_):
    raise RecursionError("too deep")


def test_a_defect_while_settings_are_read_again_changes_nothing(environ, monkeypatch, caplog):
    master = Master()
    settings = master.load_settings(environ)
    monkeypatch.setattr(boot, "load", fail)
    assert master.load_settings(environ) is settings
    assert master.are_settings_stale
    assert "the settings stay as they were: a defect while they were read" in caplog.text


def test_a_defect_while_settings_are_read_first_is_an_error(environ, monkeypatch):
    monkeypatch.setattr(boot, "load", fail)
    with pytest.raises(RecursionError):
        Master().load_settings(environ)
