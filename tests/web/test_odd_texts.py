"""Texts of OpenD that are not UTF-8, in the answer of every kind of read."""

import pytest
from e2e.examples import BODIES

from gateway.schema.protocols import protocol_named

CUT = "平安".encode()[:-1]
SHOWN = "平\ufffd"
PLACE = b"to be cut"


def odd_answer(name, **s2c):
    """The fields of a protocol's answer in which the text PLACE was cut in the middle of a character."""
    protocol = protocol_named(name)
    whole = protocol.response(retType=0, s2c=s2c).SerializeToString()
    return {"s2c": protocol.response.FromString(whole.replace(PLACE, CUT.ljust(len(PLACE)))).s2c}


PLATE = {"plate": {"market": 1, "code": "BK1001"}, "name": PLACE.decode(), "plateType": 1}
ACCOUNT = {"trdEnv": 0, "accID": 987654, "trdMarketAuthList": [1], "cardNum": PLACE.decode()}


@pytest.mark.parametrize(
    ("method", "path", "name", "s2c"),
    [
        ("POST", "/api/plate-set", "Qot_GetPlateSet", {"plateInfoList": [PLATE]}),
        ("GET", "/api/accounts", "Trd_GetAccList", {"accList": [ACCOUNT]}),
    ],
    ids=["shared", "each caller's own"],
)
def test_it_is_shown_with_a_replacement(gateway, method, path, name, s2c):
    gateway.opend.script(name, odd_answer(name, **s2c))
    body = BODIES[path.removeprefix("/api/")] if method == "POST" else None
    answer = gateway.request(method, path, json=body)
    assert answer.status_code == 200
    assert SHOWN in answer.get_data(as_text=True)
