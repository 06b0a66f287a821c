"""The public gallery: enrol, search, share, remove, calibrate."""

import numpy as np
import pytest

import selfgait_jax
from selfgait_jax import errors, protocols, retrieval
from selfgait_jax.clips.clip import Clip
from selfgait_jax.gallery import database, known

Gallery = selfgait_jax.Gallery


@pytest.fixture
def path(tmp_path):
  return tmp_path / 'people.gallery'


@pytest.fixture
def gallery(path, make_embedder):
  with Gallery.open(path, make_embedder()) as gallery:
    yield gallery


def names(matches):
  return [[match.name for match in near] for near in matches]


def test_the_nearest_person_is_found(gallery, path, make_embedder, walk):
  for subject in (1, 2, 3):
    said = gallery.enrol(
      f'person {subject}', [walk(subject), walk(subject, 'nm-02')]
    )
    assert [one.enrolled for one in said] == [True, True]
    assert {one.verdict for one in said} <= {'good', 'doubtful'}
  assert len(gallery) == 6
  probes = [walk(2), walk(3).frames, walk(1, 'nm-03')]
  found = gallery.search(probes, k=2)
  assert [len(near) for near in found] == [2, 2, 2]
  first = found[0][0]
  assert (first.name, first.source) == ('person 2', '002/nm-01/090')
  assert first.distance == pytest.approx(0, abs=1e-5)
  assert first.probability is None and first.accepted is None
  assert found[1][0].name == 'person 3'

  # The distances are those of `retrieval`, person by person.
  embedder = make_embedder()
  enrolled = [walk(s, c).frames for s in (1, 2, 3) for c in ('nm-01', 'nm-02')]
  distance = retrieval.pairwise_distance(
    embedder.embed([walk(1, 'nm-03').frames]), embedder.embed(enrolled)
  )
  expected = distance.reshape(3, 2).min(axis=1)
  near = gallery.search(probes[2:], k=9)[0]
  assert [one.distance for one in near] == pytest.approx(
    np.sort(expected), rel=1e-4, abs=1e-5
  )
  mean = gallery.search(probes[2:], k=9, by='mean')[0]
  assert sorted(one.distance for one in mean) == pytest.approx(
    np.sort(distance.reshape(3, 2).mean(axis=1)), rel=1e-4, abs=1e-5
  )
  with Gallery.open(path, embedder) as again:
    assert names(again.search(probes)) == names(gallery.search(probes))


def test_rank_1_is_that_of_the_protocol(gallery, make_embedder, walk):
  keys = [
    (subject, condition, view)
    for subject in range(1, 6)
    for condition in ('01-nm', '02-nm')
    for view in ('054', '090')
  ]
  clip = lambda key: walk(key[0], f'nm-{key[1][:2]}', key[2])
  for key in keys:
    if key[1] == '01-nm':
      gallery.enrol(str(key[0]), [clip(key)])
  probes = [key for key in keys if key[1] == '02-nm']
  found = names(gallery.search([clip(key) for key in probes], k=1))
  right = [
    near == [str(key[0])] for near, key in zip(found, probes, strict=True)
  ]
  embeddings = make_embedder().embed([clip(key).frames for key in keys])
  subjects, conditions, views = zip(*keys, strict=True)
  metrics = protocols.evaluate(
    'grew', embeddings, subjects, [c[:2] for c in conditions], views
  )['metrics']
  assert 100 * np.mean(right) == pytest.approx(metrics['all/rank1'])
  known_clips = [known.Labelled(str(key[0]), clip(key)) for key in probes]
  scores = gallery.evaluate(known_clips)
  assert scores.probes[0].rank1 == pytest.approx(metrics['all/rank1'])


def test_refused_clips_and_doubles_are_said(gallery, walk):
  blank = np.zeros((30, 64, 64), np.uint8)
  said = gallery.enrol('anna', [walk(1), blank, walk(1), walk(1, 'nm-02')])
  assert [one.enrolled for one in said] == [True, False, False, True]
  assert said[1].verdict == 'refused' and said[1].reasons
  assert said[2].reasons[0] == 'it is enrolled already, as anna'
  said = gallery.enrol('ben', [walk(1)])
  assert said[0].reasons[0] == 'it is enrolled already, as anna'
  assert len(gallery) == 2 and [p.name for p in gallery.people()] == ['anna']
  found = gallery.search([blank, walk(1)])
  assert found[0] == [] and found[1][0].name == 'anna'
  assert gallery.enrol('nobody', [blank])[0].enrolled is False
  assert gallery.enrol('nobody', []) == []
  assert len(gallery.people()) == 1


def test_two_galleries_of_one_file_see_each_other(path, make_embedder, walk):
  with (
    Gallery.open(path, make_embedder()) as one,
    Gallery.open(path, make_embedder()) as other,
  ):
    one.enrol('anna', [walk(1)])
    other.enrol('ben', [walk(2)])
    assert names(one.search([walk(2)], k=1)) == [['ben']]
    assert names(other.search([walk(1)], k=9)) == [['anna', 'ben']]
    other.rename('anna', 'Änne')
    assert names(one.search([walk(1)], k=1)) == [['Änne']]
    one.remove('ben')
    assert names(other.search([walk(2)], k=9)) == [['Änne']]
    assert len(one) == len(other) == 1
    other.enrol('ben', [walk(2)])
    assert names(one.search([walk(2)], k=1)) == [['ben']]


def test_forgotten_people_leave_no_byte(gallery, path, make_embedder, walk):
  gallery.enrol('anna', [walk(1), walk(1, 'nm-02')])
  gallery.enrol('ben', [walk(2)])
  embedding = make_embedder().embed([walk(1).frames])[0]
  content = lambda: b''.join(p.read_bytes() for p in path.parent.iterdir())
  marks = [b'anna', b'001/nm-01', np.float32(embedding).tobytes()[:24]]
  assert all(mark in content() for mark in marks[:2])
  assert gallery.remove('anna') == 2
  assert not [mark for mark in marks if mark in content()]
  assert b'ben' in content() and len(gallery) == 1
  with pytest.raises(errors.UserError, match='nobody with the name anna'):
    gallery.remove('anna')


@pytest.fixture(scope='module')
def labelled(walk):
  """Clips of six people in two conditions."""
  return [
    known.Labelled(str(subject), walk(subject, condition, view), condition)
    for subject in range(11, 17)
    for condition in ('nm-01', 'nm-02', 'cl-01')
    for view in ('072', '090')
  ]


@pytest.mark.parametrize('by', ['nearest', 'mean'])
def test_a_calibration_decides_and_is_kept(
  gallery, path, make_embedder, walk, labelled, by
):
  pytest.importorskip('sklearn')
  gallery.enrol('anna', [walk(1)])
  gallery.enrol('ben', [walk(2)])
  scores = gallery.calibrate(labelled, far=0.05, by=by)
  assert (scores.people, scores.clips) == (6, 36)
  assert (scores.genuine, scores.impostors) == (36, 180)
  assert scores.rates['eer'].value is not None
  assert scores.rates['tar_far_0.001'].value is None
  assert scores.probes[0].falsely_accepted <= 5
  assert scores.strangers_accepted >= scores.probes[0].falsely_accepted
  assert [pair.conditions for pair in scores.pairs] == [
    ('cl', 'cl'), ('cl', 'nm'), ('nm', 'nm'),
  ]  # fmt: skip
  assert sum(pair.genuine for pair in scores.pairs) == 6 * 15
  assert sum(pair.genuine + pair.impostors for pair in scores.pairs) == 630

  def check(gallery):
    near = gallery.search([walk(1)], by=by)[0]
    assert near[0].name == 'anna' and near[0].accepted is True
    assert near[0].probability > 0.5
    assert near[0].probability > near[1].probability
    assert near[1].accepted == (near[1].distance <= scores.threshold)

  check(gallery)
  with Gallery.open(path, make_embedder()) as again:
    check(again)
    assert again.calibration.far == 0.05
    evaluated = again.evaluate(labelled, by=by)
  assert evaluated.genuine == 0 and evaluated.impostors == 72
  assert evaluated.probes[0].rank1 is None
  assert evaluated.threshold == scores.threshold


def test_an_enrolled_clip_is_not_compared_with_itself(gallery, walk):
  gallery.enrol('1', [walk(1), walk(1, 'nm-02')])
  gallery.enrol('2', [walk(2)])
  scores = gallery.evaluate({'1': [walk(1)], '2': [walk(2)], '3': [walk(3)]})
  assert (scores.genuine, scores.impostors) == (1, 4)
  assert scores.people == 3


def test_too_few_people_cannot_calibrate(gallery, walk):
  pytest.importorskip('sklearn')
  clips = {'1': [walk(1), walk(1, 'nm-02')], '2': [walk(2), walk(2, 'nm-02')]}
  with pytest.raises(errors.UserError, match='with 100 comparisons.*found 4'):
    gallery.calibrate(clips)
  assert gallery.calibration is None
  with pytest.raises(errors.UserError, match='between 0 and 1'):
    gallery.calibrate(clips, far=1)
  with pytest.raises(errors.UserError, match='none that can be used and 1'):
    gallery.calibrate({'1': [np.zeros((9, 64, 64), np.uint8)]})
  with pytest.raises(errors.UserError, match='none that can be used and 0'):
    gallery.evaluate({}) if len(gallery) else gallery.calibrate({})


def test_another_checkpoint_or_distance_is_refused(path, make_embedder, walk):
  with Gallery.open(path, make_embedder(), metric='cosine') as gallery:
    gallery.enrol('anna', [walk(1)])
  with Gallery.open(path, make_embedder()) as gallery:
    distance = gallery.search([walk(2)])[0][0].distance
  embeddings = make_embedder().embed([walk(2).frames, walk(1).frames])
  assert distance == pytest.approx(
    retrieval.pairwise_distance(embeddings[:1], embeddings[1:], 'cosine')[0, 0],
    rel=1e-4, abs=1e-6,
  )  # fmt: skip
  with pytest.raises(errors.UserError, match='found one of another'):
    Gallery.open(path, make_embedder(1))
  with pytest.raises(errors.UserError, match='expected the distance euclidean'):
    Gallery.open(path, make_embedder(), metric='euclidean')
  with pytest.raises(errors.UserError, match='found manhattan'):
    Gallery.open(path, make_embedder(), metric='manhattan')


def test_a_search_of_nobody_is_a_sentence(gallery, walk):
  with pytest.raises(errors.UserError, match='found nobody'):
    gallery.search([walk(1)])
  gallery.enrol('anna', [walk(1)])
  with pytest.raises(errors.UserError, match='at least 1, found 0'):
    gallery.search([walk(1)], k=0)
  with pytest.raises(errors.UserError, match='nearest or mean'):
    gallery.search([walk(1)], by='median')
  with pytest.raises(errors.UserError, match='expected a clip'):
    gallery.search([np.zeros((4, 10, 10), np.uint8)])


def test_a_damaged_calibration_is_a_sentence(path, make_embedder):
  Gallery.open(path, make_embedder()).close()
  connection = database.sqlite3.connect(path)
  for text in ('[', '{}', '{"curves": {"nearest": 3, "mean": 4}}', '[' * 10**5):
    connection.execute(
      "INSERT OR REPLACE INTO meta VALUES ('calibration', ?)", (text,)
    )
    connection.commit()
    with pytest.raises(errors.UserError, match='its calibration'):
      Gallery.open(path, make_embedder())
  connection.close()


def test_a_clip_without_a_person_is_a_sentence():
  clip = Clip('folder/anna/nm/walk', np.zeros((0, 64, 64), np.uint8))
  assert [*known.label([clip], 'folder')][0][::2] == ('anna', 'nm')
  assert [*known.label([clip], 'folder/')][0].name == 'anna'
  with pytest.raises(errors.UserError, match="the person's name"):
    list(known.label([clip], 'folder/anna/nm'))
  with pytest.raises(errors.UserError, match="the person's name"):
    list(known.label([clip], 'elsewhere'))
