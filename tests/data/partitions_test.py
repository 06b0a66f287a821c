"""Partitions follow the published rules, or a file that suits the data."""

import json

import pytest

from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.data import partitions


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
