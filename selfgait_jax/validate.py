"""What can be known to be wrong with a config before anything is computed."""

from selfgait_jax import errors, evaluate, protocols

CHOICES = {
  'data.partition': ('standard', 'development'),
  'data.loader': ('tfdata', 'array'),
  'data.unlabelled_by': ('subject', 'sequence'),
  'data.labelled_by': ('subject', 'sequence'),
  'model.name': ('selfgait',),
  'model.dtype': ('float32', 'bfloat16'),
  'eval.protocol': tuple(protocols.PROTOCOLS),
  'eval.distance': ('euclidean', 'flattened', 'cosine'),
  'eval.label_free_output': ('pooled', 'embedding', 'projection', 'prediction'),
}
STAGE_CHOICES = {
  'objective': ('two_view', 'predictive', 'joint', 'supervised'),
  'pairs': ('same_clip', 'same_sequence', 'synchronised_views'),
  'views_per_batch': (0, 1, 2),
  'infonce_target': ('ema', 'online'),
  'joint_with': ('two_view', 'predictive'),
  'target_schedule': ('constant', 'cosine'),
  'triplet': ('all', 'hard'),
  'optimizer': ('sgd', 'adam'),
  'schedule': ('constant', 'cosine', 'steps'),
}
POSITIVE = ('steps', 'frames', 'batch_subjects', 'batch_sequences')


def check(config) -> None:
  """Raises UserError naming the first key that cannot be right."""
  for key, allowed in CHOICES.items():
    section, name = key.split('.')
    _expect(key, config[section][name], allowed)
  stages = config.stages.split(',')
  for name in stages:
    _expect('stages', name, (*evaluate.STAGES, 'evaluate'))
    if name != 'evaluate':
      _check_stage(config, name, stages)
  bins, top = sorted(config.model.bins, reverse=True), max(config.model.bins)
  rows = 64 // 2 ** (len(config.model.widths) - 1)
  if rows % top or any(top % b or (top // b).bit_count() != 1 for b in bins):
    raise errors.UserError(
      f'expected config.model.bins to halve down from a divisor of {rows} '
      f'rows, found {tuple(config.model.bins)}; change config.model.bins'
    )
  for name in ('checkpoint.every_steps', 'log.every_steps'):
    section, key = name.split('.')
    _at_least(name, config[section][key], 1)


def _check_stage(config, name, stages):
  stage, prefix = config[name], name + '.'
  for key, allowed in STAGE_CHOICES.items():
    if key in stage:
      _expect(prefix + key, stage[key], allowed)
  for key in POSITIVE:
    _at_least(prefix + key, stage[key], 1)
  if stage.init and stage.init not in evaluate.STAGES:
    _expect(prefix + 'init', stage.init, ('', *evaluate.STAGES))
  if stage.init in stages and stages.index(stage.init) > stages.index(name):
    raise errors.UserError(
      f'expected stage {stage.init} before {name}, which starts from it; '
      'change the order in config.stages'
    )
  if stage.objective == 'supervised':
    return
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
      f'clips are of two views; change config.{name}.views_per_batch'
    )
  if 'predictive' in (stage.objective, stage.joint_with):
    _at_least(prefix + 'frames', stage.frames, 2)


def _expect(key, found, allowed):
  if found not in allowed:
    raise errors.UserError(
      f'expected config.{key} to be one of {", ".join(map(repr, allowed))}, '
      f'found {found!r}; change config.{key}'
    )


def _at_least(key, found, least):
  if found < least:
    raise errors.UserError(
      f'expected config.{key} to be at least {least}, found {found}; '
      f'change config.{key}'
    )
