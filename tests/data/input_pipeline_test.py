"""Training batches are functions of (seed, step), whoever makes them."""

import numbered
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.configs import default
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
    ('joint', 'synchronised_views', {'negatives': 'same_camera'}),
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


@pytest.mark.parametrize(
  'pairs', ['same_clip', 'same_sequence', 'synchronised_views']
)
def test_cameras_are_those_of_the_clips(pairs):
  config = config_for(pairs=pairs)
  config.data.loader = 'array'
  config.data.unlabelled_fraction = 0.5
  plain = batches(config)
  config.pretrain.negatives = 'same_camera'
  found = batches(config)
  _, cameras = np.unique(FOUND.views, return_inverse=True)
  for batch in found:
    for clip, camera in (('clip_1', 'camera_1'), ('clip_2', 'camera_2')):
      rows = numbered.rows_of(FOUND, batch.get(clip, batch['clip_1']))
      np.testing.assert_array_equal(batch[camera], cameras[rows])
    differ = batch['camera_1'] != batch['camera_2']
    assert differ.all() if pairs == 'synchronised_views' else not differ.any()
    assert (
      batch.pop('camera_1').dtype == batch.pop('camera_2').dtype == np.int32
    )
  assert_same(found, plain)


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
  [
    ('two_view', {'negatives': 'same_camera'}),
    ('supervised', {}),
    ('supervised', UNFIXED),
  ],
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
