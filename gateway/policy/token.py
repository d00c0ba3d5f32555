"""Tokens: what a caller proves a key with. Only the hash is ever kept."""

import hashlib
import re
import secrets

TOKEN_PREFIX = "fc_"  # noqa: S105 - the prefix that all tokens share

_TOKEN = re.compile(r"fc_[0-9a-f]{64}")
_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


def new_token() -> str:
    """A new token: `fc_` and 32 random bytes as 64 hex digits."""
    return TOKEN_PREFIX + secrets.token_hex(32)


def hash_token(token: str) -> bytes:
    """The SHA-256 of a token."""
    return hashlib.sha256(token.encode()).digest()


def is_token(text: str) -> bool:
    """Whether a text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def parse_hash(text: str) -> bytes:
    """Read `sha256:` and 64 hex digits, or the digits alone. Raises ValueError with a sentence."""
    match = _HASH.fullmatch(text)
    if match is None:
        hint = "; this is a token, which must never be written down here" if is_token(text) else ""
        raise ValueError(f"must be the token's SHA-256, sha256: and 64 hex digits, in quotes{hint}")
    return bytes.fromhex(match[1])


def format_hash(digest: bytes) -> str:
    """A hash as the policy file has it."""
    return f"sha256:{digest.hex()}"
