"""`make fuzz`: campaigns at full size. Prints the seed, then a line a campaign; exits with 1 on a finding.

`FRAMES=1000000 BODIES=200000 POLICIES=20000 MESSAGES=20000 SEED=1 JOBS=2 make fuzz` are the settings. A
part of each goes over real sockets, to a real gunicorn: see `fuzz.outside`.
"""

import os
import random
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from fuzz.bodies import Bodies
from fuzz.campaign import Report, Target, run_campaign
from fuzz.corpus import keep
from fuzz.frames import Frames
from fuzz.messages import Messages
from fuzz.outside import Outside, Streams
from fuzz.policies import Policies, SettingsFiles
from fuzz.spread import spread

SIZES = {"FRAMES": 1_000_000, "BODIES": 200_000, "POLICIES": 20_000, "MESSAGES": 20_000}
"""How many cases of each kind; `POLICIES` are as many policy files, and as many gateway.yaml."""

INSIDE: dict[str, tuple[Callable[[], Target], ...]] = {
    "FRAMES": (Frames,),
    "BODIES": (Bodies,),
    "POLICIES": (Policies, SettingsFiles),
    "MESSAGES": (Messages,),
}
STREAMS_SHARE = 1000
"""One of so many frames goes over a socket to the product's client."""


def tell(report: Report) -> bool:
    """Print a report and keep its findings; says whether there are none."""
    print(report.line(), flush=True)
    for case, text in report.findings:
        print(f"\nFINDING, kept as {keep(report.name, case)}:\n{text}\n", flush=True)
    return not report.findings


def main() -> int:
    sizes = {name: int(os.environ.get(name, size)) for name, size in SIZES.items()}
    seed = int(os.environ.get("SEED", random.randrange(1_000_000)))
    jobs = int(os.environ.get("JOBS", os.cpu_count() or 1))
    print(
        f"seed {seed}, {jobs} processes, {', '.join(f'{name} {size:,}' for name, size in sizes.items())}",
        flush=True,
    )
    is_clean = True
    for name, targets in INSIDE.items():
        for make in targets:
            is_clean &= tell(spread(make, sizes[name], seed, jobs))
    with closing(Streams()) as streams:
        is_clean &= tell(run_campaign(streams, max(1, sizes["FRAMES"] // STREAMS_SHARE), seed))
    with tempfile.TemporaryDirectory() as directory, Outside(Path(directory)) as outside:
        for report in outside.campaigns(sizes, seed):
            is_clean &= tell(report)
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
