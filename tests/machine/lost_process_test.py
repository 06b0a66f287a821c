"""One run of two processes that loses one, is kept out, or waits for one."""

import signal
import time

import pytest
import small_run
import together

from selfgait_jax.machine import lockstep, processes

SETTINGS = (
  'stages=pretrain',
  'pretrain.optimizer=sgd',
  'pretrain.learning_rate=3e-3',
  'pretrain.steps=40',
  'checkpoint.every_steps=4',
  'log.images_every_steps=0',
)


@pytest.fixture(scope='module')
def whole(packed_file, tmp_path_factory):
  """The work folder of a run that nothing happened to."""
  workdir = tmp_path_factory.mktemp('whole')
  together.run(small_run.overrides(packed_file, workdir, *SETTINGS))
  return workdir


@pytest.mark.slow
@pytest.mark.parametrize('killed', [0, 1])
def test_one_is_killed(killed, whole, packed_file, tmp_path):
  """The other one says so in time; both go on from the last checkpoint."""
  arguments = small_run.overrides(packed_file, tmp_path, *SETTINGS)
  both = together.start(arguments)
  together.wait_until(lambda: together.logged(tmp_path) >= 6, both)
  both[killed].kill()
  start = time.monotonic()
  both[1 - killed].wait(timeout=400)
  assert time.monotonic() - start < _longest()
  ends = together.finish(both)
  assert ends[killed][0] == -signal.SIGKILL
  _assert_says_one_is_lost(ends[1 - killed])
  saved = together.saved(tmp_path)[-1]
  words = together.run(arguments)
  assert f'goes on after step {saved}' in words[0]
  _assert_same_end(tmp_path, whole)


@pytest.mark.slow
def test_one_falls_silent(packed_file, tmp_path):
  """No connection is closed, as when a machine loses its network."""
  arguments = small_run.overrides(packed_file, tmp_path, *SETTINGS)
  both = together.start(arguments)
  together.wait_until(lambda: together.logged(tmp_path) >= 6, both)
  both[1].send_signal(signal.SIGSTOP)
  start = time.monotonic()
  both[0].wait(timeout=400)
  assert time.monotonic() - start < _longest()
  both[1].kill()
  _assert_says_one_is_lost(together.finish(both)[0])


@pytest.mark.slow
def test_kill_while_a_checkpoint_is_written(whole, packed_file, tmp_path):
  arguments = small_run.overrides(packed_file, tmp_path, *SETTINGS)
  both = together.start(arguments)
  folder = tmp_path / 'pretrain/checkpoints'
  together.wait_until(lambda: together.saved(tmp_path)[-1:] >= [4], both)
  together.wait_until(lambda: any(folder.glob('*tmp*')), both)
  for process in both:
    process.kill()
  together.finish(both)
  # Should the write have won the race, this is what the kill would have left.
  half = folder / f'{together.saved(tmp_path)[-1] + 4}.orbax-checkpoint-tmp'
  (half / 'variables').mkdir(parents=True, exist_ok=True)
  complete = together.saved(tmp_path)[-1]
  words = together.run(arguments)
  assert f'goes on after step {complete}' in words[0]
  assert not list(folder.glob('*tmp*'))
  _assert_same_end(tmp_path, whole)


@pytest.mark.slow
def test_all_are_stopped(whole, packed_file, tmp_path):
  """As when a cluster takes its machines back."""
  arguments = small_run.overrides(packed_file, tmp_path, *SETTINGS)
  both = together.start(arguments)
  together.wait_until(lambda: together.logged(tmp_path) >= 2, both)
  for process in both:
    process.send_signal(signal.SIGTERM)
  (status, words), (other_status, _) = together.finish(both)
  assert (status, other_status) == (0, 0)
  logged, saved = together.logged(tmp_path), together.saved(tmp_path)[-1]
  assert logged == saved < 40  # no step was taken that is not saved
  assert f'stopped at step {saved} of 40 and saved' in words
  assert f'goes on after step {saved}' in together.run(arguments)[0]
  _assert_same_end(tmp_path, whole)


@pytest.mark.slow
def test_slow_one_is_named_and_a_second_run_kept_out(packed_file, tmp_path):
  settings = (*SETTINGS, 'pretrain.steps=4000')
  arguments = small_run.overrides(packed_file, tmp_path, *settings)
  both = together.start(arguments)
  together.wait_until(lambda: together.logged(tmp_path) >= 3, both)

  for status, words in together.finish(together.start(arguments)):
    assert status == 1
    assert words.count('\n') == 1 and words.startswith('error: '), words
    assert 'expected no other run' in words and str(tmp_path) in words

  before = together.logged(tmp_path)
  both[1].send_signal(signal.SIGSTOP)
  time.sleep(lockstep.STALL_SECONDS + 2)
  both[1].send_signal(signal.SIGCONT)
  together.wait_until(lambda: together.logged(tmp_path) >= before + 6, both)
  for process in both:
    process.send_signal(signal.SIGTERM)
  (status, words), _ = together.finish(both)
  assert status == 0, words
  (line,) = [x for x in words.splitlines() if 'made the others wait' in x]
  assert 'WARNING' in line and 'process 1 on' in line
  seconds = float(line.split('wait for ')[1].split(' s')[0])
  assert lockstep.STALL_SECONDS < seconds < lockstep.STALL_SECONDS + 5


@pytest.mark.slow
def test_one_that_fails_ends_both(packed_file, tmp_path):
  """Nobody waits for a process that gave up."""
  arguments = small_run.overrides(packed_file, tmp_path, *SETTINGS)
  both = together.start(arguments)
  together.wait_until(lambda: together.logged(tmp_path) >= 2, both)
  (tmp_path / 'pretrain/checkpoints').rename(tmp_path / 'elsewhere')
  (tmp_path / 'pretrain/checkpoints').write_text('in the way')
  for status, words in together.finish(both):
    assert status == 1
    assert words.splitlines()[-1].startswith('error: '), words


@pytest.mark.slow
def test_batch_that_they_cannot_share(packed_file, tmp_path):
  """Of the last stage, but said before the first."""
  settings = ('stages=pretrain,finetune', 'finetune.batch_subjects=3')
  settings += ('finetune.batch_sequences=3',)
  arguments = small_run.overrides(packed_file, tmp_path, *settings)
  ends = together.finish(together.start(arguments))
  for status, words in ends:
    assert status == 1
    line = words.splitlines()[-1]
    assert 'expected a batch divisible by the 2 devices, found 9' in line
    assert 'config.finetune.batch_subjects' in line
  assert not (tmp_path / 'pretrain').exists()


def _longest():
  """Seconds in which the others end, and a machine's hesitation."""
  return processes.SILENT_SECONDS + processes.LEAVE_SECONDS + 15


def _assert_says_one_is_lost(end):
  """In a sentence of this program or, where JAX aborts first, of JAX."""
  status, words = end
  if status == -signal.SIGABRT:
    assert 'another task died' in words
    return
  assert status == 1, words
  last = words.splitlines()[-1]
  assert last.startswith('error: ') and 'expected all 2 processes' in last
  assert 'start all of them again with the same command' in last
  assert 'Traceback' not in words


def _assert_same_end(workdir, whole):
  ours, theirs = (small_run.last_line(f / 'pretrain') for f in (workdir, whole))
  assert ours == theirs
