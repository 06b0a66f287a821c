"""What the program knows of each data set, and where training relies on it."""

import pytest

from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.data import datasets
from selfgait_jax.settings import validate


def config_for(name, **stage):
  config = default.get_config()
  config.stages, config.data.name = 'pretrain', name
  config.pretrain.pairs = 'same_sequence'
  config.pretrain.update(stage)
  return config


def test_each_data_set_is_found_by_its_name():
  for facts in (*datasets.BY_OPTION.values(), datasets.synthetic(3)):
    assert datasets.find(facts.name).title == facts.title
  assert datasets.find('casia_c') is None


@pytest.mark.parametrize(
  ('name', 'stage'),
  [
    ('grew', {'views_per_batch': 1}),  # a view is a hash
    ('grew', {'negatives': 'same_camera', 'infonce_weight': 1.0}),
    ('grew', {'pairs': 'synchronised_views'}),
    ('own', {'pairs': 'synchronised_views'}),
    ('gait3d', {'pairs': 'synchronised_views'}),
    ('sustech1k', {'pairs': 'synchronised_views'}),  # one view at a time
    ('ccpg', {'pairs': 'synchronised_views', 'views_per_batch': 2}),
  ],
)
def test_views_that_are_no_cameras_are_refused_before_training(name, stage):
  validate.check(config_for(name))
  with pytest.raises(errors.UserError) as error:
    validate.check(config_for(name, **stage))
  message = str(error.value)
  assert name in message
  assert next(iter(stage)) in message.split(';')[1]


@pytest.mark.parametrize('name', ['casia_b', 'ou_mvlp', 'synthetic_gait'])
def test_views_that_are_cameras_are_used(name):
  validate.check(config_for(name, views_per_batch=1))
  contrast = {'negatives': 'same_camera', 'infonce_weight': 1.0}
  validate.check(config_for(name, **contrast))
  for count in (0, 2):
    stage = {'pairs': 'synchronised_views', 'views_per_batch': count}
    validate.check(config_for(name, **stage))
  for other in ('sustech1k', 'ccpg', 'gait3d', 'own'):
    validate.check(config_for(other, views_per_batch=1))


@pytest.mark.parametrize(
  ('name', 'condition', 'view', 'camera'),
  [
    ('casia_b', 'nm-01', '090', '090'),
    ('gait3d', 'camid33_videoid2', 'seq0', '33'),
    ('ccpg', 'U0_D0', '07_1', '07'),
    ('grew', '00', '4XPn5Z28', ''),
    ('own', 'pass 7', 'left', 'left'),
    ('own', 'pass 7', 'all', 'all'),
  ],
)
def test_the_camera_of_a_sequence(name, condition, view, camera):
  assert datasets.find(name).camera(condition, view) == camera
