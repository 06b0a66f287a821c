"""Batches are functions of (seed, step); evaluation sees all, once."""

import dataclasses
import itertools
import subprocess
import sys
import textwrap
import time

import numbered
import numpy as np
import pytest

from configs import default
from selfgait_jax import errors
from selfgait_jax.data import input_pipeline, splits

FOUND = numbered.sequence_set(8)
BATCH = 12


def config_for(objective='two_view', pairs='same_sequence', **changes):
  config = default.get_config()
  stage = config.pretrain
  stage.objective, stage.pairs = objective, pairs
  stage.batch_subjects, stage.batch_sequences, stage.frames = 4, 3, 6
  stage.joint_every = 3
  stage.update(changes)
  return config


def batches(config, first=0, last=6, **kwargs):
  subset = splits.training_rows(FOUND, config, config.pretrain)
  return list(
    input_pipeline.batches(
      FOUND, subset, config, 'pretrain', first, last, **kwargs
    )
  )


def assert_same(ones, others):
  assert len(ones) == len(others)
  for one, other in zip(ones, others, strict=True):
    assert one.keys() == other.keys()
    for name in one:
      np.testing.assert_array_equal(one[name], other[name])
      assert one[name].dtype == other[name].dtype


UNFIXED = dict(frames_sampling='unfixed', frames_min=2, frames_max=24)


@pytest.mark.parametrize(
  ('objective', 'pairs', 'changes'),
  [
    ('two_view', 'same_clip', {}),
    ('joint', 'synchronised_views', {}),
    ('supervised', 'same_clip', UNFIXED),
  ],
)
def test_workers_loader_and_restart_change_nothing(objective, pairs, changes):
  config = config_for(objective, pairs, **changes)
  config.data.loader, config.data.workers = 'array', 1
  expected = batches(config)
  assert_same(expected[4:], batches(config, first=4))
  for config.data.loader, config.data.workers in [
    ('array', 4),
    ('tfdata', 1),
    ('tfdata', 4),
  ]:
    assert_same(expected, batches(config))
    assert_same(expected[4:], batches(config, first=4))


def test_batches_differ_by_step_seed_and_stage():
  config = config_for()
  config.data.loader = 'array'
  found = batches(config)
  config.seed = 1
  found += batches(config)
  config.train = config.pretrain.copy_and_resolve_references()
  subset = splits.training_rows(FOUND, config, config.train)
  found += input_pipeline.batches(FOUND, subset, config, 'train', 0, 6)
  assert len({batch['clip_1'].tobytes() for batch in found}) == 18


def test_clips_are_contiguous_windows_of_one_sequence():
  config = config_for()
  config.data.loader = 'array'
  moved = 0
  for batch in batches(config):
    assert batch['clip_1'].shape == (BATCH, 6, 2, 2)
    assert batch['clip_1'].flags.c_contiguous
    rows = numbered.rows_of(FOUND, batch['clip_1'])
    np.testing.assert_array_equal(
      rows, numbered.rows_of(FOUND, batch['clip_2'])
    )
    for name in 'clip_1', 'clip_2':
      offsets = numbered.frame_numbers(batch[name]) - FOUND.starts[rows, None]
      expected = offsets[:, :1] + np.arange(6)
      np.testing.assert_array_equal(
        offsets, expected % FOUND.lengths[rows, None]
      )
    moved += (batch['clip_1'] != batch['clip_2']).any(axis=(1, 2, 3)).sum()
  assert moved > 3 * BATCH


def test_joint_stage_takes_labelled_steps_from_its_labelled_share():
  config = config_for('joint', labelled_fraction=0.5)
  config.data.loader = 'array'
  subset = splits.training_rows(FOUND, config, config.pretrain)
  found = batches(config, last=12)
  kinds = ['label' in batch for batch in found]
  assert kinds == [True, False, False] * 4
  for batch in found[::3]:
    rows = numbered.rows_of(FOUND, batch['clip'])
    assert set(rows) <= set(subset.labelled)
    subjects = np.unique(FOUND.subjects[subset.labelled])
    np.testing.assert_array_equal(
      subjects[batch['label']], FOUND.subjects[rows]
    )


def test_label_free_steps_stay_in_the_unlabelled_share():
  config = config_for()
  config.data.loader, config.data.unlabelled_fraction = 'array', 0.5
  subset = splits.training_rows(FOUND, config, config.pretrain)
  seen = [numbered.rows_of(FOUND, b['clip_1']) for b in batches(config)]
  assert set(np.concatenate(seen)) <= set(subset.unlabelled)


def test_reference_window_is_fixed_for_the_run():
  config = config_for()
  config.data.loader, config.reference.window = 'array', True
  starts = {}
  for batch in batches(config, last=20):
    np.testing.assert_array_equal(batch['clip_1'], batch['clip_2'])
    rows = numbered.rows_of(FOUND, batch['clip_1'])
    numbers = numbered.frame_numbers(batch['clip_1'])[:, 0]
    for row, number in zip(rows, numbers, strict=True):
      assert starts.setdefault(row, number) == number
  assert len(starts) > 80


@pytest.mark.parametrize(
  'objective, changes',
  [('two_view', {}), ('supervised', {}), ('supervised', UNFIXED)],
)
def test_hosts_share_a_batch(objective, changes):
  config = config_for(objective, **changes)
  config.data.loader = 'array'
  whole = batches(config)
  parts = [batches(config, process_slice=(i, 4)) for i in range(4)]
  joined = [
    {k: np.concatenate([p[k] for p in step]) for k in step[0]}
    for step in zip(*parts, strict=True)
  ]
  assert_same(whole, joined)
  assert len(parts[0][0].popitem()[1]) == BATCH // 4
  with pytest.raises(errors.UserError, match='5 hosts, found 12'):
    batches(config, process_slice=(0, 5))


@pytest.mark.parametrize('sampling', ['unfixed', 'all'])
def test_clips_of_unequal_length_end_in_zeros(sampling):
  config = config_for(
    'supervised', frames_sampling=sampling, frames_min=2, frames_max=24
  )
  config.data.loader = 'array'
  shapes = set()
  for batch in batches(config, last=20):
    clip, mask = batch['clip'], batch['mask']
    assert clip.shape[:2] == mask.shape and mask.dtype == bool
    shapes.add(clip.shape[1])
    counts = mask.sum(axis=1)
    np.testing.assert_array_equal(
      mask, np.arange(len(mask[0])) < counts[:, None]
    )
    assert not clip[~mask].any()
    rows = numbered.rows_of(FOUND, clip)
    np.testing.assert_array_equal(FOUND.labels[rows], batch['label'])
    for frames, row, count in zip(clip, rows, counts, strict=True):
      offsets = numbered.frame_numbers(frames[:count]) - FOUND.starts[row]
      expected = (offsets[0] + np.arange(count)) % FOUND.lengths[row]
      np.testing.assert_array_equal(offsets, expected)
      if sampling == 'all':
        assert count == FOUND.lengths[row] and offsets[0] == 0
  longest = FOUND.lengths.max()
  expected = {10, 20, 24} if sampling == 'unfixed' else {10, 20, 30, longest}
  assert shapes <= expected and (sampling == 'all' or len(shapes) > 1)


def test_interval_longer_than_any_sequence_is_refused():
  longest = FOUND.lengths.max()
  batches(config_for('supervised', interval_max=int(longest) - 1), last=1)
  with pytest.raises(errors.UserError, match=f'at most {longest} frames'):
    batches(config_for('supervised', interval_max=int(longest)))


def test_synchronised_views_need_two_cameras():
  config = config_for(pairs='synchronised_views')
  found = numbered.sequence_set(8, views=1)
  subset = splits.training_rows(found, config, config.pretrain)
  with pytest.raises(errors.UserError, match='pretrain.pairs'):
    input_pipeline.batches(found, subset, config, 'pretrain', 0, 1)


def test_unknown_loader_is_named():
  config = config_for()
  config.data.loader = 'grain'
  with pytest.raises(errors.UserError, match="'grain'; change .*data.loader"):
    batches(config)


@pytest.mark.parametrize('loader', ['array', 'tfdata'])
def test_batches_come_in_order_whichever_is_ready_first(loader, monkeypatch):
  """Workers that are late with some steps do not change the order."""

  def late(step):
    time.sleep(0.02 * (step % 3 == 0))
    return {'label': np.full(1, step, np.int32)}

  monkeypatch.setattr(input_pipeline, 'batch_function', lambda *_: late)
  config = config_for()
  config.data.loader, config.data.workers = loader, 4
  found = [batch['label'][0] for batch in batches(config, last=20)]
  assert found == list(range(20))


def test_abandoned_array_loader_lets_the_process_end():
  """In a fresh process, where importing TensorFlow fails."""
  run_abandoned('array', "sys.modules['tensorflow'] = None")


def test_abandoned_tfdata_loader_lets_the_process_end():
  run_abandoned('tfdata', '')


def run_abandoned(loader, first):
  """Ends a process with batches under way, as a run that fails does."""
  program = f"""
    import sys, time
    {first}
    sys.path[:0] = {sys.path!r}
    import input_pipeline_test as test
    def slow(step):
      time.sleep(0.03)
      return {{'label': test.np.zeros(1, test.np.int32)}}
    test.input_pipeline.batch_function = lambda *_: slow
    config = test.config_for()
    config.data.loader = {loader!r}
    batches = test.input_pipeline.batches(
      None, None, config, 'pretrain', 0, 10**9)
    next(batches)
    raise SystemExit(7)
  """
  command = [sys.executable, '-c', textwrap.dedent(program)]
  done = subprocess.run(command, timeout=60, stderr=subprocess.PIPE)
  assert done.returncode == 7, done.stderr.decode()


@pytest.mark.parametrize('batch_frames', [1, 64, 300, 10**6])
@pytest.mark.parametrize('divisor', [1, 4])
@pytest.mark.parametrize('max_frames', [720, 25])
def test_evaluation_sees_each_frame_once(batch_frames, divisor, max_frames):
  rows = np.random.default_rng(0).permutation(len(FOUND))[:70]
  seen, shapes = [], set()
  for batch in input_pipeline.evaluation_batches(
    FOUND,
    rows,
    max_frames=max_frames,
    batch_frames=batch_frames,
    divisor=divisor,
  ):
    frames, mask = batch['frames'], batch['mask']
    shapes.add(frames.shape)
    assert len(frames) == len(mask) == len(batch['rows'])
    assert len(frames) % divisor == 0
    assert frames[..., 0, 0].size <= max(batch_frames, divisor * mask.shape[1])
    assert not frames[~mask].any()
    for row, clip, real in zip(batch['rows'], frames, mask, strict=True):
      if row < 0:
        assert not real.any()
        continue
      seen.append(row)
      np.testing.assert_array_equal(clip[real], FOUND[row][:max_frames])
      assert real[: real.sum()].all()
  assert sorted(seen) == sorted(rows)
  assert len(shapes) == len({shape[1] for shape in shapes})
  assert len(shapes) <= input_pipeline.MAX_BUCKETS


@pytest.mark.parametrize('outliers', [[], [1, 2, 5, 700]])
def test_evaluation_wastes_little(outliers):
  """Padded frames beside real ones, for lengths like CASIA-B's."""
  rng = np.random.default_rng(0)
  lengths = np.concatenate([rng.normal(80, 15, 3000), outliers]).astype(int)
  found = dataclasses.replace(
    FOUND,
    frames=np.zeros((lengths.sum(), 2, 2), np.uint8),
    starts=np.cumsum(lengths) - lengths,
    lengths=lengths,
  )
  padded = sum(
    batch['mask'].size
    for batch in input_pipeline.evaluation_batches(
      found, np.arange(len(lengths)), max_frames=720, batch_frames=2048
    )
  )
  assert padded < 1.15 * lengths.sum()


def test_bucket_lengths_pad_least():
  """As good as the best of all choices, tried one by one."""
  rng = np.random.default_rng(0)
  for count, high in itertools.product((1, 5, 40), (2, 8, 10)):
    lengths = rng.integers(1, high, count)
    found = input_pipeline.bucket_lengths(lengths)
    sizes = np.unique(lengths)
    number = min(input_pipeline.MAX_BUCKETS, len(sizes))
    others = itertools.combinations(sizes[:-1], number - 1)
    padded = lambda buckets, lengths=lengths: sum(
      min(b for b in buckets if b >= n) for n in lengths
    )
    assert set(found) <= set(sizes) and (np.diff(found) > 0).all()
    assert len(found) <= number
    assert padded(found) == min(padded([*o, sizes[-1]]) for o in others)
  assert not len(input_pipeline.bucket_lengths(np.arange(0)))
