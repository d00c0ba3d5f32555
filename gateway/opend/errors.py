"""What can go wrong between the gateway and OpenD, and what each means for the caller.

Three families: the wire (a frame, a cipher or a body is not what it should be), the way (OpenD is
out of reach, silent, or went away), and OpenD's own answers. A write that may have reached OpenD and
was not answered is always `OutcomeUnknown`, whatever the cause (decisions D6).
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from gateway.errors import GatewayError


class OpenDError(GatewayError):
    """The base of all errors of the client."""


class FrameError(OpenDError):
    """The bytes are no longer a row of frames; nothing after them on the connection can be trusted."""


class BadMagic(FrameError):
    """A header does not begin with `FT`."""


class FrameTooLarge(FrameError):
    """A header announces a body over the cap."""


class CipherError(OpenDError):
    """Encryption is set up in a way that cannot work: the RSA key, or what InitConnect agreed on."""


class RsaKeyError(CipherError):
    """The RSA private key is missing, unreadable, or not one that OpenD can share."""


class ReplyUnusable(OpenDError):
    """OpenD answered, but its answer cannot be used. A read may be asked again."""

    retry_safe = True


class DecryptionError(ReplyUnusable):
    """A body is not what the session's cipher makes."""


class BadSha1(ReplyUnusable):
    """The decrypted body does not have the SHA-1 that its header states."""


class UnparsableBody(ReplyUnusable):
    """A body is not the message of its protocol, or lacks a required field."""


class SessionStateError(OpenDError):
    """A session is used in a state that does not allow it; a defect of the caller."""


class NotSent(OpenDError):
    """Not one byte of the request was written: OpenD never saw it. The base of all such errors.

    Raised itself when the connection went away, or the deadline passed, before the request's turn.
    """

    retry_safe = True

    def details(self) -> Mapping[str, Any]:
        """Says that OpenD never saw the request."""
        return {"outcome": "not_sent"}


class OpenDUnavailable(NotSent):
    """No connection to OpenD is ready. The text says which endpoints were tried and why they failed."""


class TooManyInFlight(NotSent):
    """As many requests as are allowed wait for OpenD, and the queue for a place is full or too slow."""


class NotEncodable(NotSent):
    """A request lacks a field that its protocol requires; a defect of the caller."""

    retry_safe = False


class FrequencyExceeded(NotSent):
    """OpenD's frequency limit, which the gateway knows, leaves no room for the call now."""

    status = 429

    def __init__(self, text: str, retry_after_s: int) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s

    def headers(self) -> Mapping[str, str]:
        """`Retry-After` with the seconds until there is room."""
        return {"Retry-After": str(self.retry_after_s)}


class WrongProcess(NotSent):
    """A client is used in another process than the one that opened it, which no stream survives."""


class SentOutcomeUnknown(OpenDError):
    """At least one byte of the request was written, and no usable reply came. The base of what follows.

    For a read this costs nothing but time, so `retry_safe` is true; a write is never answered with
    this but with `OutcomeUnknown`.
    """

    retry_safe = True


class ConnectionLost(SentOutcomeUnknown):
    """The connection went away while the request waited for its reply."""


class OpenDTimeout(SentOutcomeUnknown):
    """No reply came before the deadline."""


class OutcomeUnknown(OpenDError):
    """A write may have reached OpenD, and whether it took effect is not known.

    Asking OpenD for its orders resolves it; repeating the write may do it twice. `cause` is what went
    wrong where that is known: a `SentOutcomeUnknown`, a `ReplyUnusable` or an `OpenDFailed`.
    """

    def __init__(self, text: str, cause: OpenDError | None = None) -> None:
        super().__init__(text)
        self.cause = cause

    def details(self) -> Mapping[str, Any]:
        """Says that the outcome is open, beside OpenD's own words; the caller adds the intent's id."""
        words = self.cause.details() if self.cause else {}
        return {**words, "outcome": "unknown"}


class OpenDAnswerError(OpenDError):
    """OpenD answered with a `retType` other than 0. Made by `answer_error`."""

    prefix: ClassVar[str]

    def __init__(self, ret_type: int, ret_msg: str, err_code: int = 0) -> None:
        super().__init__(f"{self.prefix}{ret_msg or f'OpenD gave ret_type {ret_type} and no text'}")
        self.ret_type = ret_type
        self.ret_msg = ret_msg
        self.err_code = err_code

    def details(self) -> Mapping[str, Any]:
        """OpenD's own three fields, as decision D4 wants them in the body."""
        return {"ret_type": self.ret_type, "ret_msg": self.ret_msg, "err_code": self.err_code}


class OpenDRefused(OpenDAnswerError):
    """OpenD will not do this request: it is wrong, not allowed, or not possible now."""

    status = 400
    prefix = "OpenD refused the request: "


class OpenDLimited(OpenDRefused):
    """OpenD's own frequency limit or subscription quota is used up; the request had no effect."""

    status = 429
    retry_safe = True
    prefix = "limit check failed: "

    @property
    def window_s(self) -> str | None:
        """The seconds of the window that OpenD's text names; None for a quota, or a gap between calls."""
        window = _WINDOW_S.search(self.ret_msg)
        return (window["cn"] or window["en"]) if window else None

    def headers(self) -> Mapping[str, str]:
        """`Retry-After` with that window, an upper bound of the wait."""
        return {} if self.window_s is None else {"Retry-After": self.window_s}


class OpenDFailed(OpenDAnswerError):
    """OpenD could not say what became of the request: its own way to Futu's servers failed."""

    prefix = "OpenD could not complete the request: "


REFUSED_RET_TYPES = frozenset({-1, -500})
"""`Common.RetType` Failed and Invalid: OpenD knows that it did nothing. TimeOut (-100), DisConnect
(-200), Unknown (-400) and numbers that the protocol does not have leave that open."""

_LIMIT_TEXT = re.compile(
    r"频率太高|额度不足|too frequent|high frequency|frequency limit|rate limit"
    r"|quota (?:is )?(?:insufficient|exceeded|not enough)|insufficient .{0,20}quota",
    re.IGNORECASE,
)
_WINDOW_S = re.compile(r"每(?P<cn>\d+)秒|(?:every|per|in) (?P<en>\d+) ?s", re.IGNORECASE)
_BACKEND_TIMEOUT_TEXT = re.compile(r"NN_ProtoRet_TimeOut", re.IGNORECASE)
"""Seen as the text of a plain Failed (-1) when Futu's server did not answer OpenD in time."""


def answer_error(ret_type: int, ret_msg: str, err_code: int = 0) -> OpenDAnswerError:
    """The error that stands for a reply whose `retType` is not 0."""
    return _answer_error_class(ret_type, ret_msg)(ret_type, ret_msg, err_code)


def _answer_error_class(ret_type: int, ret_msg: str) -> type[OpenDAnswerError]:
    if ret_type not in REFUSED_RET_TYPES or _BACKEND_TIMEOUT_TEXT.search(ret_msg):
        return OpenDFailed
    if _LIMIT_TEXT.search(ret_msg):
        return OpenDLimited
    return OpenDRefused
