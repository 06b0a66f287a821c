"""Partition files are read as they are; bad ones are refused in a sentence."""

import json
import os

import pytest

from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.data import packed, partitions, splits
from selfgait_jax.evaluate import scores


def config_for(name='casia_b', **data):
  config = default.get_config()
  config.data.name = name
  config.data.update(data)
  return config


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


@pytest.mark.parametrize('path', ['pipe', '.', 'a\0b', '~nobody-here/x.json'])
def test_what_is_no_file_is_refused_at_once(tmp_path, path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  os.mkfifo('pipe')
  with pytest.raises(errors.UserError, match='expected a partition in JSON'):
    partitions.of(config_for('gait3d', partition_file=path))
  with pytest.raises(errors.UserError, match='expected a packed data set'):
    packed.read(path, 'gait3d')
