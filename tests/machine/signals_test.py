"""SIGTERM and Ctrl-C at any time: a sentence, a status, and nothing damaged."""

import os
import signal
import subprocess
import sys
import time

import fabricated
import numpy as np
import pytest
import small_run
import together

NOTHING = 'nothing new was learnt; give the same command again'
KEPT = 'what was learnt is saved, and the same command continues'
# Keeps the main thread where Python calls no signal handler.
STUCK = 'import hashlib; hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)'
ANSWER = (
  'from selfgait_jax.machine import signals as s; s.answer("all is kept")'
)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_ends_at_once_whatever_it_does(number):
  process = _python(ANSWER, 'print("ready", flush=True)', STUCK)
  process.stdout.readline()
  process.send_signal(number)
  status, words = small_run.finish(process)
  assert status == 128 + number
  assert words == f'stopped by {number.name}; all is kept\n'


def test_asks_first_where_there_is_something_to_save():
  """`timeout` sends two signals; the third is somebody who will not wait."""
  process = _python(
    ANSWER,
    'import time; s.TWICE_SECONDS = 0.3',
    'with s.stop_flag() as asked:\n'
    '  print("ready", flush=True)\n'
    '  while not asked(): time.sleep(0.01)\n'
    '  print("asked", flush=True)\n'
    f'  {STUCK}',
  )
  process.stdout.readline()
  for _ in range(2):
    process.send_signal(signal.SIGTERM)
  assert process.stdout.readline() == 'asked\n'
  time.sleep(0.4)
  assert process.poll() is None
  process.send_signal(signal.SIGTERM)
  status, words = small_run.finish(process)
  assert status == 143
  assert words.count('saving after this step') == 1
  assert 'nothing was saved since the last complete checkpoint' in words


def test_asked_too_late_for_the_loop_to_see():
  process = _python(
    ANSWER,
    'import os, time',
    'with s.stop_flag() as asked:\n'
    '  os.kill(os.getpid(), 15)\n'
    '  while not asked(): time.sleep(0.01)',
    STUCK,
  )
  assert small_run.finish(process)[0] == 143


@pytest.mark.slow
@pytest.mark.parametrize(
  'processes, phrase, number',
  [
    (1, '', signal.SIGINT),  # the program has yet to be read
    (1, 'stages ', signal.SIGTERM),  # the data
    (1, 'bytes', signal.SIGTERM),  # the first step is compiled
    (1, 'GEI nearest', signal.SIGINT),  # evaluation
    (2, 'stages ', signal.SIGINT),
    (2, 'bytes', signal.SIGTERM),
    (2, 'GEI nearest', signal.SIGTERM),
  ],
)
def test_run_ends_at_once_and_goes_on(
  processes, phrase, number, packed_file, tmp_path
):
  arguments = small_run.overrides(
    packed_file, tmp_path, 'stages=pretrain,evaluate'
  )
  started = together.start(arguments, processes)
  if phrase:
    small_run.read_until(started[0], phrase)
  else:
    time.sleep(0.7)
  start = time.monotonic()
  for process in started:
    process.send_signal(number)
  for process in started:
    process.wait(timeout=60)
  assert time.monotonic() - start < 10
  learnt = phrase == 'GEI nearest'
  sentence = f'stopped by {number.name}; {KEPT if learnt else NOTHING}\n'
  for status, words in together.finish(started):
    assert status == 128 + number, words
    assert words.endswith(sentence) and 'Traceback' not in words
  assert not (tmp_path / 'results.json').exists()
  words = together.run(arguments, processes)[0]
  assert ('finished before' in words) == learnt
  assert (tmp_path / 'results.json').exists()


@pytest.mark.slow
def test_one_of_two_is_stopped(packed_file, tmp_path):
  """The other one cannot go on, and says why."""
  arguments = small_run.overrides(packed_file, tmp_path, 'stages=pretrain')
  both = together.start(arguments)
  small_run.read_until(both[0], 'bytes')
  both[1].send_signal(signal.SIGTERM)
  (status, words), (other_status, other_words) = together.finish(both)
  assert other_status == 143
  assert other_words.endswith(f'process 1: stopped by SIGTERM; {NOTHING}\n')
  assert status == 1 and 'Traceback' not in words
  assert '(process 1: stopped by SIGTERM' in words.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_preparation_and_its_workers(number, tmp_path):
  """All of them hear a terminal's Ctrl-C, and one alone says something."""
  noise = np.random.default_rng(0).integers(0, 256, (80, 64, 64), np.uint8)
  source = fabricated.write_pickle(tmp_path / 'noise', noise)
  for subject in range(1, 40):
    folder = tmp_path / f'in/{subject:03d}/nm-01/090'
    folder.mkdir(parents=True)
    os.link(source, folder / '090.pkl')
  command = [
    sys.executable,
    'scripts/prepare_silhouettes.py',
    '--dataset=casiab',
    '--workers=2',
    f'--input={tmp_path}/in',
    f'--output={tmp_path}/out',
  ]
  options = {'cwd': small_run.ROOT, 'text': True, 'start_new_session': True}
  process = subprocess.Popen(command, stderr=subprocess.PIPE, **options)
  staged = tmp_path / 'out/casia_b/staging'
  while not list(staged.glob('*.npz')):
    assert process.poll() is None
    time.sleep(0.002)
  os.killpg(process.pid, number)
  status, words = small_run.finish(process)
  assert status == 128 + number
  assert words == (
    f'stopped by {number.name}; the same command goes on where it stopped\n'
  )
  assert subprocess.run(command, **(options | {'text': None})).returncode == 0


def _python(*lines):
  return subprocess.Popen(
    [sys.executable, '-c', '\n'.join(lines)],
    cwd=small_run.ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
