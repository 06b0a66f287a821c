"""How much is done and how long the rest will take, in a line of text."""

import time


class Counter:
  """Counts what is done and says at intervals how long the rest takes."""

  def __init__(self, total: int, unit: str, every: float = 2.0):
    """Starts the clock.

    Args:
      total: of what is to be done; 0 if nobody knows.
      unit: names what is counted.
      every: seconds between two lines.
    """
    self._total, self._unit, self._every = total, unit, every
    self._done = 0
    self._start = self._said = time.monotonic()

  def add(self, count: int = 1) -> str | None:
    """Adds to what is done; returns a line where one is due, and at the end.

    Such as '1,200/4,000 sequences | 310.4/s | ETA 0:00:09', or without a total
    '1,200 sequences | 310.4/s'.
    """
    self._done += count
    now = time.monotonic()
    if now - self._said < self._every and self._done != self._total:
      return None
    self._said = now
    seconds = now - self._start
    rate = self._done / max(seconds, 1e-6)
    if not self._total:
      return f'{self._done:,} {self._unit} | {rate:,.1f}/s'
    left = max(0.0, seconds_left(self._done, self._total, seconds))
    return (
      f'{self._done:,}/{self._total:,} {self._unit} | {rate:,.1f}/s | '
      f'ETA {clock(left)}'
    )


def seconds_left(done: float, total: float, seconds: float) -> float:
  """Seconds until all is done, at the rate so far; 0 before the first."""
  return (total - done) * seconds / done if done else 0.0


def clock(seconds: float) -> str:
  """'0:01:30'."""
  minutes, seconds = divmod(round(seconds), 60)
  return f'{minutes // 60}:{minutes % 60:02d}:{seconds:02d}'
