"""A tree of any names becomes a data set that a run can split."""

import subprocess
import sys

import fabricated
import pytest
import small_run

from selfgait_jax.configs import own
from selfgait_jax.data import loading


@pytest.mark.slow
def test_own_silhouettes_are_prepared_and_split(tmp_path):
  tree, output = tmp_path / 'tree', tmp_path / 'data'
  people = ['anna', 'bo "b"', 'ça', 'd-1', 'e e']
  for n, person in enumerate(people):
    for walk in ('walk 2', 'coat/left', 'coat/right'):
      clip = fabricated.silhouettes(seed=n)
      fabricated.write_pngs(tree / person / walk, clip)
  fabricated.write_pngs(tree / 'unlabelled/1', fabricated.silhouettes())
  command = [sys.executable, 'scripts/prepare_silhouettes.py']
  command += ['--dataset=own', f'--input={tree}', f'--output={output}']
  done = subprocess.run(
    [*command, '--aligned', '--workers=1', '--test-share=0.4'],
    cwd=small_run.ROOT,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  said = '3 people to train on, 2 to test, 1 clips without a name'
  assert said in done.stdout
  config = own.get_config()
  config.data_dir = str(output)
  config.data.partition_file = str(output / 'own.json')
  load = loading.loader(config)
  train, test = load('train'), load('test')
  assert len(train) == 3 * 3 + 1 and len(test) == 2 * 3
  assert {*train.subjects} | {*test.subjects} == {*people, 'unlabelled'}
  assert {*test.views} == {'all', 'left', 'right'}
