"""Stock ids, as OpenD numbers securities."""

import zlib
from datetime import date

_EPOCH = date(1970, 1, 1)


def stock_id(market: int, code: str, list_date: date) -> int:
    """The id of a security: always the same for the same arguments, and positive.

    OpenD's ids of Hong Kong stocks hold the day before the listing, counted from 1970, in the upper
    32 bits and the code in the lower ones (00700 of 2004-06-16 is 54047868453564). The same rule
    serves here for every numeric code; other codes get a checksum in the code's place.
    """
    days = max((list_date - _EPOCH).days - 1, 1)
    number = int(code) if code.isdigit() else zlib.crc32(code.encode())
    return (days << 32 | number) + (market - 1 << 24 if code.isdigit() else 0)
