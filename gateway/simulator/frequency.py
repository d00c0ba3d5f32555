"""OpenD's frequency limits as the simulator keeps them: sliding windows over what was let through."""

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from gateway.schema.frequency import FREQUENCY_LIMITS, WINDOW_S, FrequencyLimit, counted_account
from gateway.simulator.model import Refusal


class FrequencyLimiter:
    """Counts requests that it let through. A refused request uses up nothing."""

    def __init__(self, limits: Mapping[int, FrequencyLimit] = FREQUENCY_LIMITS) -> None:
        self._limits = limits
        self._accepted: defaultdict[tuple[int, int], deque[float]] = defaultdict(deque)

    def check(self, proto_id: int, c2s: Any, now_s: float) -> None:
        """Count a request, or raise `Refusal` in OpenD's words. `now_s` is monotonic."""
        limit = self._limits.get(proto_id)
        if limit is None or not limit.applies(c2s):
            return
        accepted = self._accepted[proto_id, counted_account(limit, c2s)]
        while accepted and now_s - accepted[0] > WINDOW_S:
            accepted.popleft()
        if len(accepted) >= limit.count:
            raise Refusal(f"{limit.name}频率太高，请求失败，每30秒最多{limit.count}次。")
        if accepted and now_s - accepted[-1] < limit.min_gap_s:
            # The gap is documented, its text is not: it begins as its neighbour does.
            raise Refusal(f"{limit.name}频率太高，请求失败，两次请求至少间隔{limit.min_gap_s}秒。")
        accepted.append(now_s)

    def reply_delay_s(self, proto_id: int) -> float:
        """How long a reply takes at least.

        The way to Futu's servers and back is longer than the gap between two orders, so a client that
        waits for each reply keeps the gap without knowing of it, and only one that does not wait fails.
        """
        limit = self._limits.get(proto_id)
        return limit.min_gap_s if limit else 0.0

    def clear(self) -> None:
        """Forget all requests, as a restarted OpenD does."""
        self._accepted.clear()
