"""A run that is killed, stopped, starved of disk or blown up loses nothing."""

import resource
import signal
import time

import jax
import numpy as np
import pytest
import small_run

from selfgait_jax.configs import synthetic
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing, manifests
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states

# Everything that a resumed run could get wrong: two kinds of steps, windows
# drawn anew, a schedule, a moving target, statistics and momenta.
STAGE = (
  'stages=pretrain',
  'pretrain.objective=joint',
  'pretrain.joint_every=3',
  'pretrain.pairs=same_sequence',
  'pretrain.views_per_batch=0',
  'pretrain.cosine_weight=1.0',
  'pretrain.infonce_weight=1.0',
  'pretrain.target_schedule=cosine',
  'pretrain.steps=24',
  'checkpoint.every_steps=4',
  'log.images_every_steps=0',
)


@pytest.fixture(scope='module')
def whole(packed_file, tmp_path_factory):
  """The work folder of a run that nothing happened to."""
  workdir = tmp_path_factory.mktemp('whole')
  small_run.run(small_run.overrides(packed_file, workdir, *STAGE))
  return workdir


@pytest.mark.slow
def test_killed_run_ends_like_an_uninterrupted_one(
  whole, packed_file, tmp_path
):
  arguments = small_run.overrides(packed_file, tmp_path, *STAGE)
  process = small_run.start(arguments)
  _wait(process, lambda: _steps(tmp_path) and _logged(tmp_path) >= 6)
  process.kill()
  assert small_run.finish(process)[0] == -signal.SIGKILL
  saved = _steps(tmp_path)[-1]
  assert saved < 24
  assert f'goes on after step {saved}' in small_run.run(arguments)
  _assert_same_end(tmp_path, whole)


@pytest.mark.slow
def test_kill_while_a_checkpoint_is_written(whole, packed_file, tmp_path):
  arguments = small_run.overrides(packed_file, tmp_path, *STAGE)
  process = small_run.start(arguments)
  folder = tmp_path / 'pretrain/checkpoints'
  _wait(process, lambda: _steps(tmp_path)[-1:] >= [4])
  _wait(process, lambda: any(folder.glob('*tmp*')))
  process.kill()
  small_run.finish(process)
  # Should the write have won the race, this is what the kill would have left.
  half = folder / f'{_steps(tmp_path)[-1] + 4}.orbax-checkpoint-tmp'
  half.mkdir(exist_ok=True)
  (half / 'variables').mkdir(exist_ok=True)
  complete = _steps(tmp_path)[-1]
  words = small_run.run(arguments)
  assert f'goes on after step {complete}' in words
  assert not list(folder.glob('*tmp*'))
  _assert_same_end(tmp_path, whole)


@pytest.mark.slow
def test_stopped_run_saves_and_keeps_a_second_one_out(
  whole, packed_file, tmp_path
):
  arguments = small_run.overrides(packed_file, tmp_path, *STAGE)
  first = small_run.start(arguments)
  _wait(first, lambda: _logged(tmp_path) >= 1)
  first.send_signal(signal.SIGSTOP)  # so that it lives as long as the second
  status, words = small_run.finish(small_run.start(arguments))
  assert status == 1
  assert words.count('\n') == 1 and words.startswith('error: '), words
  assert 'expected no other run' in words and str(tmp_path) in words
  first.send_signal(signal.SIGCONT)

  first.send_signal(signal.SIGTERM)
  status, words = small_run.finish(first)
  saved = _steps(tmp_path)[-1]
  assert status == 0
  assert f'stopped at step {saved} of 24 and saved' in words
  assert saved < 24
  assert f'goes on after step {saved}' in small_run.run(arguments)
  _assert_same_end(tmp_path, whole)


@pytest.mark.slow
def test_stopped_while_evaluating(whole, packed_file):
  """No step to wait for: it ends at once; the words are in signals_test."""
  arguments = small_run.overrides(packed_file, whole, *STAGE, 'stages=evaluate')
  process = small_run.start(arguments)
  small_run.read_until(process, 'GEI nearest neighbour: ')
  process.send_signal(signal.SIGTERM)
  status, words = small_run.finish(process)
  assert status == 143
  assert words.splitlines()[-1] == (
    'stopped by SIGTERM; nothing new was learnt; give the same command again'
  )
  assert not (whole / 'results.json').exists()


@pytest.mark.slow
def test_full_disk_ends_with_a_sentence(whole, packed_file, tmp_path):
  # Few lines are written, so that the limit meets the checkpoint.
  quiet = (*STAGE, 'log.every_steps=100')
  arguments = small_run.overrides(packed_file, tmp_path, *quiet)
  process = small_run.start(arguments)
  _wait(process, lambda: len(_steps(tmp_path)) >= 1)
  process.kill()
  small_run.finish(process)
  before = _steps(tmp_path)[-1]
  good = _load(tmp_path, before)
  process = small_run.start(arguments)
  # No file of the child grows beyond 16 kB: an error, since Python ignores the
  # signal.
  resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (16_000, 16_000))
  status, words = small_run.finish(process)
  # The library's threads print too when a write fails beneath them.
  last = words.splitlines()[-1]
  assert status == 1
  assert last.startswith('error: expected to write a checkpoint'), words
  assert 'File too large' in last and 'free space' in last
  assert f'/{before})' in last
  assert _steps(tmp_path)[-1] == before
  _assert_equal(_load(tmp_path, before), good)
  small_run.run(small_run.overrides(packed_file, tmp_path, *STAGE))
  _assert_same_end(tmp_path, whole)


@pytest.mark.slow
def test_loss_that_is_not_finite_stops_the_run(packed_file, tmp_path):
  process = small_run.start(
    small_run.overrides(
      packed_file,
      tmp_path,
      'stages=train',
      'train.frames=4',
      'train.batch_subjects=2',
      'train.batch_sequences=4',
      'train.steps=20',
      'train.learning_rate=1e30',
      'train.warmup_steps=2',  # the rate is 0 at the first step
      'checkpoint.every_steps=1',
    )
  )
  status, words = small_run.finish(process)
  last = words.splitlines()[-1]
  assert status == 1
  assert 'Traceback' not in words
  assert last.startswith('error: expected finite numbers at step ')
  assert 'learning_rate' in last
  good = _steps(tmp_path, 'train')[-1]
  assert f'{tmp_path}/train/checkpoints/{good})' in last


def _wait(process, ready):
  """Until `ready()`; the process must live until then."""
  deadline = time.monotonic() + 300
  while not ready():
    if process.poll() is not None:
      raise AssertionError(f'it ended: {process.communicate()[1]}')
    assert time.monotonic() < deadline
    time.sleep(0.001)


def _logged(workdir):
  """Steps in the log so far."""
  path = workdir / 'pretrain/metrics.jsonl'
  return path.read_text().count('\n') if path.exists() else 0


def _steps(workdir, stage='pretrain'):
  """Steps of the complete checkpoints."""
  folder = workdir / stage / 'checkpoints'
  return sorted(int(p.name) for p in folder.glob('*') if p.name.isdigit())


def _load(workdir, step):
  """The state of a checkpoint, as NumPy arrays."""
  config = synthetic.get_config('smoke')
  model = factory.make_model(config.model)
  optimizer = optimizers.make_optimizer(config.pretrain)
  like = jax.eval_shape(
    lambda variables: states.create_state(
      variables, optimizer, model.target_modules
    ),
    factory.variable_shapes(model, config.model.crop_width),
  )
  manifest = manifests.make_manifest(config, 'pretrain')
  checkpoints = checkpointing.Checkpoints(workdir / 'pretrain', manifest, 2)
  assert checkpoints.latest_step() == step
  state = checkpoints.restore(like, sharding.replicated(sharding.make_mesh()))
  checkpoints.close()
  return jax.tree.map(np.asarray, state)


def _assert_equal(found, expected):
  assert jax.tree.structure(found) == jax.tree.structure(expected)
  named = jax.tree.leaves_with_path(expected)
  for (path, a), b in zip(named, jax.tree.leaves(found), strict=True):
    assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), path


def _assert_same_end(workdir, whole):
  """Every tensor of the last state and all that was logged of it."""
  _assert_equal(_load(workdir, 24), _load(whole, 24))
  assert small_run.last_line(workdir / 'pretrain') == small_run.last_line(
    whole / 'pretrain'
  )
