import sys
from pathlib import Path

import pytest
from fake_opend import response
from gevent import subprocess

WORKER = Path(__file__).with_name("forking_worker.py")


def quota(peer, request):
    peer.reply(request, response(3003, s2c={"totalUsedQuota": peer.conn_id % 1000, "remainQuota": 0}))


@pytest.mark.parametrize("patching", [[], ["patched"]])
def test_a_fork_never_shares_a_connection_and_harms_none(fake_opend, patching):
    fake = fake_opend(quota)
    command = [sys.executable, WORKER, str(fake.endpoint.port), *patching]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(fake.peers) == 4
