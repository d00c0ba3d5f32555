from gateway.opend.backoff import Backoff


def test_the_ceilings_double_from_half_a_second_to_ten():
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_delay_s() for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_the_jitter_reaches_down_to_nothing():
    rolls = iter([0.0, 0.5, 0.25])
    backoff = Backoff(lambda: next(rolls))
    assert [backoff.next_delay_s() for _ in range(3)] == [0.0, 0.5, 0.5]


def test_a_success_begins_again():
    backoff = Backoff(lambda: 1.0)
    for _ in range(5):
        backoff.next_delay_s()
    backoff.reset()
    assert backoff.next_delay_s() == 0.5
