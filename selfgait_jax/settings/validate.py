"""What can be known to be wrong with a config before anything is computed."""

import math

from selfgait_jax import errors, protocols
from selfgait_jax.data import datasets
from selfgait_jax.models import factory
from selfgait_jax.run import identity
from selfgait_jax.settings import choices
from selfgait_jax.train import steps


def check_values(config) -> None:
  """Raises UserError naming the first key whose value alone cannot be right."""
  for key, allowed in choices.CHOICES.items():
    _expect(key, _get(config, key), allowed)
  for key, bounds in choices.RANGES.items():
    _expect_between(key, _get(config, key), bounds)
  check_model(config.model)


def check(config) -> None:
  """The same, and of values that do not go together."""
  check_values(config)
  _check_protocol(config)
  _check_rows(config.augment)
  stages = config.stages.split(',')
  for name in stages:
    _expect('stages', name, (*identity.STAGES, 'evaluate'))
    if name != 'evaluate':
      _check_stage(config, name, stages)


def _check_protocol(config):
  rules = protocols.find(config.eval.protocol)
  if rules.listed and not config.data.partition_file:
    raise errors.UserError(
      f'expected a partition file with the PROBE_SET of {rules.name}, found '
      'none; set config.data.partition_file'
    )
  named = rules.gallery and not rules.parts and not rules.galleries
  if config.eval.linear_probe and not named:
    raise errors.UserError(
      'expected a protocol with one list of gallery conditions to train the '
      f'linear probe on, found {rules.name}; switch config.eval.linear_probe '
      'off'
    )
  if not rules.on_training and config.log.held_out_every_steps:
    raise errors.UserError(
      f'expected no held-out check with {rules.name}, which scores test '
      'subjects only, found log.held_out_every_steps='
      f'{config.log.held_out_every_steps}; set '
      'config.log.held_out_every_steps to 0'
    )
  if config.eval.rerank:
    protocols.check_rerank(rules)


def check_model(model) -> None:
  """Raises UserError naming the first setting of a network that is wrong."""
  for key, allowed in choices.MODEL_CHOICES.items():
    if key in model:
      _expect(f'model.{key}', model[key], allowed)
  for key, bounds in choices.MODEL_RANGES.items():
    if key in model:
      _expect_between(f'model.{key}', model[key], bounds)
  for key, lowest in (
    ('widths', 1),
    ('bins', 1),
    ('layers', 1),
    ('halvings', 0),
  ):
    for number in model.get(key, (1,)) or ('nothing',):
      if not isinstance(number, int) or number < lowest:
        raise errors.UserError(
          f'expected config.model.{key} to hold whole numbers from {lowest}, '
          f'found {number!r}; change config.model.{key}'
        )
  divisor = factory.make_model(model).map_divisor
  if 64 % divisor or model.crop_width % divisor:
    raise errors.UserError(
      f'expected config.model.crop_width to be divisible by {divisor}, by '
      f'which {model.name} divides the map, found {model.crop_width}; change '
      'config.model.crop_width or widths'
    )
  if model.get('use_motion', False) and model.widths[-1] < 4:
    raise errors.UserError(
      'expected the last of config.model.widths to be at least 4, which the '
      f'motion block divides by 4, found {model.widths[-1]}; change '
      'config.model.widths'
    )
  rows, bins = 64 // divisor, model.get('bins', (1,))
  top = max(bins)
  if rows % top or any(top % b or (top // b).bit_count() != 1 for b in bins):
    raise errors.UserError(
      f'expected config.model.bins to halve down from a divisor of {rows} '
      f'rows, found {tuple(bins)}; change config.model.bins'
    )


def _check_rows(augment):
  for key in ('dilate_rows', 'blur_rows'):
    ends = [end for pair in augment[key] for end in pair]
    if (
      len(ends) != 4 or ends != sorted(ends) or not 0 <= ends[0] < ends[3] < 65
    ):
      raise errors.UserError(
        f'expected config.augment.{key} to be ((a, b), (c, d)), rising within '
        f'64 rows, found {augment[key]}; change config.augment.{key}'
      )


def _check_stage(config, name, stages):
  stage, prefix = config[name], name + '.'
  if 'pairs' not in stage:  # a supervised section lacks the other settings
    _expect(prefix + 'objective', stage.objective, ('supervised',))
  for key, allowed in choices.STAGE_CHOICES.items():
    if key in stage:
      _expect(prefix + key, stage[key], allowed)
  for key, bounds in choices.STAGE_RANGES.items():
    if key in stage:
      _expect_between(prefix + key, stage[key], bounds)
  if stage.init and stage.init not in identity.STAGES:
    _expect(prefix + 'init', stage.init, ('', *identity.STAGES))
  if stage.init in stages and stages.index(stage.init) > stages.index(name):
    raise errors.UserError(
      f'expected stage {stage.init} before {name}, which starts from it, found '
      f'stages={",".join(stages)}; change the order in config.stages'
    )
  falls = [m for m in stage.milestones if isinstance(m, int) and m > 0]
  if stage.schedule == 'steps' and (
    not falls or falls != sorted(set(stage.milestones))
  ):
    raise errors.UserError(
      'expected rising numbers of steps at which the rate falls, found '
      f'{tuple(stage.milestones)}; change config.{name}.milestones or schedule'
    )
  if stage.objective in ('supervised', 'joint'):
    _check_labelled(config, name)
  _check_sampling(config, name)
  if stage.objective != 'supervised':
    _check_label_free(config, name)


def _check_labelled(config, name):
  stage = config[name]
  if not stage.triplet_weight and not stage.cross_entropy_weight:
    raise errors.UserError(
      f'expected a loss for {name}, found triplet_weight and '
      f'cross_entropy_weight both 0; change config.{name}.triplet_weight'
    )
  if stage.cross_entropy_weight and not config.model.get('classes', 0):
    raise errors.UserError(
      f'expected a network with a classifier for {name}.cross_entropy_weight='
      f'{stage.cross_entropy_weight}, found {config.model.name} without one; '
      f'set config.{name}.cross_entropy_weight=0 or config.model.classes'
    )
  if stage.gamma and stage.triplet == 'hard':
    raise errors.UserError(
      f'expected {name}.triplet=all with gamma={stage.gamma} (the consistency '
      f"loss is of all triplets), found 'hard'; change config.{name}.triplet"
    )


def _check_sampling(config, name):
  stage, sampling = config[name], config[name].frames_sampling
  for low, high in (
    ('frames_min', 'frames_max'),
    ('interval_min', 'interval_max'),
  ):
    if stage[low] > stage[high]:
      raise errors.UserError(
        f'expected {low} not above {high}, found {stage[low]} and '
        f'{stage[high]}; change config.{name}.{low}'
      )
  spread = stage.frames_skip or stage.interval_max > 1
  if spread and (sampling == 'all' or not stage.ordered):
    raise errors.UserError(
      'expected ordered frames, fixed or unfixed, with frames_skip or an '
      f'interval, found frames_sampling={sampling} and ordered='
      f'{stage.ordered}; change config.{name}.ordered or frames_sampling'
    )
  if sampling != 'fixed' and stage.objective != 'supervised':
    raise errors.UserError(
      'expected frames_sampling=fixed where clips are learnt from without '
      f'labels, found {sampling}; change config.{name}.frames_sampling'
    )
  if config.reference.window and (spread or sampling != 'fixed'):
    raise errors.UserError(
      f'expected {name} to take its frames from one fixed window a sequence '
      '(reference.window), found frames_skip, an interval or frames_sampling='
      f'{sampling}; change config.reference.window'
    )


def _check_label_free(config, name):
  stage = config[name]
  model = factory.make_model(config.model)
  if not model.learns_without_labels:
    raise errors.UserError(
      f'expected a network with heads for {name}, which has no labels, found '
      f'{config.model.name} without; set config.model.projector_hidden or '
      'config.model.head, or change config.stages'
    )
  if not model.target_modules and (
    stage.cosine_weight or stage.infonce_target == 'ema'
  ):
    raise errors.UserError(
      f'expected a network with a target for {name}, found {config.model.name} '
      f'without; set config.{name}.cosine_weight=0 and infonce_target=online'
    )
  if not stage.cosine_weight and not stage.infonce_weight:
    raise errors.UserError(
      f'expected a loss for {name}, found cosine_weight and infonce_weight '
      f'both 0; change config.{name}.cosine_weight'
    )
  if stage.views_per_batch == 2 and stage.pairs != 'synchronised_views':
    raise errors.UserError(
      f'expected pairs=synchronised_views with views_per_batch=2, found '
      f'{stage.pairs}; change config.{name}.pairs'
    )
  if stage.views_per_batch == 1 and stage.pairs == 'synchronised_views':
    raise errors.UserError(
      'expected views_per_batch 0 or 2 with pairs=synchronised_views, whose '
      f'clips are of two views, found 1; change config.{name}.views_per_batch'
    )
  if config.reference.pretrain_sampler and (
    stage.views_per_batch or stage.pairs == 'synchronised_views'
  ):
    raise errors.UserError(
      'expected batches drawn by identity (reference.pretrain_sampler) or by '
      f'views (views_per_batch={stage.views_per_batch}, pairs={stage.pairs}), '
      f'found both; change config.reference.pretrain_sampler or config.{name}'
    )
  if stage.freeze_batch_norm:
    raise errors.UserError(
      f'expected {name} to train its batch normalisation, as every stage that '
      f'learns without labels does, found freeze_batch_norm=True; set '
      f'config.{name}.freeze_batch_norm=False'
    )
  _check_views(config, name)
  if steps.predicts(stage):
    _expect_between(f'{name}.frames', stage.frames, (2, math.inf))
    _expect(f'{name}.ordered', stage.ordered, (True,))


def _check_views(config, name):
  stage, facts = config[name], datasets.find(config.data.name)
  if facts is None:  # data/partitions.py lists the known ones
    return
  if stage.views_per_batch == 1 and not facts.views_are_cameras:
    raise errors.UserError(
      f'expected a data set whose views are cameras with {name}.views_per_batch'
      f'=1, found {facts.name}, whose views only tell sequences apart; set '
      f'config.{name}.views_per_batch=0'
    )
  if stage.pairs == 'synchronised_views' and not facts.synchronised:
    raise errors.UserError(
      'expected a data set that records a walk with several cameras at a time '
      f'with {name}.pairs=synchronised_views, found {facts.name}; change '
      f'config.{name}.pairs'
    )


def _get(config, key):
  for part in key.split('.'):
    config = config[part]
  return config


def _expect(key, found, allowed):
  if found not in allowed:
    raise errors.UserError(
      f'expected config.{key} to be one of {", ".join(map(repr, allowed))}, '
      f'found {found!r}; change config.{key}'
    )


def _expect_between(key, found, bounds):
  low, high = bounds
  if not low <= found <= high:  # false for NaN too
    low = 'above 0' if low == math.ulp(0) else f'at least {low}'
    high = '' if high == math.inf else f' and at most {high}'
    raise errors.UserError(
      f'expected config.{key} to be {low}{high}, found {found}; change '
      f'config.{key}'
    )
