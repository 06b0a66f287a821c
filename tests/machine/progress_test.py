"""Count, rate and remaining time."""

from selfgait_jax.machine import progress


def test_lines_come_at_intervals_and_at_the_end(monkeypatch):
  now = 100.0
  monkeypatch.setattr(progress.time, 'monotonic', lambda: now)
  counter = progress.Counter(4000, 'clips', every=2.0)
  now = 101.0
  assert counter.add(100) is None
  now = 102.0
  assert counter.add(100) == '200/4,000 clips | 100.0/s | ETA 0:00:38'
  now = 103.0
  assert counter.add(3000) is None
  assert counter.add(800) == '4,000/4,000 clips | 1,333.3/s | ETA 0:00:00'


def test_clock():
  assert progress.clock(90.4) == '0:01:30'
  assert progress.clock(36001) == '10:00:01'


def test_without_a_total_there_is_no_time_left():
  counter = progress.Counter(0, 'frames', every=0)
  assert counter.add(5).startswith('5 frames | ') and 'ETA' not in counter.add()


def test_more_than_promised_is_left_in_no_time():
  counter = progress.Counter(3, 'frames', every=0)
  assert counter.add(5).endswith('ETA 0:00:00')
