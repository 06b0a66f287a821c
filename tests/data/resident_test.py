"""Frames in device memory give the same batches and runs as other loaders."""

import re
import types

import jax
import jax.numpy as jnp
import numbered
import numpy as np
import pytest
import small_run

from selfgait_jax import errors, losses
from selfgait_jax.configs import default
from selfgait_jax.data import feeds, input_pipeline, resident, sequences, splits
from selfgait_jax.machine import sharding
from selfgait_jax.train import monitor

UNFIXED = dict(frames_sampling='unfixed', frames_min=2, frames_max=24)
BATCH, FRAMES = 12, 6
KINDS = [
  ('two_view', {'pairs': 'same_clip'}),
  ('two_view', {'pairs': 'same_clip', 'negatives': 'same_camera'}),
  ('two_view', {'pairs': 'same_sequence', 'frames_skip': 2}),
  ('predictive', {'pairs': 'synchronised_views', 'views_per_batch': 2}),
  ('joint', {'pairs': 'same_sequence', 'labelled_fraction': 0.5}),
  ('supervised', {}),
  ('supervised', UNFIXED),
  ('supervised', {'frames_sampling': 'all'}),
]


def black_and_white(height=4, width=8):
  """`numbered.sequence_set` with random pixels of 0 and 255."""
  found, rng = numbered.sequence_set(8), np.random.default_rng(0)
  records = (
    (*names, rng.integers(0, 2, (length, height, width), np.uint8) * 255)
    for *names, length in zip(
      found.subjects, found.conditions, found.views, found.lengths, strict=True
    )
  )
  return sequences.from_records(records, found.name)


FOUND = {'bits': black_and_white(), 'bytes': numbered.sequence_set(8)}


def config_for(objective, changes, fraction=0.5):
  config = default.get_config()
  config.data.unlabelled_fraction = fraction
  config.data.unlabelled_by = 'sequence'
  stage = config.pretrain
  stage.objective, stage.frames, stage.joint_every = objective, FRAMES, 2
  stage.batch_subjects, stage.batch_sequences = 4, 3
  stage.update(changes)
  return config


def batches(found, config, loader, first=0, **kwargs):
  config.data.loader = loader
  subset = splits.training_rows(found, config, config.pretrain)
  return list(
    input_pipeline.batches(
      found, subset, config, 'pretrain', first, 4, **kwargs
    )
  )


def make_feed(found, config, loader='device'):
  """The feed of a loader on four devices, and their mesh."""
  config.data.loader = loader
  subset = splits.training_rows(found, config, config.pretrain)
  mesh = sharding.make_mesh(jax.devices()[:4])
  return feeds.make_feed(config, found, subset, mesh), mesh


@pytest.mark.parametrize('kind', FOUND)
@pytest.mark.parametrize('objective, changes', KINDS)
def test_batches_equal_those_of_another_loader(kind, objective, changes):
  config = config_for(objective, changes)
  assert_same_batches(FOUND[kind], config, kind)


def test_reference_windows_equal_those_of_another_loader():
  config = config_for('two_view', {'pairs': 'same_sequence'})
  config.reference.window = True
  assert_same_batches(FOUND['bits'], config, 'bits')


def show(state, batch):
  """A step that learns nothing."""
  return state, {}, batch


def assert_same_batches(found, config, kind):
  feed, mesh = make_feed(found, config)
  look = sharding.compile_step(show, mesh, feed)
  expected = batches(found, config, 'array')
  numbers = batches(found, config, 'device')
  assert len(numbers) == len(expected) == 4
  for batch, clips in zip(numbers, expected, strict=True):
    assert batch.keys() == clips.keys()
    store, _ = placed = feed.place(batch)
    assert store.keys() == {kind}
    _, _, taken = look(0, placed)
    for name, array in clips.items():
      np.testing.assert_array_equal(taken[name], array)
      assert taken[name].dtype == array.dtype
      assert taken[name].sharding == sharding.batch_sharded(mesh)
    if 'mask' in clips:
      assert not clips['clip'][~clips['mask']].any()


def test_hosts_share_a_batch_and_a_restart_changes_nothing():
  config = config_for('supervised', UNFIXED)
  whole = batches(FOUND['bits'], config, 'device')
  later = batches(FOUND['bits'], config, 'device', first=2)
  jax.tree.map(np.testing.assert_array_equal, whole[2:], later)
  parts = [
    batches(FOUND['bits'], config, 'device', process_slice=(i, 4))
    for i in range(4)
  ]
  joined = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
  jax.tree.map(np.testing.assert_array_equal, whole, joined)


def test_only_the_frames_of_the_stage_are_held():
  found = FOUND['bytes']
  half = config_for('two_view', {})
  subset = splits.training_rows(found, half, half.pretrain)
  frames = resident.pack(found, subset)['bytes']
  lengths = found.lengths[subset.unlabelled]
  assert len(frames) == lengths.sum() < 0.7 * len(found.frames)
  everything = config_for('two_view', {}, fraction=1.0)
  subset = splits.training_rows(found, everything, everything.pretrain)
  frames = resident.pack(found, subset)['bytes']
  assert np.shares_memory(frames, found.frames) and len(frames) == len(
    found.frames
  )


@pytest.mark.parametrize('pixel', [1, 254])
def test_one_grey_pixel_is_kept(pixel):
  found = black_and_white()
  found.frames[-1, 0, 0] = pixel
  config = config_for('two_view', {}, fraction=1.0)
  assert_same_batches(found, config, 'bytes')


@pytest.mark.parametrize('kind', FOUND)
def test_each_device_takes_its_own_part(kind):
  """No device needs the whole batch, or anything from another device."""
  found, config = black_and_white(64, 64), config_for('two_view', {})
  if kind == 'bytes':
    found.frames[::2] //= 2
  feed, mesh = make_feed(found, config)
  batch = feed.place(batches(found, config, 'device')[0])
  program = sharding.compile_step(show, mesh, feed).lower(0, batch).compile()
  assert not re.search(r' (all|collective|reduce)-[\w-]+\(', program.as_text())
  size = program.memory_analysis()
  own = 2 * BATCH // 4 * FRAMES * 64 * 64
  assert size.output_size_in_bytes < 1.01 * own
  assert size.temp_size_in_bytes < 0.5 * own


def test_steps_learn_the_same_from_clips_taken_or_brought():
  """To the last digit; the compiler does not promise that by itself."""
  found, config = (
    FOUND['bits'],
    config_for('two_view', {'pairs': 'same_sequence'}),
  )
  ends = []
  for loader in ('array', 'device'):
    feed, mesh = make_feed(found, config, loader)
    step = sharding.compile_step(learn, mesh, feed)
    weights = np.random.default_rng(0).normal(size=(4, 8, 5))
    state = sharding.replicate(weights.astype(np.float32), mesh)
    for batch in batches(found, config, loader):
      placed = feed.place(batch)
      state, metrics, _ = jax.block_until_ready(step(state, placed))
    ends.append((state, metrics))
  jax.tree.map(np.testing.assert_array_equal, *ends)


def learn(weights, batch):
  """A contrastive step on two views; a part is a row of pixels."""

  def loss_fn(weights):
    first, second = (
      jnp.einsum('btpn,pnd->bpd', batch[name] / 255, weights)
      for name in ('clip_1', 'clip_2')
    )
    forth, _ = losses.infonce_loss(first, second, 0.1)
    back, _ = losses.infonce_loss(second, first, 0.1)
    return forth + back, first

  (loss, first), grads = jax.value_and_grad(loss_fn, has_aux=True)(weights)
  return weights - 0.1 * grads, {'loss': loss}, first


def test_too_large_for_the_devices():
  device = types.SimpleNamespace(
    memory_stats=lambda: {'bytes_limit': 5 * 10**9, 'bytes_in_use': 10**9}
  )
  mesh = types.SimpleNamespace(local_devices=[device])
  frames = np.broadcast_to(np.uint8(0), (2001, 1000, 1000))
  words = r'at most 2.00 GB, 50% .*found 2.00 GB; change config.data.loader'
  with pytest.raises(errors.UserError, match=words):
    sharding.hold({'bytes': frames}, mesh)


def test_pictures_are_of_clips_alone():
  config = config_for('two_view', {'negatives': 'same_camera'})
  batch, *_ = batches(FOUND['bits'], config, 'array')
  feed, _ = make_feed(FOUND['bits'], config, 'array')
  assert 'camera_1' in batch
  assert set(monitor._pictures(batch, feed)) == {'clip_1'}
  assert monitor._count_frames(batch) == 2 * BATCH * FRAMES


def test_logged_pictures_and_frame_counts_are_the_same():
  config = config_for('supervised', UNFIXED)
  found = FOUND['bits']
  (clips, *_), (numbers, *_) = (
    batches(found, config, loader) for loader in ('array', 'device')
  )
  expected, pictures = (
    monitor._pictures(clips, make_feed(found, config, 'array')[0]),
    monitor._pictures(numbers, make_feed(found, config, 'device')[0]),
  )
  jax.tree.map(np.testing.assert_array_equal, expected, pictures)
  assert expected['clip'].any()
  del clips['mask'], numbers['mask']
  assert monitor._count_frames(clips) == monitor._count_frames(numbers)


@pytest.mark.slow
@pytest.mark.parametrize(
  'loaders, stages',
  [
    (('array', 'device'), ('pretrain',)),
    (('array', 'device', 'tfdata'), ('pretrain', 'finetune')),
  ],
)
def test_runs_measure_the_same_whoever_loads(
  loaders, stages, packed_file, tmp_path
):
  """To the last digit; the loss is logged at every step."""
  curves = []
  for loader in loaders:
    arguments = small_run.overrides(
      packed_file,
      tmp_path / loader,
      f'stages={",".join(stages)}',
      f'data.loader={loader}',
      'log.images_every_steps=2',
    )
    small_run.run(arguments, tensorflow=loader == 'tfdata')
    folder = tmp_path / loader
    curves.append([small_run.lines(folder / stage) for stage in stages])
  assert [len(lines) for lines in curves[0]] == [4] * len(stages)
  assert all(found == curves[0] for found in curves)
