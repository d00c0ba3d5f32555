import json

import pytest
from fix_audit import fill

from gateway.audit import AuditLog, Flaw, verify
from gateway.audit.chain import Link, seal

COUNT = 9


@pytest.fixture
def lines(audit, path):
    """The lines of an audit that is whole; `path` holds them."""
    fill(audit, COUNT)
    audit.close()
    return path.read_bytes().splitlines(keepends=True)


def found(path, lines):
    path.write_bytes(b"".join(lines))
    return [(finding.line, finding.flaw) for finding in verify(path).breaks]


def test_whole_audit_has_no_finding(lines, path):
    report = verify(path)
    assert report.findings == ()
    assert report.is_intact
    assert report.lines == COUNT + 1
    last = json.loads(lines[-1])
    assert report.last == Link(COUNT + 1, last["hash"])


def test_empty_audit_is_intact(path):
    path.touch()
    report = verify(path)
    assert (report.is_intact, report.lines, report.last) == (True, 0, None)


def test_missing_file_is_an_error(path):
    with pytest.raises(FileNotFoundError):
        verify(path)


def test_every_byte_of_every_line_counts(lines, path):
    whole = b"".join(lines)
    last_start = len(whole) - len(lines[-1])
    start = last_start - len(lines[-2])
    for position in [*range(0, start, 7), *range(start, len(whole) - 1)]:
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        report = verify(path)
        assert report.findings, position
        assert not report.is_intact or position >= last_start, position


def test_altered_line(lines, path):
    lines[4] = lines[4].replace(b'"decision"', b'"outcome!"')
    assert found(path, lines) == [(5, Flaw.ALTERED)]


def test_altered_last_line(lines, path):
    lines[-1] = lines[-1].replace(b'"r8"', b'"r0"')
    assert found(path, lines) == [(COUNT + 1, Flaw.ALTERED)]


def test_altered_last_line_does_not_pass_as_torn_when_the_chain_goes_on(lines, path, clock):
    lines[-1] = lines[-1].replace(b'"r8"', b'"r0"')
    path.write_bytes(b"".join(lines))
    log = AuditLog(path, clock)
    fill(log, 1)
    log.close()
    assert [(finding.line, finding.flaw) for finding in verify(path).breaks] == [(COUNT + 1, Flaw.ALTERED)]


def test_line_with_other_spaces_is_altered(lines, path):
    lines[4] = json.dumps(json.loads(lines[4])).encode() + b"\n"
    assert found(path, lines) == [(5, Flaw.ALTERED), (6, Flaw.MISSING)]


def test_line_that_was_altered_and_sealed_again(lines, path):
    before = json.loads(lines[3])
    forged, _ = seal(Link(before["seq"], before["hash"]), "2026-01-01T12:00:00.000Z", {"kind": "decision"})
    lines[4] = forged
    assert found(path, lines) == [(6, Flaw.REPLACED)]


def test_deleted_line(lines, path):
    del lines[4]
    assert found(path, lines) == [(5, Flaw.MISSING)]


def test_deleted_beginning(lines, path):
    assert found(path, lines[1:]) == [(1, Flaw.MISSING)]


def test_inserted_copy(lines, path):
    lines.insert(6, lines[2])
    assert found(path, lines) == [(7, Flaw.MISPLACED)]


def test_inserted_text(lines, path):
    lines.insert(6, b"hello\n")
    assert found(path, lines) == [(7, Flaw.ALTERED)]


def test_inserted_text_at_the_end(lines, path):
    assert found(path, [*lines, b"hello\n"]) == [(COUNT + 2, Flaw.ALTERED)]


def test_inserted_line_with_a_good_hash(lines, path):
    before = json.loads(lines[3])
    forged, _ = seal(Link(before["seq"], before["hash"]), "2026-01-01T12:00:00.000Z", {"kind": "decision"})
    lines.insert(4, forged)
    assert found(path, lines) == [(6, Flaw.MISPLACED), (7, Flaw.REPLACED)]


def test_swapped_lines(lines, path):
    lines[4], lines[5] = lines[5], lines[4]
    assert found(path, lines) == [(5, Flaw.MISSING), (6, Flaw.MISPLACED)]


def test_all_breaks_are_told_the_first_first(lines, path):
    lines[2] = lines[2].replace(b'"r1"', b'"r7"')
    lines[7] = lines[7].replace(b'"r6"', b'"r7"')
    assert found(path, lines) == [(3, Flaw.ALTERED), (8, Flaw.ALTERED)]


def test_bytes_cut_out_of_the_middle(lines, path):
    whole = b"".join(lines)
    for start in range(len(lines[0]), len(whole) - 500, 101):
        path.write_bytes(whole[:start] + whole[start + 300 :])
        assert not verify(path).is_intact, start


def test_torn_line_in_the_middle_that_nobody_speaks_of_is_altered(lines, path):
    lines[4] = lines[4][:30] + b"\n"
    assert found(path, lines) == [(5, Flaw.ALTERED), (6, Flaw.MISSING)]


def test_torn_line_that_was_altered_or_removed(lines, path, clock):
    path.write_bytes(b"".join([*lines, b'{"seq":11,"ti']))
    log = AuditLog(path, clock)
    fill(log, 1)
    log.close()
    written = path.read_bytes().splitlines(keepends=True)
    assert found(path, written) == []
    assert found(path, [*written[:-2], written[-1]]) == [(COUNT + 2, Flaw.MISSING)]
    assert found(path, [*written[:-2], b'{"seq":11,"xx\n', written[-1]]) == [(COUNT + 2, Flaw.ALTERED)]


def test_line_cut_off_at_the_end_is_torn(lines, path):
    path.write_bytes(b"".join(lines)[:-20])
    report = verify(path)
    assert report.is_intact
    assert [(finding.line, finding.flaw) for finding in report.findings] == [(COUNT + 1, Flaw.TORN)]


def test_end_that_was_cut_off_shows_by_a_hash_that_was_kept(lines, path):
    kept = verify(path).last.digest
    assert verify(path, expected_hash=kept).is_intact
    path.write_bytes(b"".join(lines[:-2]))
    assert verify(path).is_intact
    report = verify(path, expected_hash=kept)
    assert [finding.flaw for finding in report.breaks] == [Flaw.ABSENT_HASH]


def test_finding_names_file_line_and_kind(lines, path):
    lines[4] = lines[4].replace(b'"r3"', b'"r4"')
    path.write_bytes(b"".join(lines))
    (finding,) = verify(path).breaks
    assert str(finding) == f"{path}:5: altered: the bytes of seq 5 do not fit its hash"
