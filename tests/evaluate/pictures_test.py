"""What the pictures are made of agrees with the protocols and plain loops."""

import finished_run
import numpy as np
import pytest

from selfgait_jax import protocols
from selfgait_jax.configs import synthetic
from selfgait_jax.data import sequences
from selfgait_jax.evaluate import (
  contributions,
  embedding_map,
  matching,
  pictures,
  sample,
  strips,
)
from selfgait_jax.protocols import logistic
from selfgait_jax.run import picture_data

LISTED = {'gait3d': {'probes': ['075-a-1-000', '076-b-1-018', '077-a-2-090']}}
PROTOCOLS = sorted(protocols.PROTOCOLS)


def test_side(protocol='casiab', people=5, noise=1.0, parts=2):
  """(sequences, embeddings)."""
  subjects, conditions, views = finished_run.test_side(protocol, people)
  rng = np.random.default_rng(0)
  keys = zip(subjects, conditions, views, strict=True)
  frames = lambda: rng.integers(0, 2, (4, 64, 64)).astype(np.uint8) * 255
  found = sequences.from_records(
    ((s, c, v, frames()) for s, c, v in keys), 'synthetic_gait'
  )
  return found, finished_run.embeddings(subjects, noise, parts=parts)


test_side.__test__ = False


def draw(found, protocol='casiab'):
  return sample.draw(protocol, found, 0, LISTED.get(protocol, {}))


def pairs_of(drawn, embedded):
  return {g: drawn.pairs(embedded, g, 'euclidean') for g in drawn.groups}


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_a_whole_sample_has_the_rates_of_the_protocol(protocol):
  found, embedded = test_side(protocol)
  drawn = draw(found, protocol)
  names = found.subjects, found.conditions, found.views
  expected = protocols.evaluate(
    protocol, embedded, *names, **LISTED.get(protocol, {})
  )['metrics']
  pairs = pairs_of(drawn, embedded)
  rates = matching.distances(drawn, pairs)
  groups = [key.split('/')[0] for key in expected if key.endswith('/rank1')]
  assert list(drawn.groups) == groups
  for i, group in enumerate(groups):
    np.testing.assert_allclose(
      rates['equal_error'][i], expected[f'{group}/eer'], atol=0.3
    )
    rank1 = drawn.rank1(pairs[group][0], group)
    # The protocol weighs views alike, the sample weighs probes alike.
    assert abs(rank1 - expected[f'{group}/rank1']) < 6, group


def test_the_threshold_makes_both_errors_equal():
  found, embedded = test_side(people=8)
  drawn = draw(found)
  pairs = pairs_of(drawn, embedded)
  rates = matching.distances(drawn, pairs)
  for i, (distance, mates) in enumerate(pairs.values()):
    there = np.isfinite(distance)
    near = distance <= rates['threshold'][i]
    accepted = near[there & ~mates].mean()
    rejected = 1 - near[there & mates].mean()
    assert abs(accepted - rejected) < 0.02
    assert abs(100 * accepted - rates['equal_error'][i]) < 2
    assert rates['genuine'][i].sum() == (there & mates).sum()
    assert rates['impostor'][i].sum() == (there & ~mates).sum()
    curve = rates['false_reject'][i]
    curve = curve[np.isfinite(curve)]
    assert (np.diff(curve) <= 0).all() and curve[-1] == 0


def test_a_large_test_side_is_sampled_by_people(monkeypatch):
  found, _ = test_side(people=20)
  monkeypatch.setattr(sample, 'PROBES', 50)
  monkeypatch.setattr(sample, 'GALLERY', 100)
  drawn = draw(found)
  probes, gallery, people = drawn.size
  assert probes == 50 and 80 < gallery <= 100
  assert people == gallery // 12  # each with the whole gallery
  again = draw(found)
  for group, rows in drawn.groups.items():
    np.testing.assert_array_equal(rows[0], again.groups[group][0])
  assert drawn.fewer(7, 0).size[:2] == (7, gallery)


def calibrated(gap, people=30):
  """Embeddings whose distances follow normal laws, `gap` deviations apart."""
  rng = np.random.default_rng(0)
  subjects = np.repeat(np.arange(people), 4).astype(str)
  rows = np.arange(len(subjects))
  drawn = sample.Sample(
    {'all': (rows[::2], rows[1::2])},
    subjects,
    np.full(len(subjects), '000'),
    protocols.PROTOCOLS['grew'],
  )
  mates = drawn.mates('all')
  distance = rng.standard_normal(mates.shape) - gap * mates
  return drawn, {'all': (distance.astype(np.float32), mates)}


def test_probabilities_come_true_where_the_logistic_curve_is_right():
  found = matching.reliability(*calibrated(2.0), seed=0)
  heavy = found['weight'][0] > 0.05
  gap = np.abs(found['predicted'] - found['observed'])[0, heavy]
  assert heavy.sum() >= 5 and gap.max() < 20
  np.testing.assert_allclose(found['weight'].sum(), 1)


def test_pairs_at_one_distance_are_accepted_together():
  drawn, pairs = calibrated(2.0)
  distance, mates = pairs['all']
  found = matching.distances(drawn, {'all': (np.ones_like(distance), mates)})
  np.testing.assert_allclose(found['equal_error'], 50)


def test_reliability_is_tried_on_people_it_was_not_fitted_on(monkeypatch):
  drawn, pairs = calibrated(2.0, people=10)
  distance, _ = pairs['all']
  rows, columns = drawn.groups['all']
  seen, tried = [], []

  def people(of):
    """Whose pairs these are, by their distances, which all differ."""
    place = np.abs(distance.ravel()[:, None] - of).argmin(0)
    both = rows[place // len(columns)], columns[place % len(columns)]
    return set(drawn.subjects[np.concatenate(both)])

  def fit(of, mates, fit=logistic.fit):
    seen.append(people(of))
    return fit(of, mates)

  def probability(of, *curve, probability=logistic.probability):
    tried.append(people(of))
    return probability(of, *curve)

  monkeypatch.setattr(logistic, 'fit', fit)
  monkeypatch.setattr(logistic, 'probability', probability)
  assert matching.reliability(drawn, pairs, seed=0)
  assert len(seen) == matching.FOLDS
  assert all(not a & b for a, b in zip(seen, tried, strict=True))
  assert set.union(*tried) == set(drawn.subjects)


def test_reliability_of_too_few_people_is_left_out():
  assert matching.reliability(*calibrated(2.0, people=3), seed=0) == {}


def test_confusions_are_the_worst_by_a_plain_loop():
  found, embedded = test_side(people=6, noise=1.5)
  drawn = draw(found)
  worst = {}
  for rows, columns in drawn.groups.values():
    for row in rows:
      distance = {
        column: np.linalg.norm(embedded[row] - embedded[column], axis=1).mean()
        for column in columns
        if found.views[column] != found.views[row]
      }
      mates = {c for c in distance if found.subjects[c] == found.subjects[row]}
      mate = min(mates, key=distance.get)
      wrong = min(set(distance) - mates, key=distance.get)
      gap = distance[wrong] - distance[mate]
      key = frozenset(found.subjects[[row, wrong]])
      if gap < 0 and gap < worst.get(key, (0,))[0]:
        worst[key] = gap, row, wrong, mate
  expected = sorted(worst.values())[:10]
  confused = matching.confusions(drawn, pairs_of(drawn, embedded), 10)
  assert 3 < len(confused) <= 10
  assert [(c.probe, c.wrong, c.mate) for c in confused] == [
    tuple(people) for _, *people in expected
  ]


@pytest.mark.parametrize('metric', ['euclidean', 'flattened', 'cosine'])
def test_only_the_part_that_knows_the_person_contributes(metric):
  found, embedded = test_side(noise=0.1, parts=3)
  embedded[:, 1:] = np.random.default_rng(1).standard_normal(
    embedded[:, 1:].shape
  )
  embedded[:, 1:] *= 0.05  # does not hide the first part
  parts = contributions.of_parts(draw(found), embedded, metric)
  assert parts['alone'].shape == parts['without'].shape == (3, 3)
  assert parts['alone'][0].min() > 99
  assert parts['alone'][1:].max() < 60 and parts['without'][0].max() < 60
  if metric != 'cosine':  # which scales all parts alike
    assert parts['without'][1:].min() > 99 and parts['all'].min() > 99


def test_blanking_the_band_that_tells_people_apart_costs_rank1():
  found, _ = test_side(noise=0)
  numbers = np.unique(found.subjects, return_inverse=True)[1]
  found.frames[:, :16] = 255
  for row, start in enumerate(found.starts):  # band 3: rows 24 to 31
    found.frames[start : start + 4, 24:32] = 0
    found.frames[start : start + 4, 24:32, : 8 + 8 * numbers[row]] = 255

  def embed(of):
    band = [of[row][:, 24:32].mean() for row in range(len(of))]
    return np.float32(band)[:, None, None]

  few, clips = contributions.occluded(draw(found), found, 12, 0)
  bands = contributions.of_bands(few, embed(found), embed(clips), 'euclidean')
  there = np.isfinite(bands['none'])
  assert there.any() and (bands['none'][there] == 100).all()
  assert (np.delete(bands['blank'], 3, 0)[:, there] == 100).all()
  assert bands['blank'][3, there].max() < 60


def test_occluded_clips_are_bounded(monkeypatch):
  found, _ = test_side()
  monkeypatch.setattr(contributions, 'FRAMES', 200)
  few, clips = contributions.occluded(draw(found), found, 12, 0)
  assert few.size[0] == 200 // (12 * 9) and len(clips) == 9 * few.size[0]
  assert clips.lengths.sum() <= 200


def test_the_map_of_few_or_equal_sequences_is_left_out():
  found, embedded = test_side(people=2)
  assert embedding_map.draw(embedded[:5], found.select(np.arange(5)), 0) == {}
  assert embedding_map.draw(0 * embedded, found, 0) == {}


def test_sample_clips_cover_conditions_and_oblique_views():
  found, _ = test_side(people=12)
  rows = strips.choose(found, 0)
  kinds = [name[:2] for name in found.conditions[rows]]
  assert sorted(kinds) == ['bg'] * 3 + ['cl'] * 3 + ['nm'] * 3
  assert set(found.views[rows]) == {'000', '018', '090'}
  assert len(set(found.subjects[rows])) == 9
  assert strips.frames(found, 0, 12).shape == (12, 64, 64)  # of 4 frames


@pytest.fixture(scope='module')
def computed():
  """(config, what `compute` returns of it) for several configs."""
  found, embedded = test_side()

  def run(**settings):
    config = synthetic.get_config('smoke')
    for key, value in settings.items():
      section, name = key.split('__')
      config[section][name] = value
    embed = lambda clips, frames: np.float32(
      [
        clips[row].mean((0, 2)).reshape(2, -1)[:, :4]
        for row in range(len(clips))
      ]
    )
    return pictures.compute(config, found, embedded, embed)

  return run


def test_everything_that_is_computed_is_read_again(computed, tmp_path):
  written = computed()
  picture_data.write(tmp_path, written)
  found = picture_data.read(tmp_path)
  assert found.keys() == set(picture_data.FORM)
  assert found['map/pca'].shape == found['map/tsne'].shape
  assert not found['real_people']
  assert found['clips/frames'].shape[2:] == (64, 44)


def test_frames_of_real_people_are_kept_only_if_asked_for(computed):
  hidden = computed(data__name='casia_b')
  assert hidden['real_people'] == 1 and 'confusions/names' in hidden
  assert not any(array.dtype == np.uint8 for array in hidden.values())
  shown = computed(data__name='casia_b', eval__show_people=True)
  assert 'clips/frames' in shown and 'confusions/frames' in shown
