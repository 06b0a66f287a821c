"""Evaluation batches have every sequence once, with little padding."""

import dataclasses
import itertools

import numbered
import numpy as np
import pytest

from selfgait_jax.data import evaluation_batches

FOUND = numbered.sequence_set(8)


@pytest.mark.parametrize('batch_frames', [1, 64, 300, 10**6])
@pytest.mark.parametrize('divisor', [1, 4])
@pytest.mark.parametrize('max_frames', [720, 25])
def test_evaluation_sees_each_frame_once(batch_frames, divisor, max_frames):
  rows = np.random.default_rng(0).permutation(len(FOUND))[:70]
  seen, shapes = [], set()
  for batch in evaluation_batches.evaluation_batches(
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
  assert len(shapes) <= evaluation_batches.MAX_BUCKETS


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
    for batch in evaluation_batches.evaluation_batches(
      found, np.arange(len(lengths)), max_frames=720, batch_frames=2048
    )
  )
  assert padded < 1.15 * lengths.sum()


def test_bucket_lengths_pad_least():
  """As good as the best of all choices, tried one by one."""
  rng = np.random.default_rng(0)
  for count, high in itertools.product((1, 5, 40), (2, 8, 10)):
    lengths = rng.integers(1, high, count)
    found = evaluation_batches.bucket_lengths(lengths)
    sizes = np.unique(lengths)
    number = min(evaluation_batches.MAX_BUCKETS, len(sizes))
    others = itertools.combinations(sizes[:-1], number - 1)
    padded = lambda buckets, lengths=lengths: sum(
      min(b for b in buckets if b >= n) for n in lengths
    )
    assert set(found) <= set(sizes) and (np.diff(found) > 0).all()
    assert len(found) <= number
    assert padded(found) == min(padded([*o, sizes[-1]]) for o in others)
  assert not len(evaluation_batches.bucket_lengths(np.arange(0)))
