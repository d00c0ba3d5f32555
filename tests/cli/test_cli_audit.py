import json

from fix_cli import Site

from gateway.audit import AuditEvent, AuditKind, AuditLog
from gateway.clock import SystemClock
from gateway.order import Side


def fill(site: Site, count: int = 5) -> None:
    site.audit.parent.mkdir(exist_ok=True)
    log = AuditLog(site.audit, SystemClock())
    for number in range(count):
        log.write(
            AuditEvent(
                kind=AuditKind.DECISION,
                key_id="bot",
                acc_id=987654,
                environment="simulate",
                side=Side.BUY,
                code="HK.00700",
                decision="denied",
                reason="rate",
                request_id=f"r{number}",
            ),
            durable=False,
        )
    log.close()


def alter(site: Site) -> None:
    site.audit.write_bytes(site.audit.read_bytes().replace(b'"r2"', b'"r9"'))


def test_whole_audit(site):
    fill(site)
    result = site.gw("audit", "verify")
    assert result.exit_code == 0
    last = json.loads(site.audit.read_bytes().splitlines()[-1])["hash"]
    assert result.stdout.splitlines() == [
        "6 lines, seq 1 to 6.",
        f"Last hash, to be kept elsewhere: {last}",
        "The chain holds.",
    ]
    assert site.json("audit", "verify") == {
        "is_intact": True,
        "lines": 6,
        "first_seq": 1,
        "last_seq": 6,
        "last_hash": last,
        "findings": [],
    }


def test_altered_line_exits_with_1_and_names_it(site):
    fill(site)
    alter(site)
    result = site.gw("audit", "verify")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{site.audit}:4: altered: ")
    assert result.stdout.endswith("The chain is broken: 1 found.\n")
    as_json = site.gw("audit", "verify", "--json")
    assert as_json.exit_code == 1
    (finding,) = json.loads(as_json.stdout)["findings"]
    assert (finding["line"], finding["flaw"]) == (4, "altered")


def test_torn_line_is_told_and_no_break(site):
    fill(site)
    with site.audit.open("ab") as file:
        file.write(b'{"seq":7,"t')
    result = site.gw("audit", "verify")
    assert result.exit_code == 0
    assert f"{site.audit}:7: torn: " in result.stdout


def test_files_that_were_rotated_need_no_settings(site):
    fill(site)
    moved = site.audit.with_suffix(".1")
    log = AuditLog(site.audit, SystemClock())
    log.write(AuditEvent(kind=AuditKind.REFUSAL), durable=False)
    site.audit.rename(moved)
    log.write(AuditEvent(kind=AuditKind.REFUSAL), durable=False)
    log.close()
    site.config.unlink()
    assert site.gw("audit", "verify", str(moved), str(site.audit)).exit_code == 0
    assert site.gw("audit", "verify", str(site.audit), str(moved)).exit_code == 1


def test_hash_that_was_kept_shows_an_end_that_was_cut_off(site):
    fill(site)
    kept = site.json("audit", "verify")["last_hash"]
    assert site.gw("audit", "verify", "--expect", kept).exit_code == 0
    site.audit.write_bytes(b"".join(site.audit.read_bytes().splitlines(keepends=True)[:-1]))
    assert site.gw("audit", "verify", "--expect", kept).exit_code == 1
    assert site.gw("audit", "verify", "--expect", "short").exit_code == 2


def test_missing_audit_is_a_problem(site):
    result = site.gw("audit", "verify")
    assert result.exit_code == 1
    assert str(site.audit) in result.stderr


def test_tail_shows_the_last_lines(site):
    fill(site)
    with site.audit.open("ab") as file:
        file.write(b'{"seq":7,"t\x1b[2J')
    head, *rows = site.gw("audit", "tail", "-n", "2").stdout.splitlines()
    assert head.split() == ["TIME", "KIND", "WHO", "ROUTE", "ACCOUNT", "ORDER", "RESULT", "WHY"]
    assert rows[0].endswith("decision  bot  -      987654 simulate  BUY HK.00700  denied  rate")
    assert rows[1].split() == ["-", "torn", *"------"]


def test_tail_names_who_gave_a_command_and_for_which_key(site):
    site.audit.parent.mkdir()
    log = AuditLog(site.audit, SystemClock())
    log.write(AuditEvent(kind=AuditKind.TRADING, key_id="bot", actor="root"), durable=False)
    log.close()
    assert "  root for bot  " in site.gw("audit", "tail").stdout


def test_tail_for_scripts_is_the_lines_themselves(site):
    fill(site)
    assert site.gw("audit", "tail", "-n", "3", "--json").stdout.encode() == b"".join(
        site.audit.read_bytes().splitlines(keepends=True)[-3:]
    )


def test_what_callers_wrote_moves_no_cursor(site):
    site.audit.parent.mkdir()
    log = AuditLog(site.audit, SystemClock())
    log.write(AuditEvent(kind=AuditKind.REFUSAL, detail="\x1b[2J\r\u202e"), durable=False)
    log.close()
    assert site.gw("audit", "tail").stdout.rstrip().endswith("?[2J??")
