"""Checks of a network's section of the config."""

from selfgait_jax import errors
from selfgait_jax.models import factory
from selfgait_jax.settings import choices, rules

# Settings that every network has.
COMMON = ('name', 'dtype', 'crop_width', 'microbatches')
STAGES = 4  # of a residual network


def check_model(model) -> None:
  """Checks `config.model`, or the same section of a checkpoint's manifest.

  Raises UserError, which names the first setting that is missing or wrong.
  """
  check_values(model)
  check(model)


def check_values(model) -> None:
  """Checks every value of the section by itself; raises UserError."""
  for key, rule in choices.MODEL.items():
    if key in model or key in COMMON:
      rules.check(f'model.{key}', model.get(key), rule)


def check(model) -> None:
  """Checks what the values of the section mean together; raises UserError."""
  _check_lengths(model)
  divisor = factory.make_model(model).map_divisor
  _check_crop(model, divisor)
  _check_motion(model)
  _check_bins(model, 64 // divisor)
  _check_halvings(model)


def _check_lengths(model):
  expected = {}
  if 'layers' in model:
    expected = {'widths': STAGES, 'layers': STAGES}
  elif 'halvings' in model:
    expected = {'halvings': len(model.widths)}
  for key, length in expected.items():
    if len(model[key]) != length:
      raise errors.UserError(
        f'expected {length} numbers in config.model.{key}, found '
        f'{len(model[key])}; change config.model.{key}'
      )
  for key in ('widths', 'bins'):
    if not model.get(key, True):
      raise errors.UserError(
        f'expected at least one number in config.model.{key}, found none; '
        f'change config.model.{key}'
      )


def _check_crop(model, divisor):
  if 64 % divisor or model.crop_width % divisor:
    raise errors.UserError(
      f'expected config.model.crop_width to be divisible by {divisor}, by '
      f'which {model.name} divides the map, found {model.crop_width}; change '
      'config.model.crop_width or widths'
    )


def _check_motion(model):
  # GaitPart, which has `halvings`, always has the block.
  has_motion = model.get('use_motion', 'halvings' in model)
  if has_motion and model.widths[-1] < 4:
    raise errors.UserError(
      'expected the last of config.model.widths to be at least 4, which the '
      f'motion block divides by 4, found {model.widths[-1]}; change '
      'config.model.widths'
    )


def _check_bins(model, rows):
  bins = model.get('bins', (1,))
  top = max(bins)
  if rows % top or any(top % b or (top // b).bit_count() != 1 for b in bins):
    raise errors.UserError(
      f'expected config.model.bins to halve down from a divisor of {rows} '
      f'rows, found {tuple(bins)}; change config.model.bins'
    )


def _check_halvings(model):
  for i, halving in enumerate(model.get('halvings', ())):
    most = 6 - min(i, 2)  # the map has 64, 32, 16, 16, ... rows
    if halving > most:
      raise errors.UserError(
        f'expected at most {most} as number {i + 1} of config.model.halvings, '
        f'because the map has {2**most} rows there, found {halving}; change '
        'config.model.halvings'
      )
