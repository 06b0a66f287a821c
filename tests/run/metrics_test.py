"""The log of a run: what is written comes back, what is damaged is skipped."""

import pytest

from selfgait_jax.run import metrics


@pytest.fixture
def read(tmp_path):
  def read(content):
    (tmp_path / 'metrics.jsonl').write_bytes(content)
    return metrics.read_curves(tmp_path)

  return read


def test_the_later_line_of_a_step_counts(read):
  found = read(
    b'{"step": 2, "loss": 2.0}\n{"step": 1, "loss": 1.0}\n'
    b'{"step": 2, "spread": 5}\n{"step": 2, "loss": 3.0}\n'
  )
  assert found == {'loss': [(1, 1.0), (2, 3.0)], 'spread': [(2, 5)]}


@pytest.mark.parametrize(
  'line',
  [
    b'{"step": 3, "lo',
    b'\xff\xfe',
    b'[3]',
    b'3',
    b'{"loss": 4.0}',
    b'{"step": "3", "loss": 4.0}',
    b'{"step": true, "loss": 4.0}',
    b'{"step": [3], "loss": 4.0}',
    b'{"step": -3, "loss": 4.0}',
    b'{"step": 3, "loss": "high", "spread": [1], "names": {"a": 1}}',
    b'{"step": 3, "loss": ' + b'9' * 5000 + b'}',
    b'{"step": 3, "loss": ' + b'9' * 400 + b'}',
    b'[' * 100_000,
  ],
)
def test_damaged_lines_and_values_are_skipped(line, read):
  good = b'{"step": 1, "loss": 1.0}\n'
  assert read(good + line + b'\n' + good) == {'loss': [(1, 1.0)]}


def test_a_line_that_a_kill_cut_short_is_closed(tmp_path):
  (tmp_path / 'metrics.jsonl').write_text('{"step": 1, "lo')
  writer = metrics.Writer(tmp_path)
  writer.scalars(2, {'loss': 0.5})
  writer.close()
  assert metrics.read_curves(tmp_path) == {'loss': [(2, 0.5)]}


def test_progress_counts_from_the_second_step(monkeypatch):
  now = 0.0
  monkeypatch.setattr(metrics.time, 'monotonic', lambda: now)
  progress = metrics.Progress(10, 110)
  for step in (11, 12, 13):
    progress.tick(step, 80)
    now += 1.0
  progress.pause(0.5)
  assert progress.rates() == {
    'steps_per_second': 2 / 2.5,
    'frames_per_second': 160 / 2.5,
    'eta_seconds': pytest.approx(97 * 2.5 / 2),
  }
  assert progress.line('train', {'loss': 1.0}) == (
    'train 13/110 | loss 1.0000 | 64 frames/s | ETA 0:02:01'
  )
