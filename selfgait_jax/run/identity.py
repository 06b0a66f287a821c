"""What identifies a run: its stages, its settings and its software."""

import hashlib
import importlib.metadata
import json

from selfgait_jax import __version__

# Every training stage, in the order of a table's rows.
STAGES = (
  'pretrain', 'discover', 'few_scratch', 'few_pretrained', 'train', 'finetune',
)  # fmt: skip
# Settings that change where, how fast or how often, but no number; what does
# change one, `config_hash` adds.
WITHOUT_EFFECT = ('data_dir', 'stages', 'checkpoint', 'log', 'distributed')
WITHOUT_EFFECT_IN_DATA = ('loader', 'packed_file', 'workers', 'prefetch')


def config_hash(config) -> str:
  """12 hex digits of the settings that can change a result."""
  settings = config.to_dict()
  for name in WITHOUT_EFFECT:
    settings.pop(name)
  for name in WITHOUT_EFFECT_IN_DATA:
    settings['data'].pop(name)
  settings['eval'].pop('show_people')
  # Added only if in use: without them, hashes stay what they were before.
  if config.log.held_out_every_steps:  # these subjects don't train
    settings['held_out_subjects'] = config.log.held_out_subjects
  if config.data.packed_file:  # its pixels are black and white
    settings['packed'] = True
  text = json.dumps(settings, sort_keys=True, default=str)
  return hashlib.sha256(text.encode()).hexdigest()[:12]


def shared_settings(config) -> list:
  """The settings that all processes of a run must share; paths may differ."""
  loop = config.stages, config.checkpoint.to_dict(), config.log.to_dict()
  return [config_hash(config), *map(str, loop), __version__]


def versions() -> dict[str, str]:
  """Versions of the packages that compute the results."""
  names = ('jax', 'flax', 'optax', 'orbax-checkpoint', 'numpy')
  found = {name: importlib.metadata.version(name) for name in names}
  return {'selfgait_jax': __version__} | found
