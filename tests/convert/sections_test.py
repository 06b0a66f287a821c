"""Settings of an imported network that the user gives."""

import pytest

from selfgait_jax.run import checkpointing


@pytest.mark.parametrize(
  'setting, words',
  [
    ('colour=red', 'a name out of bins, '),
    ('bins', 'NAME=VALUE'),
    ('bins=many', 'bins to be like'),
    ('bins=' + '-' * 50_000 + '1', 'bins to be like'),
    ('classes=1.5', 'classes to be like 5'),
    ('dtype=float8', 'float8'),
    ('name=gaitset', 'a name out of'),
  ],
)
def test_wrong_settings_are_named(convert, make_file, tmp_path, setting, words):
  *_, given = make_file('gaitbase')
  status, _, err = convert(*given, f'--setting={setting}')
  assert status == 1 and words in err and not (tmp_path / 'out').exists()


def test_no_import_has_a_norm_of_the_embedding(convert, make_file):
  *_, given = make_file('gaitset')
  status, _, err = convert(*given, '--setting=embedding_norm=True')
  assert status == 1 and 'found embedding_norm=True' in err


def test_settings_reach_the_manifest(convert, make_file, tmp_path):
  *_, given = make_file('deepgaitv2_2d')
  more = ('--setting=use_emb2=true', '--setting=dtype=bfloat16')
  status, _, err = convert(*given, *more, '--crop-width=64')
  assert status == 0, err
  model = checkpointing.read_manifest(str(tmp_path / 'out'))[1]['model']
  assert model['use_emb2'] is True and model['dtype'] == 'bfloat16'
  assert model['crop_width'] == 64
