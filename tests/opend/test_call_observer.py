import pytest
from fake_opend import response

from gateway.opend.client import CallKind
from gateway.opend.errors import OpenDRefused, OutcomeUnknown
from gateway.schema.protocols import PROTOCOLS

SUB_INFO = PROTOCOLS[3003]
UNLOCK = PROTOCOLS[2005]


def answers(peer, request):
    peer.reply(request, response(3003, s2c={"totalUsedQuota": 1, "remainQuota": 0}))


def refuses(peer, request):
    peer.reply(request, response(request.proto_id, ret_type=-1, ret_msg="no"))


def drops(peer, request):
    peer.drop()


@pytest.fixture
def observed(fake_opend, open_client):
    """Makes a client of a fake with a script, and the list of what its observer is told."""

    def make(script):
        client, told = open_client(fake_opend(script)), []
        client.on_call = lambda *call: told.append(call)
        return client, told

    return make


def test_a_call_that_succeeds_is_told_once(observed):
    client, told = observed(answers)
    client.call(SUB_INFO, SUB_INFO.request(c2s={}), kind=CallKind.READ)
    ((protocol, error, seconds),) = told
    assert (protocol, error) == (SUB_INFO, None)
    assert 0 < seconds < 5


def test_a_call_that_fails_is_told_with_its_error(observed):
    client, told = observed(refuses)
    with pytest.raises(OpenDRefused) as raised:
        client.call(SUB_INFO, SUB_INFO.request(c2s={}), kind=CallKind.READ)
    assert [(protocol, error) for protocol, error, _ in told] == [(SUB_INFO, raised.value)]


def test_a_write_is_told_as_the_caller_sees_it(observed):
    client, told = observed(drops)
    with pytest.raises(OutcomeUnknown):
        client.call(UNLOCK, UNLOCK.request(c2s={"unlock": False}), kind=CallKind.WRITE)
    assert [type(error) for _, error, _ in told] == [OutcomeUnknown]
