"""What a checkpoint says of itself, and whether that suits a config."""

from selfgait_jax import __version__, errors
from selfgait_jax.run import identity

FORMAT = 2  # goes up when parameters are named otherwise
# Settings of a network that change how it is computed, and no tensor.
COMPUTE_SETTINGS = ('dtype', 'microbatches', 'remat')


def make_manifest(config, stage_name: str, start: str = '') -> dict:
  """What a reader of the checkpoint must know, as JSON.

  `start` is where the stage's first weights came from, '' for random ones.
  """
  stage = config[stage_name]
  source = {
    'program': f'selfgait_jax {__version__}',
    'stage': stage_name,
    'objective': stage.objective,
    'pairs': stage.get('pairs', ''),
    'identity_sampler': config.reference.pretrain_sampler,
    'labelled_fraction': stage.labelled_fraction,
    'steps': stage.steps,
    'start': start,
    'data': config.data.name,
    'partition': config.data.partition,
    'seed': config.seed,
    'config_hash': identity.config_hash(config),
  }
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


def check_model(manifest: dict, config, path: str, but_for=()) -> None:
  """Raises UserError unless the checkpoint's model is the config's.

  The settings `but_for` may differ; those of the compute always may.
  """
  ours = config.model.to_dict()
  names = [n for n in ours if n not in (*but_for, *COMPUTE_SETTINGS)]
  plain = lambda v: list(v) if isinstance(v, (list, tuple)) else v
  for name in names:
    found = manifest['model'].get(name)
    if plain(found) != plain(ours[name]):
      raise errors.UserError(
        f'expected a checkpoint with model.{name}={ours[name]!r}, found '
        f'{found!r} in {path}; change config.model.{name} or the checkpoint'
      )


def check_optimizer(manifest: dict) -> None:
  """Raises UserError for what was imported without its optimiser."""
  source = manifest['source']
  if 'sha256' in source and 'optimizer' not in source:
    raise errors.UserError(
      f'expected a checkpoint that training can go on from, found '
      f'{source["file"]} imported without its optimiser; convert it with '
      '--with-optimizer, or choose another --workdir and start from it by '
      '--config.init_from'
    )
