"""The program's own lines are logged; the chatter of libraries is not."""

import logging

import pytest

from selfgait_jax.run import log_lines


@pytest.mark.parametrize(
  'path, level, shown',
  [
    ('selfgait_jax/train/loop.py', logging.INFO, True),
    ('jax/_src/distributed.py', logging.INFO, False),
    ('jax/_src/distributed.py', logging.WARNING, True),
    ('orbax/checkpoint/x.py', logging.ERROR, False),
  ],
)
def test_only_what_a_user_needs(path, level, shown):
  record = logging.LogRecord('', level, path, 1, 'text', (), None)
  assert log_lines.quiet(record) == shown


def test_time_and_level_come_first():
  formatter = log_lines.ElapsedFormatter()
  record = logging.LogRecord('', logging.WARNING, '', 1, 'a %d', (3,), None)
  record.created = formatter._start + 90
  assert formatter.format(record) == '0:01:30 WARNING: a 3'
