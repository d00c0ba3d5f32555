"""Write the figures of a run into both READMEs: `PYTHONPATH=tests python -m bench.readme RUN.json`.

The file is what `make bench ARGS='--json RUN.json'` kept.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
HEADS: Mapping[str, str] = {
    ENGLISH: "| work | figure to reach | measured |",
    CHINESE: "| 工作 | 目标 | 实测 |",
}
MACHINE: Mapping[str, str] = {
    ENGLISH: "{cores} cores of {processor}, Python {python}, load average {load} at the start.",
    CHINESE: "{cores} 核 {processor}，Python {python}，开始时平均负载 {load}。",
}
UNITS: Mapping[str, Mapping[str, str]] = {
    ENGLISH: {"times": "", "ms": " ms", "MB": " MB", "s": " s"},
    CHINESE: {"times": "", "ms": " 毫秒", "MB": " MB", "s": " 秒"},
}


class Row(NamedTuple):
    """A figure, by its names in `bench.figure`, and how each language says what it is and its limit."""

    work: str
    what: str
    english: tuple[str, str]
    chinese: tuple[str, str]

    def said(self, file: str) -> tuple[str, str]:
        """What stands in a file."""
        return self.english if file == ENGLISH else self.chinese


ROWS = (
    Row(
        "quote",
        "requests/s, of (a)'s",
        ("`/api/quote`, one symbol, 32 clients, requests a second", "0.60 of (a)'s"),
        ("`/api/quote`，一只证券，32 个客户端，每秒请求数", "(a) 的 0.60 倍"),
    ),
    Row(
        "quote",
        "requests/s, of (b)'s",
        ("the same", "6 times (b)'s"),
        ("同上", "(b) 的 6 倍"),
    ),
    Row(
        "quote, one client",
        "p50 beyond (a) + (c)",
        ("the same, one client, p50", "at most (a) + (c) + 0.3 ms"),
        ("同上，一个客户端，p50", "不超过 (a) + (c) + 0.3 毫秒"),
    ),
    Row(
        "quote, one client",
        "p99, of p50",
        ("the same, p99", "at most 3 times p50"),
        ("同上，p99", "不超过 p50 的 3 倍"),
    ),
    Row(
        "history K-line",
        "requests/s, of (b)'s",
        ("1,000 K-lines of the past, requests a second", "8 times (b)'s"),
        ("历史 K 线 1,000 根，每秒请求数", "(b) 的 8 倍"),
    ),
    Row(
        "snapshot of 20",
        "requests/s, of (b)'s",
        ("a snapshot of 20, requests a second", "5 times (b)'s"),
        ("20 只证券的快照，每秒请求数", "(b) 的 5 倍"),
    ),
    Row(
        "encode",
        "(d)'s time, of the codec's",
        ("encoding all 41 answers", "6 times as fast as (d)"),
        ("编码全部 41 种应答", "速度是 (d) 的 6 倍"),
    ),
    Row(
        "decode",
        "(d)'s time, of the codec's",
        ("decoding and checking all 41 requests", "6 times as fast as (d)"),
        ("解码并检查全部 41 种请求", "速度是 (d) 的 6 倍"),
    ),
    Row(
        "order",
        "requests/s, of (a)'s",
        ("placing orders, all checks, SQLite FULL, requests a second", "0.15 of (a)'s"),
        ("下单，全部检查，SQLite FULL，每秒请求数", "(a) 的 0.15 倍"),
    ),
    Row(
        "order",
        "p50 of checks, ledger and audit",
        ("what checks, ledger and audit add to an order, p50", "at most 2 ms"),
        ("检查、账本和审计给一笔订单增加的时间，p50", "不超过 2 毫秒"),
    ),
    Row(
        "fan-out",
        "messages/s, of (e)'s",
        ("pushes to 200 sockets, messages a second", "4 times (e)'s"),
        ("推送到 200 个 WebSocket，每秒消息数", "(e) 的 4 倍"),
    ),
    Row(
        "fan-out",
        "p99 at half of the peak",
        ("the same at half of the peak, p99", "at most 50 ms"),
        ("同上，峰值一半时的 p99", "不超过 50 毫秒"),
    ),
    Row(
        "memory",
        "resident, idle",
        ("memory of a worker, idle", "at most 85 MB"),
        ("一个 worker 的内存，空闲时", "不超过 85 MB"),
    ),
    Row(
        "memory",
        "resident, after the load",
        ("memory of a worker, after the load", "at most 85 MB"),
        ("一个 worker 的内存，负载之后", "不超过 85 MB"),
    ),
    Row(
        "memory",
        "growth from minute 2 to 10",
        ("the same, growth from minute 2 to 10 of steady load", "none (at most 1 MB)"),
        ("同上，持续负载第 2 到第 10 分钟的增长", "无（不超过 1 MB）"),
    ),
    Row(
        "start",
        "a worker to its first answer",
        ("a worker's start to its first answer", "at most 1.5 s"),
        ("worker 从启动到第一次应答", "不超过 1.5 秒"),
    ),
)


def with_figures(text: str, file: str, run: dict[str, Any]) -> str:
    """The text of a README with the figures of a run. Raises ValueError when a mark is missing."""
    marks = re.compile(r"(<!-- speed -->\n).*?(<!-- /speed -->)", re.DOTALL)
    if not marks.search(text):
        raise ValueError(f"{file} has no <!-- speed --> ... <!-- /speed -->")
    machine = MACHINE[file].format(load=round(run["machine"]["load_average"], 1), **run["machine"])
    content = "\n".join([HEADS[file], "| --- | --- | --- |", *_rows(file, run), "", machine])
    return marks.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def _rows(file: str, run: dict[str, Any]) -> Iterator[str]:
    """A row for each figure that was measured."""
    figures = {(each["work"], each["what"]): each for each in run["figures"]}
    for row in ROWS:
        if figure := figures.get((row.work, row.what)):
            unit = UNITS[file][figure["unit"]]
            yield f"| {' | '.join(row.said(file))} | {figure['median']:.3g}{unit} |"


@click.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
def main(file: Path) -> None:
    """Write the figures of FILE into both READMEs."""
    run = json.loads(file.read_text())
    for name in HEADS:
        (ROOT / name).write_text(with_figures((ROOT / name).read_text(), name, run))


if __name__ == "__main__":
    main()
