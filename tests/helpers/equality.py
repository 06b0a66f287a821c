"""Runs of ten steps that must end alike, and how they are compared."""

import json

import jax
import numpy as np
import pytest

from selfgait_jax.run import checkpointing, metrics

# Relative to the largest value of a tensor and its siblings, after ten steps
# whose float32 sums differ in order. Statistics or triplets of one device's
# share alone would differ by tenths. The learning rates are small: rounding can
# move a maximum from one pixel to another, which changes the gradient, and at
# larger rates the runs would part from there.
TOLERANCE = 2e-5
LOG_TOLERANCE = {'loss': 5e-5, 'spread': 5e-5, 'gradient_norm': 5e-3}
SGD = ('optimizer=sgd', 'schedule=constant', 'steps=10')
LABEL_FREE = (
  '--config=configs/synthetic.py:smoke',
  'stages=pretrain,evaluate',
  *(f'pretrain.{setting}' for setting in SGD),
  'pretrain.learning_rate=3e-3',
  'pretrain.pairs=same_sequence',
  'pretrain.views_per_batch=0',
  'pretrain.cosine_weight=1.0',
  'log.held_out_every_steps=5',
  'log.held_out_subjects=2',
)
# Pseudo-identities are found before step 1 and after step 5.
DISCOVER = (
  '--config=configs/synthetic.py:smoke',
  'stages=discover,evaluate',
  *(f'discover.{setting}' for setting in SGD),
  'discover.learning_rate=3e-3',
  'discover.relabel_at=(5,)',
)
# Batch normalisation and triplets over all, clips of unequal length.
SUPERVISED = (
  '--config=configs/synthetic.py:gaitbase',
  'stages=train,evaluate',
  'synthetic.train_subjects=4',
  'synthetic.test_subjects=3',
  *(f'train.{setting}' for setting in SGD),
  'train.learning_rate=3e-5',
  'train.batch_subjects=2',
  'train.batch_sequences=4',
  'train.frames_sampling=unfixed',
  'train.frames_min=2',
  'train.frames_max=6',
  'model.widths=(4,4,8,8)',
  'model.embedding_dim=8',
  'model.classes=4',
  'log.every_steps=1',
)


def assert_same(folder, expected, stage):
  """Compares the losses of all steps, and the last weights and statistics."""
  found, wanted = (metrics.read_curves(f / stage) for f in (folder, expected))
  assert [step for step, _ in wanted['loss']] == list(range(1, 11))
  for name, tolerance in LOG_TOLERANCE.items():
    np.testing.assert_allclose(
      found[name], wanted[name], rtol=tolerance, err_msg=name
    )
  if 'held_out/rank1' in wanted:
    assert found['held_out/rank1'] == wanted['held_out/rank1']
  last = f'{stage}/checkpoints/10'
  ours, theirs = (
    checkpointing.load_variables(str(f / last))[0] for f in (folder, expected)
  )
  assert jax.tree.leaves(ours['batch_stats'])
  scales = {}
  for path, value in jax.tree.leaves_with_path(theirs):
    scales[path[:-1]] = max(scales.get(path[:-1], 0), np.abs(value).max())
  named = jax.tree.leaves_with_path(theirs)
  for (path, b), a in zip(named, jax.tree.leaves(ours), strict=True):
    error = np.abs(np.asarray(a) - np.asarray(b)).max() / scales[path[:-1]]
    assert error < TOLERANCE, (jax.tree_util.keystr(path), error)


def assert_same_table(folder, expected):
  found, wanted = (
    json.loads((f / 'results.json').read_text())['rows']
    for f in (folder, expected)
  )
  assert list(found) == list(wanted)
  trained = wanted[list(wanted)[-1]]
  assert 20 < trained['nm/rank1'] < 99  # there is something to get wrong
  for row, values in wanted.items():
    for name, value in values.items():
      near = pytest.approx(value) if isinstance(value, float) else value
      assert found[row][name] == near, (row, name)
