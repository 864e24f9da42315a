"""What clients did in the last minute that slows them, and nobody else: wrong tokens, files that took too much."""

import time
from collections import OrderedDict, deque

SECONDS = 60.0
MOST_CLIENTS = 10_000
"""Clients that are remembered; the one that came last longest ago is forgotten first."""


class Recent:
    """Counts by client what happened in the last minute; only ever touched on the event loop.

    Args:
        most: how often it may happen in a minute before the client must wait.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._when: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Seconds until a client may go on; 0 if it may now.

        Args:
            client: its address.
        """
        when = self._when.get(client)
        if when is None or len(when) < self._most:
            return 0.0
        return max(0.0, when[0] + SECONDS - time.monotonic())

    def add(self, client: str) -> None:
        """Remember that it happened now.

        Args:
            client: the address of who did it.
        """
        self._when.setdefault(client, deque(maxlen=self._most)).append(time.monotonic())
        self._when.move_to_end(client)
        if len(self._when) > MOST_CLIENTS:
            self._when.popitem(last=False)
