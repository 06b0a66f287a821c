"""Values that are not possible are named in one sentence."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfgait_jax import errors
from selfgait_jax.configs import default, synthetic
from selfgait_jax.models import factory
from selfgait_jax.settings import model_checks, networks, validate

SENTENCE = r'expected .+, found .+; .+'


def _refused(changes, words):
  config = default.get_config()
  config.stages = 'pretrain,discover,train'
  with config.ignore_type():
    config.update_from_flattened_dict(changes)
  with pytest.raises(errors.UserError) as caught:
    validate.check(config)
  assert re.fullmatch(SENTENCE, str(caught.value))
  assert words in str(caught.value)


@pytest.mark.parametrize(
  'changes, words',
  [
    ({'train.frames_sampling': 'some'}, 'train.frames_sampling'),
    ({'train.frames_min': 51}, 'frames_min not above frames_max'),
    ({'train.interval_min': 2}, 'interval_min not above interval_max'),
    ({'train.ordered': False, 'train.frames_skip': 1}, 'ordered=False'),
    ({'train.ordered': False, 'train.interval_max': 2}, 'ordered=False'),
    (
      {'train.frames_sampling': 'all', 'train.interval_max': 2},
      'frames_sampling=all',
    ),
    ({'pretrain.frames_sampling': 'unfixed'}, 'without labels, found unfixed'),
    (
      {'reference.window': True, 'train.frames_sampling': 'unfixed'},
      'reference.window',
    ),
    ({'reference.window': True, 'train.frames_skip': 4}, 'reference.window'),
    ({'augment.rotate': 1.5}, 'augment.rotate'),
    ({'augment.perspective_shift': 32}, 'augment.perspective_shift'),
    ({'augment.blur_rows': ((9, 20), (19, 40))}, 'augment.blur_rows'),
    ({'augment.dilate_rows': ((9, 20), (39, 65))}, 'augment.dilate_rows'),
    ({'pretrain.freeze_batch_norm': True}, 'pretrain.freeze_batch_norm'),
    ({'augment.coat': -0.1}, 'augment.coat'),
    ({'discover.relabel_at': (200, 200)}, 'discover.relabel_at'),
    ({'discover.relabel_at': (9000,)}, 'discover.steps=4000'),
    ({'discover.triplet_weight': 0.0}, 'a triplet loss alone for discover'),
    ({'discover.setting': 'known'}, 'discover.setting'),
    (
      {'data.name': 'grew', 'data.partition_file': 'x'},
      'names the camera of each sequence for discover',
    ),
    (
      {'data.name': 'sustech1k', 'discover.setting': 'synchronised'},
      'discover.setting=strict',
    ),
    ({'pretrain.negatives': 'same_camera'}, 'pretrain.infonce_weight'),
    ({'pretrain.ignore_nearest': 0.1}, 'pretrain.infonce_weight'),
    ({'pretrain.ignore_nearest': 1.0}, 'pretrain.ignore_nearest'),
    (
      {
        'pretrain.negatives': 'same_camera',
        'pretrain.infonce_weight': 1.0,
        'pretrain.views_per_batch': 1,
      },
      'pretrain.views_per_batch',
    ),
    ({'train.rate_factors': 'encoder=nan'}, 'rate_factors'),
    ({'train.schedule': 'steps', 'train.milestones': (9, 9)}, 'milestones'),
  ],
)
def test_settings_that_contradict_each_other_are_named(changes, words):
  _refused(changes, words)


@pytest.mark.parametrize(
  'changes, words',
  [
    ({'augment.blur_rows': (5,)}, 'augment.blur_rows'),
    ({'augment.blur_rows': ((1, 2), (3, 'a'))}, 'augment.blur_rows'),
    ({'augment.flip': 'often'}, 'augment.flip'),
    ({'augment': 5}, 'augment.'),
    ({'train.steps': 2.5}, 'train.steps'),
    ({'train.steps': 10**5000}, 'train.steps'),
    ({'train.learning_rate': float('inf')}, 'train.learning_rate'),
    ({'train.learning_rate': float('nan')}, 'train.learning_rate'),
    ({'train.milestones': (1, (2, 3))}, 'train.milestones'),
    ({'train.milestones': None}, 'train.milestones'),
    ({'train.ordered': 1}, 'train.ordered'),
    ({'train.rate_factors': 3}, 'train.rate_factors'),
    ({'data.name': None}, 'data.name'),
    ({'stages': ''}, 'config.stages'),
    ({'stages': 'pretrain,,evaluate'}, 'config.stages'),
    ({'stages': 5}, 'config.stages'),
    ({'seed': 2**32}, 'config.seed'),
    ({'model.widths': (32.5, 64, 128)}, 'model.widths'),
    ({'model.widths': ()}, 'model.widths'),
    ({'model.bins': ()}, 'model.bins'),
    ({'model.use_motion': 'no'}, 'model.use_motion'),
  ],
)
def test_values_of_another_type_are_named(changes, words):
  _refused(changes, words)


def test_long_values_do_not_fill_the_message():
  config = default.get_config()
  config.data.loader = 'x' * 10**6
  with pytest.raises(errors.UserError) as caught:
    validate.check(config)
  assert len(str(caught.value)) < 500


def test_missing_settings_are_named():
  config = default.get_config()
  del config.eval.distance
  with pytest.raises(errors.UserError, match='config.eval.distance'):
    validate.check(config)
  del config.eval
  with pytest.raises(errors.UserError, match='config.eval.protocol'):
    validate.check(config)


@pytest.mark.parametrize(
  'name, changes, words',
  [
    ('gaitbase', {'layers': (1, 1, 1)}, 'model.layers'),
    ('deepgaitv2', {'widths': (8, 16, 32, 64, 128)}, 'model.widths'),
    ('gaitpart', {'halvings': (0, 2)}, 'model.halvings'),
    ('gaitpart', {'halvings': (0, 2, 5)}, 'model.halvings'),
    ('gaitpart', {'widths': (2, 2, 2)}, 'model.widths'),
    ('gaitset', {'widths': (4, 8, 8, 8)}, 'model.crop_width'),
    ('gaitgl', {'halving': 5}, 'model.halving'),
  ],
)
def test_networks_that_cannot_be_built_are_refused(name, changes, words):
  section = getattr(networks, name)()
  section.update(changes)
  with pytest.raises(errors.UserError, match=SENTENCE) as caught:
    model_checks.check_model(section)
  assert words in str(caught.value)


@pytest.mark.parametrize(
  'name, changes',
  [
    ('selfgait', {'widths': (4, 8, 8, 8)}),  # halved twice however long
    ('gaitpart', {'widths': (4, 4, 8, 8), 'halvings': (6, 5, 4, 4)}),
    ('gaitset', {'widths': (4, 8), 'bins': (32, 16)}),
  ],
)
def test_unusual_networks_that_can_be_built_are_not_refused(name, changes):
  section = getattr(networks, name)()
  section.update(changes)
  model_checks.check_model(section)
  factory.variable_shapes(factory.make_model(section), section.crop_width)


def _leaves(config, prefix=''):
  for name, value in config.items():
    yield prefix + name
    if hasattr(value, 'items'):
      yield from _leaves(value, f'{prefix}{name}.')


_PLAIN = st.one_of(
  st.none(),
  st.booleans(),
  st.integers(),
  st.integers(0, 100),
  st.floats(),
  st.text(max_size=20),
  st.sampled_from(['steps', 'cosine', 'joint', 'predictive', 'pretrain', '2d']),
)
_VALUES = st.recursive(
  _PLAIN,
  lambda inner: (
    st.lists(inner, max_size=4).map(tuple)
    | st.lists(inner, max_size=4)
    # ConfigDict itself takes no dots in a key.
    | st.dictionaries(
      st.text(max_size=4).filter(lambda key: '.' not in key), inner, max_size=2
    )
  ),
  max_leaves=6,
)


@st.composite
def _configs(draw):
  """A recipe with a few random values."""
  recipe = draw(st.sampled_from(['smoke', 'gaitgl', 'gaitpart', 'gaitssb']))
  config = synthetic.get_config(recipe)
  keys = sorted(_leaves(config))
  changes = draw(st.dictionaries(st.sampled_from(keys), _VALUES, max_size=4))
  with config.ignore_type():
    for key, value in changes.items():
      section, _, name = key.rpartition('.')
      place = config
      for part in filter(None, section.split('.')):
        place = place.get(part) if hasattr(place, 'keys') else None
      if hasattr(place, 'keys'):  # no section above was replaced
        place[name] = value
  return config


def _passes_or_says_why(config):
  try:
    validate.check(config)
  except errors.UserError as error:
    assert re.fullmatch(SENTENCE, str(error))
    assert str(error).isprintable() and len(str(error)) <= 2000


_FUZZ = dict(
  database=None,
  deadline=None,
  derandomize=True,
  suppress_health_check=list(HealthCheck),
)


@settings(max_examples=50, **_FUZZ)
@given(_configs())
def test_random_values_pass_or_are_refused(config):
  _passes_or_says_why(config)


@pytest.mark.slow
@settings(max_examples=2000, **_FUZZ)
@given(_configs())
def test_many_random_values_pass_or_are_refused(config):
  _passes_or_says_why(config)
