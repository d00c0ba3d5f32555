import json
import logging
import logging.config

import pytest

from gateway.logs import REQUEST_ID, logging_config
from gateway.settings import Settings


@pytest.fixture
def written(capsys):
    """Writes lines under the given settings and returns what stood on stderr."""
    touched = [logging.getLogger(name) for name in (None, "gateway", "gunicorn.error")]
    before = [(each, each.level, each.handlers[:], each.propagate) for each in touched]

    def write(action, *, embedded=True, **settings):
        values = {"log": settings, "opend": {"embedded": embedded}}
        logging.config.dictConfig(logging_config(Settings.model_validate_json(json.dumps(values))))
        action()
        return capsys.readouterr().err

    yield write
    for logger, level, handlers, propagate in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.propagate = propagate


def fail():
    try:
        raise ValueError("bad\nforged: line")
    except ValueError:
        logging.getLogger("gateway.x").exception("it failed")


@pytest.mark.parametrize("name", ["gateway", "gateway.access", "gunicorn.error"])
@pytest.mark.parametrize(("level", "shown"), [("info", True), ("warning", False)])
def test_the_level_holds_for_our_lines_and_gunicorns(written, name, level, shown):
    text = written(lambda: logging.getLogger(name).info("hello"), level=level)
    assert text.count("hello") == shown


def test_other_libraries_are_heard_from_warning_on(written):
    def write():
        logging.getLogger("library").info("chatter")
        logging.getLogger("library").warning("trouble")

    text = written(write, level="debug")
    assert "chatter" not in text
    assert "trouble" in text


def test_a_text_line_has_time_process_level_and_logger(written):
    text = written(lambda: logging.getLogger("gateway.x").warning("a %s", "b"))
    assert text.endswith("] WARNING gateway.x: a b\n")
    assert text[10] == "T"
    assert "+00:00 [" in text


@pytest.mark.parametrize("control", ["\n", "\r", "\x1b[31m", "\x00", "\x7f", "\x85", "\u2028"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_can_forge_a_line(written, control, form):
    text = written(lambda: logging.getLogger("gateway").warning("a%sb", control), format=form)
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert control == "\n" or control not in text


@pytest.mark.parametrize(
    ("embedded", "chosen", "is_json"),
    [
        (True, {}, False),
        (False, {}, True),
        (True, {"format": "json"}, True),
        (False, {"format": "text"}, False),
        (False, {"format": "auto"}, True),
    ],
)
def test_lines_are_for_people_with_the_simulator_and_json_with_a_real_opend(
    written, embedded, chosen, is_json
):
    text = written(lambda: logging.getLogger("gateway").warning("a"), embedded=embedded, **chosen)
    assert text.startswith("{") is is_json


def test_a_traceback_is_indented(written):
    lines = written(fail).splitlines()
    assert lines[0].endswith("ERROR gateway.x: it failed")
    assert all(line.startswith("    ") for line in lines[1:])
    assert lines[-2].strip() == "ValueError: bad"


def test_a_json_line_is_one_object_with_what_the_record_carries(written):
    text = written(lambda: logging.getLogger("gateway.x").info("é", extra={"status": "200"}), format="json")
    line = json.loads(text)
    assert line["message"] == "é"
    assert line["level"] == "info"
    assert line["logger"] == "gateway.x"
    assert line["status"] == "200"
    assert set(line) == {"time", "level", "logger", "pid", "message", "status"}


def test_a_json_line_that_is_written_for_a_request_names_it(written):
    def write():
        outer = REQUEST_ID.set("ask-7")
        logging.getLogger("gateway.trading").warning("within")
        REQUEST_ID.reset(outer)
        logging.getLogger("gateway.trading").warning("after")

    within, after = map(json.loads, written(write, format="json").splitlines())
    assert within["request_id"] == "ask-7"
    assert "request_id" not in after


def test_a_json_line_has_the_traceback(written):
    text = written(fail, format="json")
    assert text.count("\n") == 1
    assert "ValueError: bad" in json.loads(text)["traceback"]
