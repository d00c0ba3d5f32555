import pytest
from Crypto.Cipher import AES, PKCS1_v1_5
from Crypto.PublicKey import ECC, RSA
from fake_opend import AES_IV, AES_KEY, Cbc, FtEcb

from gateway.opend.crypto import (
    AesCbcCipher,
    FtAesEcbCipher,
    PacketEncAlgo,
    PlainCipher,
    RsaCipher,
    session_cipher,
)
from gateway.opend.errors import CipherError, DecryptionError, RsaKeyError

KEY = AES_KEY.encode()
IV = AES_IV.encode()
LENGTHS = range(70)


@pytest.mark.parametrize("length", LENGTHS)
def test_cbc_agrees_with_another_library_in_both_directions(length):
    plain = bytes(range(length))
    cipher = AesCbcCipher(KEY, IV)
    assert cipher.encrypt(plain) == Cbc().encrypt(plain)
    assert cipher.decrypt(Cbc().encrypt(plain)) == plain


@pytest.mark.parametrize("length", LENGTHS)
def test_futus_ecb_agrees_with_another_library_in_both_directions(length):
    plain = bytes(range(length))
    cipher = FtAesEcbCipher(KEY)
    assert cipher.encrypt(plain) == FtEcb().encrypt(plain)
    assert cipher.decrypt(FtEcb().encrypt(plain)) == plain


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 200, 350])
def test_rsa_agrees_with_another_library_in_both_directions(rsa_pem, length):
    plain = bytes(i % 251 for i in range(length))
    theirs = PKCS1_v1_5.new(RSA.import_key(rsa_pem))
    ours = RsaCipher.from_pem(rsa_pem)
    wire = ours.encrypt(plain)
    blocks = [wire[i : i + 128] for i in range(0, len(wire), 128)]
    assert len(blocks) == -(-length // 100)
    assert b"".join(theirs.decrypt(block, None) for block in blocks) == plain
    chunks = [plain[i : i + 100] for i in range(0, length, 100)]
    assert ours.decrypt(b"".join(theirs.encrypt(chunk) for chunk in chunks)) == plain


def test_rsa_takes_the_other_key_length_of_the_documentation(rsa_key_path):
    cipher = RsaCipher.from_file(rsa_key_path.with_name("rsa_512.pem"))
    assert cipher.decrypt(cipher.encrypt(bytes(120))) == bytes(120)


@pytest.mark.parametrize("data", [b"", b"x", bytes(15), bytes(17)])
@pytest.mark.parametrize("cipher", [AesCbcCipher(KEY, IV), FtAesEcbCipher(KEY)])
def test_aes_refuses_what_is_no_row_of_blocks(cipher, data):
    with pytest.raises(DecryptionError, match="whole number"):
        cipher.decrypt(data)


@pytest.mark.parametrize("padding", [bytes(16), b"\x11" * 16, bytes(14) + b"\x01\x02"])
def test_cbc_refuses_a_wrong_padding(padding):
    data = AES.new(KEY, AES.MODE_CBC, iv=IV).encrypt(padding)
    with pytest.raises(DecryptionError, match="padded"):
        AesCbcCipher(KEY, IV).decrypt(data)


@pytest.mark.parametrize("data", [bytes(31) + b"\x10", bytes(31) + b"\xff", bytes(15) + b"\x01"])
def test_futus_ecb_refuses_a_length_block_that_no_body_has(data):
    with pytest.raises(DecryptionError, match="length block"):
        FtAesEcbCipher(KEY).decrypt(data)


def test_rsa_refuses_what_is_no_row_of_blocks(rsa_pem):
    with pytest.raises(DecryptionError, match="128-byte"):
        RsaCipher.from_pem(rsa_pem).decrypt(bytes(100))


def test_rsa_refuses_a_block_over_its_modulus(rsa_pem):
    with pytest.raises(DecryptionError, match="this key"):
        RsaCipher.from_pem(rsa_pem).decrypt(b"\xff" * 128)


def test_a_key_file_that_is_missing_or_no_key_is_named(tmp_path):
    missing = tmp_path / "missing.pem"
    with pytest.raises(RsaKeyError, match=f"{missing}: No such file"):
        RsaCipher.from_file(missing)
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    with pytest.raises(RsaKeyError, match=f"{junk}: not a PEM private key"):
        RsaCipher.from_file(junk)


def test_a_key_with_a_passphrase_or_of_another_kind_is_refused(rsa_pem):
    locked = RSA.import_key(rsa_pem).export_key(passphrase="secret")
    with pytest.raises(RsaKeyError, match="without a passphrase"):
        RsaCipher.from_pem(locked)
    elliptic = ECC.generate(curve="p256").export_key(format="PEM").encode()
    with pytest.raises(RsaKeyError, match="not an RSA key"):
        RsaCipher.from_pem(elliptic)


@pytest.mark.parametrize(
    ("algo", "iv", "kind"),
    [
        (PacketEncAlgo.NONE, None, PlainCipher),
        (PacketEncAlgo.FTAES_ECB, None, FtAesEcbCipher),
        (PacketEncAlgo.AES_CBC, AES_IV, AesCbcCipher),
    ],
)
def test_a_session_gets_the_cipher_that_was_agreed_on(algo, iv, kind):
    cipher = session_cipher(algo, AES_KEY, iv)
    assert isinstance(cipher, kind)
    assert cipher.decrypt(cipher.encrypt(b"body")) == b"body"


@pytest.mark.parametrize(
    ("algo", "key", "iv", "text"),
    [
        (PacketEncAlgo.AES_CBC, AES_KEY, None, "initialisation vector"),
        (PacketEncAlgo.AES_CBC, AES_KEY, "short", "has 5 bytes"),
        (PacketEncAlgo.FTAES_ECB, "short", None, "has 5 bytes"),
        (PacketEncAlgo.FTAES_ECB, "é" * 16, None, "ASCII"),
        (PacketEncAlgo.AES_ECB, AES_KEY, None, "not supported"),
    ],
)
def test_an_agreement_that_cannot_work_is_refused(algo, key, iv, text):
    with pytest.raises(CipherError, match=text):
        session_cipher(algo, key, iv)
