import hashlib

import pytest

from gateway.policy.model import Key, Policy, Principal
from gateway.policy.token import format_hash, hash_token, is_token, new_token, parse_hash


def test_token_has_its_form_and_is_never_the_same() -> None:
    tokens = {new_token() for _ in range(50)}
    assert len(tokens) == 50
    assert all(is_token(token) and len(token) == 67 for token in tokens)


def test_hash_is_sha256_of_the_whole_token() -> None:
    token = new_token()
    assert hash_token(token).hex() == hashlib.sha256(token.encode()).hexdigest()
    assert parse_hash(format_hash(hash_token(token))) == hash_token(token)
    assert parse_hash(hash_token(token).hex().upper()) == hash_token(token)


@pytest.mark.parametrize(
    "text", ["", "sha256:", "a" * 63, "a" * 65, "sha1:" + "a" * 64, "g" * 64, "a" * 64 + "\n"]
)
def test_other_forms_are_no_hash(text: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        parse_hash(text)


def test_token_in_place_of_a_hash_is_pointed_out() -> None:
    with pytest.raises(ValueError, match="this is a token"):
        parse_hash(new_token())


def test_policy_finds_whose_token_it_is() -> None:
    tokens = [new_token(), new_token()]
    keys = [
        Key(hash_token(token), Principal(key_id=f"key-{number}", scopes=frozenset()))
        for number, token in enumerate(tokens)
    ]
    policy = Policy(keys)
    assert policy.find_principal(tokens[1]) == keys[1].principal
    for stranger in (new_token(), tokens[1][:-1], tokens[1].upper(), tokens[1] + "0", "", "\udcff"):
        assert policy.find_principal(stranger) is None
    assert Policy().find_principal(tokens[0]) is None


def test_key_is_expired_at_its_moment() -> None:
    principal = Principal(key_id="key", scopes=frozenset(), expires_s=100.0)
    assert [principal.is_expired(now_s) for now_s in (99.9, 100.0, 100.1)] == [False, True, True]
    assert not Principal(key_id="key", scopes=frozenset()).is_expired(1e12)
