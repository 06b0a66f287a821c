"""Frozen classifiers and the gait energy image."""

import numpy as np
import pytest

from selfgait_jax import errors, protocols
from selfgait_jax.data import sequences
from selfgait_jax.discover import gei
from selfgait_jax.evaluate import frozen


def clusters(seed, count, spread=0.3):
  """Points around five centres, [N, 3, 4], and the names of the centres."""
  rng = np.random.default_rng(seed)
  names = np.array(['eve', 'ann', 'bob', 'dan', 'cid'])
  centres = np.random.default_rng(9).standard_normal((5, 3, 4))
  labels = rng.integers(0, 5, count)
  noise = spread * rng.standard_normal((count, 3, 4))
  return np.float32(centres[labels] + noise), names[labels]


def knn(train, labels, test, others):
  """Top-1, in percent."""
  return 100 * np.mean(frozen.predict_knn(train, labels, test) == others)


def linear(train, labels, test, others, **settings):
  """Top-1 on the test set, in percent."""
  found = frozen.predict_linear(train, labels, test, **settings)
  return 100 * np.mean(found == others)


def test_both_classifiers_find_separate_classes():
  train, test = clusters(0, 100), clusters(1, 60)
  assert knn(*train, *test) == 100
  assert linear(*train, *train) == linear(*train, *test) == 100


def test_both_classifiers_are_at_chance_without_classes():
  (train, labels), (test, others) = clusters(0, 200, 50), clusters(1, 200, 50)
  assert knn(train, labels, test, others) < 40
  assert linear(train, labels, test, others) < 40


def test_knn_votes_by_cosine_and_weight():
  # Two far neighbours of class 1 against a near one of class 0, whose length
  # does not matter.
  angles = np.deg2rad([5, 40, 41])
  train = np.stack([np.cos(angles), np.sin(angles)], 1)[:, None]
  train[0] *= 100
  test = np.array([[[1.0, 0.0]]])
  vote = lambda t: frozen.predict_knn(train, [0, 1, 1], test, 3, t)[0]
  assert vote(0.07) == 0
  assert vote(10.0) == 1
  assert frozen.predict_knn(train, [0, 1, 1], test, k=50)[0] == 0


def test_linear_does_not_depend_on_scale_and_offset_of_features():
  train, test = clusters(0, 60, 1.0), clusters(1, 60, 1.0)
  scale = np.float32(10.0 ** np.arange(-2, 2))
  moved = lambda data: (data[0] * scale + 3, data[1])
  assert linear(*train, *test) == pytest.approx(
    linear(*moved(train), *moved(test)), abs=2
  )


def test_linear_finds_the_optimum():
  # At the minimum the gradient vanishes: more steps change nothing.
  train, test = clusters(0, 80, 1.5), clusters(1, 80, 1.5)
  assert linear(*train, *test, steps=300) == pytest.approx(
    linear(*train, *test, steps=900), abs=2
  )


def test_a_feature_that_hardly_varies_in_training_is_harmless():
  (train, labels), (test, others) = clusters(0, 60), clusters(1, 60)
  train[:, 0, 0], test[:, 0, 0] = 1e-6 * train[:, 0, 0], 1
  assert linear(train, labels, test, others) > 95


def walkers():
  """Two subjects of one rectangle each, in the CASIA-B layout."""
  casiab = protocols.PROTOCOLS['casiab']
  conditions = [*casiab.gallery, *sum(casiab.probes.values(), ())]
  records = []
  for subject, width in (('075', 2), ('076', 5)):
    for condition in conditions:
      for view in ('000', '090'):
        clip = np.zeros((3, 8, 8), np.uint8)
        clip[:, 1:7, 1 : 1 + width] = 255
        clip[0, 0] = 255  # in one frame of three
        records.append((subject, condition, view, clip))
  return sequences.from_records(records, 'rectangles')


def test_gei_is_the_mean_silhouette_and_can_be_evaluated():
  data = walkers()
  images = gei.embed(data, max_frames=10)
  assert images.shape == (len(data), 1, 64)
  assert images.dtype == np.float32
  image = images[0, 0].reshape(8, 8)
  np.testing.assert_allclose(image[0], 1 / 3, rtol=1e-6)
  np.testing.assert_array_equal(image[1:7, 1:3], 1)
  np.testing.assert_array_equal(image[7], 0)
  result = protocols.evaluate(
    'casiab', images, data.subjects, data.conditions, data.views
  )
  assert result['metrics']['cl/rank1'] == 100


def test_gei_takes_the_first_frames():
  image = gei.embed(walkers(), max_frames=2)[0, 0].reshape(8, 8)
  np.testing.assert_array_equal(image[0], 1 / 2)
  np.testing.assert_array_equal(image[1:7, 1:3], 1)


def test_top1_splits_by_condition():
  data = walkers()
  images = gei.embed(data, max_frames=10)
  swapped = data.conditions == 'bg-01'  # wears the other's outline
  images[swapped] = images[swapped][::-1]
  found = frozen.top1(images, data)
  assert found == {
    'frozen_linear_train': 100,
    'nm/frozen_linear': 100,
    'nm/frozen_knn': 100,
    'bg/frozen_linear': 50,
    'bg/frozen_knn': 50,
    'cl/frozen_linear': 100,
    'cl/frozen_knn': 100,
  }
  with pytest.raises(errors.UserError, match='linear_probe off'):
    frozen.top1(images, data, 'oumvlp')
