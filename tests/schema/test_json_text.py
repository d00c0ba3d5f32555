import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.schema.errors import BodyError
from gateway.schema.json_text import MAX_DEPTH, parse_object

TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, JSON, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_json_object_is_read_as_it_was_written(value, is_ascii):
    assert parse_object(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "not valid JSON"),
        (b"{", "line 1 column 2"),
        (b'{"a": 1,}', "not valid JSON"),
        (b'{"a": 01}', "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b'{"a": 1} x', "not valid JSON"),
        (b'{"a": "\n"}', "not valid JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "not valid JSON"),
        (b"[1]", "has to be a JSON object, found a list"),
        (b"null", "found null"),
        (b'"text"', 'found "text"'),
        (b'{"a": NaN}', "no NaN"),
        (b'{"a": Infinity}', "no Infinity"),
        (b'{"a": -Infinity}', "no -Infinity"),
        (b'{"a": "\xff"}', "not UTF-8: invalid start byte at byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udc00": 1}', "half of a surrogate pair"),
        (b'{"a": [{"b": "\\ud83dx"}]}', "half of a surrogate pair"),
        (b'{"a": 1, "a": 1}', 'the key "a" twice'),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', 'the key "b" twice'),
        (b'{"x": [{"a": 1, "a": 1}]}', 'the key "a" twice'),
        (b'{"a": 1, "\\u0061": 1}', 'the key "a" twice'),
        (b'{"a": 1, "a": 2, "b": "\\u003a"}', 'the key "a" twice'),
        (b'{"a": ":", "a": 1}', 'the key "a" twice'),
        (b'{"a": 1' + b"0" * 5000 + b"}", "too many digits"),
    ],
)
def test_what_is_not_one_strict_json_object_is_refused(raw, text):
    with pytest.raises(BodyError, match=re.escape(text)) as caught:
        parse_object(raw)
    assert caught.value.status == 400


def test_a_surrogate_pair_is_one_character():
    assert parse_object(b'{"a": "\\ud83d\\ude00", "b": "\\n"}') == {"a": "\U0001f600", "b": "\n"}


def nested(depth):
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_depth_is_limited():
    assert parse_object(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 300, 2_000, 100_000):
        with pytest.raises(BodyError, match="nested too deeply"):
            parse_object(nested(depth))


def test_many_shallow_objects_are_not_deep():
    assert len(parse_object(b'{"a": [' + b"{}, " * 1000 + b"[]]}")["a"]) == 1001


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0d8 1e-.aNI', max_size=40).map(str.encode))
def test_no_bytes_raise_anything_but_a_body_error(raw):
    try:
        value = parse_object(raw)
    except BodyError:
        return
    assert json.loads(json.dumps(value), parse_int=float) == json.loads(raw, parse_int=float)


def test_one_key_twice_among_very_many_is_found_at_once():
    names = [*range(26_000), 25_999]
    raw = ("{" + ",".join(f'"{name}":1' for name in names) + "}").encode()
    started_s = time.monotonic()
    with pytest.raises(BodyError, match='the key "25999" twice'):
        parse_object(raw)
    assert time.monotonic() - started_s < 5
