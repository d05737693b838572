"""A circuit breaker: a vendor that is down does not cost every repair its deadline. Pure; seconds of any clock.

Closed, it lets everything through. After ``failures`` in a row it opens for ``first_pause_s``; then one question is let
through as a trial, while others are still refused. If that fails too, it opens for twice as long, up to
``longest_pause_s``.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """See the module. Not for several threads."""

    failures: int = 3
    first_pause_s: float = 60.0
    longest_pause_s: float = 900.0
    _in_a_row: int = 0
    _pause_s: float = 0.0
    _closed_at: float = float("-inf")
    _trial_until: float = float("-inf")

    def refuses_for(self, now: float, trial_s: float) -> float:
        """Return for how many seconds nobody is to be asked, 0 to go on.

        The caller that is told 0 after a pause makes the trial; others wait until it tells its end, or ``trial_s``.
        """
        if now < self._closed_at:
            return self._closed_at - now
        if self._pause_s and now < self._trial_until:
            return self._trial_until - now
        if self._pause_s:
            self._trial_until = now + trial_s
        return 0.0

    def worked(self) -> None:
        """The vendor answered, with whatever."""
        self._in_a_row, self._pause_s = 0, 0.0

    def failed(self, now: float) -> None:
        """The vendor could not be reached, or did not answer in time."""
        if now < self._closed_at:
            return  # asked before it opened: many are under way when a vendor goes down
        self._in_a_row += 1
        if self._pause_s:
            self._pause_s = min(2 * self._pause_s, self.longest_pause_s)
        elif self._in_a_row >= self.failures:
            self._pause_s = self.first_pause_s
        if self._pause_s:
            self._closed_at = now + self._pause_s
            self._trial_until = float("-inf")
