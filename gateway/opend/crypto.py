"""The ciphers of a session.

With an RSA key, InitConnect is RSA both ways, and everything after it AES-128 with the key from its
reply. Without one, bodies are plain. These are OpenD's ciphers, weak ones included: the fixed
initialisation vector and ECB are the protocol's.
"""

from enum import IntEnum
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.opend.errors import CipherError, DecryptionError, RsaKeyError

AES_BLOCK = 16
AES_KEY_LENGTH = 16
PKCS1_OVERHEAD = 11
RSA_CHUNK = 100
"""Plain bytes in one RSA block, as the official SDK cuts them for a key of 1024 bit."""


class PacketEncAlgo(IntEnum):
    """`Common.PacketEncAlgo`: how bodies after InitConnect are encrypted."""

    FTAES_ECB = 0
    NONE = -1
    AES_ECB = 1
    AES_CBC = 2


class BodyCipher(Protocol):
    """Turns plain bodies into wire bodies and back."""

    def encrypt(self, plain: bytes) -> bytes:
        """The body as it travels."""
        ...

    def decrypt(self, data: bytes) -> bytes:
        """The plain body. Raises `DecryptionError` where the bytes cannot be this cipher's."""
        ...


class PlainCipher:
    """No encryption."""

    def encrypt(self, plain: bytes) -> bytes:
        """The body itself."""
        return plain

    def decrypt(self, data: bytes) -> bytes:
        """The body itself."""
        return data


class FtAesEcbCipher:
    """Futu's own ECB: zeros up to a whole block, and one more block, in plain, that tells how many.

    The last byte of that block is the length of the body's last block, 0 for a full one.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(_aes(key), ECB())  # noqa: S305 - the protocol's mode

    def encrypt(self, plain: bytes) -> bytes:
        """Cipher blocks and the trailing length block."""
        tail_length = len(plain) % AES_BLOCK
        encryptor = self._cipher.encryptor()
        padded = plain + bytes(-len(plain) % AES_BLOCK)
        return encryptor.update(padded) + encryptor.finalize() + bytes(AES_BLOCK - 1) + bytes([tail_length])

    def decrypt(self, data: bytes) -> bytes:
        """The plain body. Raises `DecryptionError` for a wrong length or length block."""
        _require_whole_blocks(data)
        blocks, tail_length = data[:-AES_BLOCK], data[-1]
        if tail_length >= AES_BLOCK or (tail_length and not blocks):
            raise DecryptionError(f"the length block states {tail_length} bytes, which no last block has")
        decryptor = self._cipher.decryptor()
        padded = decryptor.update(blocks) + decryptor.finalize()
        return padded[: len(padded) - (-tail_length % AES_BLOCK)]


class AesCbcCipher:
    """CBC with PKCS7 padding. The same initialisation vector serves every body: the protocol's way."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        if len(iv) != AES_BLOCK:
            raise CipherError(f"the initialisation vector has {len(iv)} bytes; AES wants {AES_BLOCK}")
        self._cipher = Cipher(_aes(key), CBC(iv))

    def encrypt(self, plain: bytes) -> bytes:
        """Cipher blocks; 1 to 16 bytes longer than the body."""
        padder = PKCS7(AES_BLOCK * 8).padder()
        padded = padder.update(plain) + padder.finalize()
        encryptor = self._cipher.encryptor()
        return encryptor.update(padded) + encryptor.finalize()

    def decrypt(self, data: bytes) -> bytes:
        """The plain body. Raises `DecryptionError` for a wrong length or padding."""
        _require_whole_blocks(data)
        decryptor = self._cipher.decryptor()
        padded = decryptor.update(data) + decryptor.finalize()
        unpadder = PKCS7(AES_BLOCK * 8).unpadder()
        try:
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError as error:
            raise DecryptionError("the body is not padded as AES-CBC bodies are (PKCS7)") from error


class RsaCipher:
    """InitConnect's cipher: RSA with PKCS1 v1.5 padding, block after block, one key pair for both sides."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key
        self._public_key = key.public_key()
        self._block = key.key_size // 8
        self._chunk = min(RSA_CHUNK, self._block - PKCS1_OVERHEAD)

    @classmethod
    def from_pem(cls, pem: bytes) -> "RsaCipher":
        """From the text of a private key file without a passphrase. Raises `RsaKeyError`."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise RsaKeyError(f"not a PEM private key without a passphrase: {error}") from error
        if not isinstance(key, RSAPrivateKey):
            raise RsaKeyError("the private key is not an RSA key")
        return cls(key)

    @classmethod
    def from_file(cls, path: str | Path) -> "RsaCipher":
        """From a private key file, the same one that OpenD uses. Raises `RsaKeyError` with its name."""
        try:
            return cls.from_pem(Path(path).read_bytes())
        except OSError as error:
            raise RsaKeyError(f"cannot read the RSA key {path}: {error.strerror}") from error
        except RsaKeyError as error:
            raise RsaKeyError(f"cannot use the RSA key {path}: {error}") from error

    def encrypt(self, plain: bytes) -> bytes:
        """Whole RSA blocks."""
        chunks = (plain[i : i + self._chunk] for i in range(0, len(plain), self._chunk))
        return b"".join(self._public_key.encrypt(chunk, PKCS1v15()) for chunk in chunks)

    def decrypt(self, data: bytes) -> bytes:
        """The plain body. Raises `DecryptionError` for a wrong length or padding.

        The library answers some wrong paddings with random bytes instead, to tell an attacker
        nothing; the body's SHA-1 finds these.
        """
        if len(data) % self._block:
            raise DecryptionError(f"{len(data)} bytes are no whole number of {self._block}-byte RSA blocks")
        blocks = (data[i : i + self._block] for i in range(0, len(data), self._block))
        try:
            return b"".join(self._key.decrypt(block, PKCS1v15()) for block in blocks)
        except ValueError as error:
            raise DecryptionError("an RSA block cannot be decrypted with this key") from error


def session_cipher(algo: PacketEncAlgo, key: str, iv: str | None) -> BodyCipher:
    """The cipher for everything after InitConnect, from what its reply carries.

    `key` and `iv` are `connAESKey` and `aesCBCiv`, 16 ASCII characters each. Raises `CipherError`
    when they cannot serve `algo`, and for AES_ECB, whose padding no public source states.
    """
    match algo:
        case PacketEncAlgo.NONE:
            return PlainCipher()
        case PacketEncAlgo.FTAES_ECB:
            return FtAesEcbCipher(_ascii(key))
        case PacketEncAlgo.AES_CBC:
            if iv is None:
                raise CipherError("AES-CBC needs an initialisation vector, and there is none")
            return AesCbcCipher(_ascii(key), _ascii(iv))
        case PacketEncAlgo.AES_ECB:
            raise CipherError("the encryption AES_ECB (1) is not supported; use FTAES_ECB or AES_CBC")


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError as error:
        raise CipherError("an AES key or initialisation vector is not ASCII text") from error


def _aes(key: bytes) -> AES:
    if len(key) != AES_KEY_LENGTH:
        raise CipherError(f"the AES key has {len(key)} bytes; the protocol has {AES_KEY_LENGTH}")
    return AES(key)


def _require_whole_blocks(data: bytes) -> None:
    if not data or len(data) % AES_BLOCK:
        raise DecryptionError(f"{len(data)} bytes are no whole number of {AES_BLOCK}-byte AES blocks")
