"""Changes of `policy.yaml` by command: new keys, revoked keys, keys of another product.

The result of an edit is read again before it is written, and must hold exactly the keys that it
should; an edit that fails this is refused. The file is replaced whole, under a lock, and keeps its
owner and its mode. A new one has 0600, and so has one that got its first key: without
keys there was nothing to hide in it.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.policy.foreign_keys import read_foreign_keys
from gateway.policy.key_text import CannotEdit, with_items, without_item
from gateway.policy.loader import FORBIDDEN_MODE, build_policy, load_policy, parse_policy
from gateway.policy.model import Key
from gateway.policy.token import format_hash, hash_token, new_token
from gateway.yaml_text import ConfigurationError, Document, Problem, read_document

EMPTY_FILE = (
    "# The keys of this gateway; config/policy.example.yaml explains every name.\nversion: 1\nkeys: []\n"
)
NEW_FILE_MODE = 0o600


def add_new_key(path: Path, entry: Mapping[str, Any]) -> str:
    """Add a key and return its token, which is kept nowhere.

    `entry` has the key's names and values as the policy file would, all but `hash`. Makes the file
    where there is none. Raises ConfigurationError when the entry or the file is wrong.
    """
    token = new_token()
    _add(path, [{"id": entry["id"], "hash": format_hash(hash_token(token)), **entry}])
    return token


def import_keys(path: Path, source: Path) -> list[str]:
    """Add the keys of a `keys.json`, all or none, and return their ids. Raises ConfigurationError."""
    entries = read_foreign_keys(source)
    _add(path, entries)
    return [entry["id"] for entry in entries]


def revoke_key(path: Path, key_id: str) -> None:
    """Remove a key, so that its token is unknown. Raises ConfigurationError, and KeyError for no such key."""
    with _locked(path):
        keys = load_policy(path).keys
        index = next((at for at, key in enumerate(keys) if key.principal.key_id == key_id), None)
        if index is None:
            raise KeyError(key_id)
        _replace(
            path, _edited(path, lambda text: without_item(text, index)), keys[:index] + keys[index + 1 :]
        )


def _add(path: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    document = Document("new key", {"version": 1, "keys": [dict(entry) for entry in entries]}, {}, {})
    added = build_policy(document).keys
    with _locked(path):
        keys = _present_keys(path)
        _replace(path, _edited(path, lambda text: with_items(text, entries)), keys + added)


def _present_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file, whose mode counts only once it has any: whoever could write it gave none."""
    if not path.exists() or not build_policy(read_document(path)).keys:
        return ()
    return load_policy(path).keys


def _edited(path: Path, edit: Callable[[str], str]) -> str:
    text = path.read_text(encoding="utf-8") if path.exists() else EMPTY_FILE
    try:
        return edit(text)
    except CannotEdit as error:
        raise ConfigurationError([Problem(str(path), f"cannot be edited by command: {error}")]) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other commands from editing a file in the same directory meanwhile."""
    directory = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _replace(path: Path, text: str, expected: tuple[Key, ...]) -> None:
    if parse_policy(text, str(path)).keys != expected:
        raise ConfigurationError([Problem(str(path), "cannot be edited by command; change it by hand")])
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _write_draft(draft, text, target)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    _sync_directory(target.parent)


def _write_draft(draft: Path, text: str, target: Path) -> None:
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, NEW_FILE_MODE)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        if target.exists():
            before = target.stat()
            os.fchown(file, before.st_uid, before.st_gid)
            mode = stat.S_IMODE(before.st_mode)
            os.fchmod(file, NEW_FILE_MODE if mode & FORBIDDEN_MODE else mode)
        stream.write(text)
        stream.flush()
        os.fsync(file)


def _sync_directory(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
