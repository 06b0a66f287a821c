"""Partitions by rule and from files; what is wrong with a file is said."""

import json

import pytest

from configs import default
from selfgait_jax import errors
from selfgait_jax.data import partitions, splits
from selfgait_jax.evaluate import scores


def config_for(name='casia_b', **data):
  config = default.get_config()
  config.data.name = name
  config.data.update(data)
  return config


def test_grew_and_ccpg_follow_their_names():
  grew = partitions.of(config_for('grew'))
  assert (len(grew.train), len(grew.test)) == (20_000, 6001)
  assert all(name.endswith('train') for name in grew.train)
  assert (grew.test[0], grew.test[-2:]) == ('00001', ('06000', 'probe'))
  assert len(grew.everyone) == 26_001
  ccpg = partitions.of(config_for('ccpg'))
  assert (ccpg.train[-1], ccpg.test[0], len(ccpg.test)) == ('099', '100', 100)


@pytest.mark.parametrize('name', ['casia_b', 'ou_mvlp', 'gait3d', 'sustech1k'])
def test_a_file_is_read_as_it_is(tmp_path, name):
  file = tmp_path / 'partition.json'
  content = {
    'TRAIN_SET': ['00003', '001'],
    'TEST_SET': ['00002'],
    'PROBE_SET': ['00002-a_b-c'],
    'comment': 'is passed over',
  }
  file.write_text(json.dumps(content))
  config = config_for(name, partition_file=str(file))
  assert splits.subjects(config, 'train') == ('00003', '001')
  assert splits.subjects(config, 'test') == ('00002',)
  assert not scores.probe_lists(config)  # the protocol goes by conditions
  config.eval.protocol = 'gait3d'
  expected = {'probes': ('00002-a_b-c',), 'gallery': None}
  assert scores.probe_lists(config) == expected
  config.data.exclude_subjects = '001'
  assert splits.subjects(config, 'train') == ('00003',)


@pytest.mark.parametrize(
  ('content', 'words'),
  [
    (None, 'Gait3D.json of github.com/ShiqiYu/OpenGait'),
    ('{"TRAIN_SET": [', 'a partition in JSON'),
    ('[]', 'under TRAIN_SET .* found NoneType'),
    ('{"TRAIN_SET": []}', 'under TEST_SET .* found NoneType'),
    ('{"TRAIN_SET": [1], "TEST_SET": []}', 'of names under TRAIN_SET'),
    ('{"TRAIN_SET": [], "TEST_SET": {}}', 'under TEST_SET .* found dict'),
    (
      '{"TRAIN_SET": ["1", "2"], "TEST_SET": ["2", "3"]}',
      r'both sides .* found 1 \(2\)',
    ),
    (
      '{"TRAIN_SET": [], "TEST_SET": [], "PROBE_SET": "all"}',
      'under PROBE_SET .* found str',
    ),
  ],
)
def test_what_is_wrong_with_a_file(tmp_path, content, words):
  file = tmp_path / 'Gait3D.json'
  if content is not None:
    file.write_text(content)
  config = config_for('gait3d', partition_file=str(file))
  with pytest.raises(errors.UserError, match=words) as error:
    partitions.of(config)
  assert 'data.partition_file' in str(error.value)


def test_a_random_partition_needs_its_file():
  for name in ('gait3d', 'sustech1k'):
    with pytest.raises(errors.UserError, match='copy of datasets/.*OpenGait'):
      partitions.of(config_for(name))


def test_one_partition_at_a_time():
  config = config_for(partition='development', partition_file='x.json')
  with pytest.raises(errors.UserError, match="'development' and the file x"):
    partitions.of(config)


def test_only_a_file_asks_for_all_of_its_subjects(tmp_path):
  keys = [(subject, 'nm-01', '000') for subject in ('001', '075')]
  partitions.check(config_for(), keys)
  file = tmp_path / 'partition.json'
  content = {'TRAIN_SET': ['001', '002'], 'TEST_SET': ['075']}
  file.write_text(json.dumps(content))
  config = config_for(partition_file=str(file))
  with pytest.raises(errors.UserError, match=r'1 missing in casia_b \(002\)'):
    partitions.check(config, keys)
  partitions.check(config, [*keys, ('002', 'bg-01', '018')])
