"""When derivatives end: rules of the exchanges, without their holidays."""

from collections.abc import Iterator
from datetime import date, timedelta

_FRIDAY = 4
WEEKLY_HORIZON = timedelta(days=56)
MONTHLY_HORIZON = timedelta(days=190)


def month_after(month: date, count: int) -> date:
    """The first day of the month that lies `count` months after `month`'s."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def hk_month_expiry(year: int, month: int) -> date:
    """The last business day but one of a month: when HKEX's index and stock contracts expire."""
    day = month_after(date(year, month, 1), 1)
    business_days = 0
    while business_days < 2:
        day -= timedelta(days=1)
        business_days += day.weekday() < 5
    return day


def us_month_expiry(year: int, month: int) -> date:
    """The third Friday of a month: when standard US stock options expire."""
    first = date(year, month, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)


def is_monthly(expiry: date) -> bool:
    """Whether an option expiry is a month's own, in Hong Kong or in the US, rather than a week's."""
    year, month = expiry.year, expiry.month
    return expiry in (hk_month_expiry(year, month), us_month_expiry(year, month))


def hk_option_expiries(today: date) -> list[date]:
    """The expiries on offer in Hong Kong: this month and the following ones, in order."""
    months = (month_after(today, ahead) for ahead in range(7))
    expiries = (hk_month_expiry(month.year, month.month) for month in months)
    return [expiry for expiry in expiries if today <= expiry <= today + MONTHLY_HORIZON]


def us_option_expiries(today: date) -> list[date]:
    """The expiries on offer in the US: every Friday of the next weeks, then the monthly ones."""
    return sorted({*_weekly(today), *_us_monthly(today)})


def _weekly(today: date) -> Iterator[date]:
    friday = today + timedelta(days=(_FRIDAY - today.weekday()) % 7)
    while friday <= today + WEEKLY_HORIZON:
        yield friday
        friday += timedelta(days=7)


def _us_monthly(today: date) -> Iterator[date]:
    for ahead in range(7):
        month = month_after(today, ahead)
        expiry = us_month_expiry(month.year, month.month)
        if today <= expiry <= today + MONTHLY_HORIZON:
            yield expiry
