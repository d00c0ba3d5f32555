"""The generations in SQLite."""

from gateway.ledger.sqlite_file import Connection


def bump(db: Connection, topic: str) -> int:
    """Count a change of a topic, inside the transaction that makes it; the new counter."""
    row = db.execute(
        "INSERT INTO generation (topic, counter) VALUES (?, 1) "
        "ON CONFLICT DO UPDATE SET counter = counter + 1 RETURNING counter",
        (topic,),
    ).fetchone()
    return int(row[0])
