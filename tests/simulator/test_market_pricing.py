from math import exp

import pytest

from gateway.simulator.market.pricing import RISK_FREE_RATE, VanillaOption

SPOT = 100.0
SPOTS = [60.0, SPOT, 140.0]


def option(*, is_call: bool, years: float = 0.5, volatility: float = 0.3) -> VanillaOption:
    return VanillaOption(is_call=is_call, strike=105.0, years=years, volatility=volatility)


def test_a_known_value() -> None:
    textbook = VanillaOption(is_call=True, strike=100.0, years=1.0, volatility=0.2)

    assert textbook.prices([100.0]) == pytest.approx([9.6675], abs=0.001)


def test_call_and_put_are_in_parity() -> None:
    call, put = option(is_call=True), option(is_call=False)

    for of_call, of_put, spot in zip(call.prices(SPOTS), put.prices(SPOTS), SPOTS, strict=True):
        assert of_call - of_put == pytest.approx(spot - 105.0 * exp(-RISK_FREE_RATE * 0.5))


@pytest.mark.parametrize("is_call", [True, False])
def test_greeks_are_the_slopes_of_the_price(is_call: bool) -> None:
    def price(spot: float = SPOT, **changed: float) -> float:
        (value,) = option(is_call=is_call, **changed).prices([spot])
        return value

    greeks = option(is_call=is_call).greeks(SPOT)

    assert greeks.delta == pytest.approx((price(SPOT + 0.01) - price(SPOT - 0.01)) / 0.02, rel=1e-4)
    assert greeks.gamma == pytest.approx(
        (price(SPOT + 0.1) - 2 * price() + price(SPOT - 0.1)) / 0.01, rel=1e-3
    )
    assert greeks.vega == pytest.approx((price(volatility=0.301) - price(volatility=0.299)) / 0.2, rel=1e-3)
    assert greeks.theta == pytest.approx(-(price(years=0.501) - price(years=0.499)) / 0.002 / 365, rel=1e-3)
