"""What a checkpoint says of itself, and whether that suits a config."""

from typing import Any

from selfgait_jax import __version__, errors
from selfgait_jax.run import identity

FORMAT = 2  # goes up when parameters change their names
# Settings of a network that change how it is computed, and no tensor.
COMPUTE_SETTINGS = ('dtype', 'microbatches', 'remat')
# Settings that older checkpoints lack, and what they were then.
ADDED_SETTINGS = {'embedding_norm': False}
_LARGEST = 10**6  # of the numbers in a model's settings
_CONFIG_KEYS = ('config_hash', 'seed', 'program')  # of an entry of the history


def make_manifest(
  config,
  stage_name: str,
  setting: str = '',
  start: str = '',
  start_setting: str = '',
) -> dict:
  """What a reader of the checkpoint must know, as JSON.

  Args:
    config: the whole config.
    stage_name: of the stage.
    setting: what the stage knew of its sequences (data/blind.py); '' if it
      used labels.
    start: where its first weights came from; '' for random ones.
    start_setting: what was known to the stage that trained them.
  """
  stage = config[stage_name]
  source = {
    'program': f'selfgait_jax {__version__}',
    'stage': stage_name,
    'objective': stage.objective,
    'pairs': stage.get('pairs', ''),
    'setting': setting,
    'identity_sampler': config.reference.pretrain_sampler,
    'labelled_fraction': stage.labelled_fraction,
    'pseudo_identities': stage.get('pseudo_identities', False),
    'steps': stage.steps,
    'start': start,
    'start_setting': start_setting,
    'data': config.data.name,
    'partition': config.data.partition,
    'seed': config.seed,
    'config_hash': identity.config_hash(config),
  }
  source['history'] = [_entry(source, 1)]
  return describe(config.model.to_dict(), source)


def describe(model: dict, source: dict) -> dict:
  """The manifest of weights from anywhere.

  `model` is all of `config.model`; `source` says where the weights come from.
  """
  return {
    'format': FORMAT,
    'model': model,
    'pixels': 'uint8 [T, 64, 64] cropped to crop_width, divided by 255',
    'embedding': 'embedding',
    'source': source,
  }


def with_history(manifest: dict, before: dict, step: int) -> dict:
  """The manifest of a stage that resumes from a checkpoint.

  Its `source.history` lists the configs that the stage was trained with, each
  with the first step that was taken under it.

  Args:
    manifest: of the config that the stage is resumed with.
    before: of the checkpoint.
    step: of the checkpoint.
  """
  source = before['source']
  history = source.get('history') or [_entry(source, 1)]
  now = _entry(manifest['source'], step + 1)
  if any(history[-1].get(key) != now[key] for key in _CONFIG_KEYS):
    history = [*history, now]
  return manifest | {'source': manifest['source'] | {'history': history}}


def _entry(source, first_step):
  return {'from_step': first_step} | {k: source.get(k) for k in _CONFIG_KEYS}


def check_form(manifest: Any) -> None:
  """Raises ValueError unless it has the fields and types of a manifest."""
  if not isinstance(manifest, dict):
    raise ValueError('a manifest that is no object')
  fields = {'format': int, 'model': dict, 'embedding': str, 'source': dict}
  for name, kind in fields.items():
    if not isinstance(manifest.get(name), kind):
      raise ValueError(f'no valid {name} in the manifest')
  step = manifest.get('step', 0)
  if type(step) is not int or step < 0:  # nor a bool
    raise ValueError('no valid step in the manifest')
  model = manifest['model']
  for name, kind in {'name': str, 'dtype': str, 'crop_width': int}.items():
    if not isinstance(model.get(name, kind()), kind):
      raise ValueError(f'no valid model.{name} in the manifest')
  for name, value in model.items():
    values = value if isinstance(value, list) else [value]
    if not all(_is_setting(v) for v in values):
      raise ValueError(f'no valid model.{name} in the manifest')
  source = manifest['source']
  for name in (
    'objective',
    'pairs',
    'setting',
    'start',
    'kind',
    'file',
    'config_hash',
  ):
    if not isinstance(source.get(name, ''), str):
      raise ValueError(f'no valid source.{name} in the manifest')
  if not isinstance(source.get('steps', 0), int):
    raise ValueError('no valid source.steps in the manifest')
  history = source.get('history', [])
  if not isinstance(history, list) or not all(
    isinstance(entry, dict) for entry in history
  ):
    raise ValueError('no valid source.history in the manifest')


def _is_setting(value):
  if isinstance(value, (int, float)):
    return abs(value) <= _LARGEST
  return isinstance(value, str)


def check_format(manifest: dict, path: str) -> None:
  """Raises UserError unless its parameters have the names of this version."""
  if manifest['format'] != FORMAT:
    raise errors.UserError(
      f'expected a checkpoint of format {FORMAT}, found format '
      f'{manifest["format"]} in {path}; train or import it again'
    )


def check_model(manifest: dict, config, path: str, but_for=()) -> None:
  """Raises UserError unless the checkpoint's model is the config's.

  Args:
    manifest: of the checkpoint.
    config: the whole config.
    path: of the checkpoint, for the error.
    but_for: settings that may differ; those of the compute always may.
  """
  ours = config.model.to_dict()
  names = [n for n in ours if n not in (*but_for, *COMPUTE_SETTINGS)]
  plain = lambda v: list(v) if isinstance(v, (list, tuple)) else v
  for name in names:
    found = manifest['model'].get(name, ADDED_SETTINGS.get(name))
    if plain(found) != plain(ours[name]):
      raise errors.UserError(
        f'expected a checkpoint with model.{name}={ours[name]!r}, found '
        f'{found!r} in {path}; change config.model.{name} or the checkpoint'
      )


def check_optimizer(manifest: dict) -> None:
  """Raises UserError for weights that were imported without an optimiser."""
  source = manifest['source']
  if 'sha256' in source and 'optimizer' not in source:
    raise errors.UserError(
      f'expected a checkpoint that training can go on from, found '
      f'{source.get("file")} imported without its optimiser; convert it with '
      '--with-optimizer, or choose another --workdir and start from it by '
      '--config.init_from'
    )
