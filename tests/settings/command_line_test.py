"""What cannot be parsed ends the command with one sentence."""

import pytest
from absl import flags
from ml_collections import config_flags

from selfgait_jax.settings import command_line, validate


@pytest.fixture
def parse(monkeypatch):
  """Parses arguments with flags of its own; returns the config."""
  values = flags.FlagValues()
  config_flags.DEFINE_config_file(
    'config', None, 'a config', flag_values=values, lock_config=True
  )
  monkeypatch.setattr(flags, 'FLAGS', values)

  def run(*arguments):
    # ml_collections looks for overrides in `sys.argv`, whatever it is given.
    monkeypatch.setattr('sys.argv', ['main', *arguments])
    command_line.parse(['main', *arguments])
    return values['config'].value

  return run


@pytest.mark.parametrize(
  'override',
  [
    'augment.flip=often',
    'augment=5',
    'pretrain.stpes=3',
    'pretrain.steps.x=3',
    'pretrain.steps',
    'nonsense.deep=3',
    'nonsense=3',
    'seed=1e3',
    'seed=' + 5000 * '9',
    'seed=1\nerror: all fine',
    '=5',
    '.=5',
    'a..b=5',
    'data.\nerror: all fine=5',
    'pretrain[0]=3',
    'train.milestones[0]=3',
    'augment.blur_rows[0][0]=3',
    '__class__=3',
  ],
)
def test_overrides_that_mean_nothing(parse, override):
  with pytest.raises(SystemExit) as caught:
    parse('--config=configs/synthetic.py:smoke', f'--config.{override}')
  sentence = caught.value.code
  assert sentence.startswith('error: ') and sentence.isprintable()
  assert len(sentence) < 2100
  assert 'Unknown command line flag' not in sentence


def test_a_switch_that_does_not_exist(parse):
  with pytest.raises(SystemExit, match='error: .*config.eval.rapport'):
    parse('--config=configs/synthetic.py:smoke', '--noconfig.eval.rapport')


def test_overrides_that_are_right(parse):
  config = parse(
    '--config=configs/synthetic.py:smoke',
    '--config.augment.blur_rows=((1,2),(3,4))',
    '--noconfig.eval.report',
    '--config.model.widths=(4,8,16)',
    '--config.pretrain.learning_rate=1',
  )
  validate.check(config)
  assert config.augment.blur_rows == ((1, 2), (3, 4))
  assert not config.eval.report


@pytest.mark.parametrize(
  'flag', ['--config=synthetic:smoke', '-config=synthetic:smoke']
)
def test_recipes_have_short_names(parse, flag, monkeypatch, tmp_path):
  """They work outside of a clone, where there is no folder `configs`."""
  monkeypatch.chdir(tmp_path)
  config = parse(flag, '--config.seed=3')
  assert config.seed == 3 and config.data.name == 'synthetic_gait'
  assert command_line.workdir('').name == 'synthetic-smoke'


def test_an_unknown_short_name_is_a_sentence(parse):
  with pytest.raises(SystemExit) as caught:
    parse('--config=nonsense:smoke')
  assert caught.value.code.startswith('error: expected a config file')
