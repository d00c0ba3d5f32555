"""What a document depends on beside the code: how this gateway is set."""

from dataclasses import dataclass
from datetime import date

from gateway.schema.codec import Int64Format
from gateway.schema.numbering import Numbering
from gateway.settings import AuthMode, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The settings in force. `day` is the one that examples are around."""

    version: str
    numbering: Numbering
    int64: Int64Format
    is_keyed: bool
    has_page: bool
    has_live_page: bool
    day: date

    @classmethod
    def of(cls, settings: Settings, version: str, day: date) -> "Situation":
        """The situation of the gateway that has these settings."""
        return cls(
            version=version,
            numbering=settings.api.trd_env_numbering,
            int64=settings.api.int64,
            is_keyed=settings.auth.mode is AuthMode.KEYS,
            has_page=settings.ops.docs_page,
            has_live_page=settings.ops.live_page,
            day=day,
        )
