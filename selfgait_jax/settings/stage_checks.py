"""Checks of how the settings of a stage go together."""

from selfgait_jax import errors
from selfgait_jax.data import datasets
from selfgait_jax.models import factory
from selfgait_jax.settings import rules
from selfgait_jax.train import optimizer, steps


def check(config, name: str, stages: list[str]) -> None:
  """Raises UserError if settings of a stage contradict each other or others.

  Args:
    config: the whole config; `validate.check_values` has passed.
    name: of the stage.
    stages: names of all stages that run, in their order.
  """
  stage = config[name]
  _check_order(stage, name, stages)
  _check_optimizer(stage, name)
  _check_sampling(config, name)
  if stage.objective in ('supervised', 'joint'):
    _check_labelled(config, name)
  if stage.objective == 'clusters':
    _check_rounds(config, name)
  elif stage.objective != 'supervised':
    _check_label_free(config, name)
    _check_pairs(config, name)
    _check_views(config, name)
    _check_negatives(config, name)


def _check_order(stage, name, stages):
  if stage.init in stages and stages.index(stage.init) > stages.index(name):
    raise errors.UserError(
      f'expected stage {stage.init} before {name}, which starts from it, found '
      f'stages={",".join(stages)}; change the order in config.stages'
    )


def _check_optimizer(stage, name):
  falls = stage.milestones
  if stage.schedule == 'steps' and not (falls and rules.rises(falls)):
    raise errors.UserError(
      'expected rising numbers of steps at which the rate falls, found '
      f'{tuple(falls)}; change config.{name}.milestones or schedule'
    )
  optimizer.parse_rate_factors(stage.rate_factors)


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
  if stage.freeze_batch_norm:
    raise errors.UserError(
      f'expected {name}.freeze_batch_norm=False without labels, where each '
      'batch is normalised by its own statistics, found True; change '
      f'config.{name}.freeze_batch_norm'
    )
  if steps.predicts(stage):
    rules.check(f'{name}.frames', stage.frames, rules.whole(2))
    rules.check(f'{name}.ordered', stage.ordered, rules.one_of(True))


def _check_rounds(config, name):
  stage = config[name]
  steps = (0, *stage.relabel_at, stage.steps)
  if not rules.rises(steps):
    raise errors.UserError(
      f'expected rising steps below config.{name}.steps={stage.steps} at which '
      f'to find pseudo-identities anew, found {tuple(stage.relabel_at)}; '
      f'change config.{name}.relabel_at'
    )
  if stage.cross_entropy_weight or not stage.triplet_weight:
    raise errors.UserError(
      f'expected a triplet loss alone for {name}, whose number of '
      'pseudo-identities changes, found triplet_weight='
      f'{stage.triplet_weight} and cross_entropy_weight='
      f'{stage.cross_entropy_weight}; change config.{name}'
    )
  _expect_cameras(config, name, 'take the stage out of config.stages')
  if stage.setting == 'synchronised':
    remedy = f'set config.{name}.setting=strict'
    _expect_synchronised(config, f'{name}.setting=synchronised', remedy)


def _check_pairs(config, name):
  stage = config[name]
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


def _check_views(config, name):
  stage = config[name]
  if stage.views_per_batch == 1:
    remedy = f'set config.{name}.views_per_batch=0'
    _expect_cameras(config, f'{name}.views_per_batch=1', remedy)
  if stage.pairs == 'synchronised_views':
    remedy = f'change config.{name}.pairs'
    _expect_synchronised(config, f'{name}.pairs=synchronised_views', remedy)


def _check_negatives(config, name):
  stage = config[name]
  by_camera = stage.negatives == 'same_camera'
  if (by_camera or stage.ignore_nearest) and not stage.infonce_weight:
    raise errors.UserError(
      f'expected a contrastive loss for {name}.negatives={stage.negatives} and '
      f'ignore_nearest={stage.ignore_nearest}, found infonce_weight=0; change '
      f'config.{name}.infonce_weight'
    )
  if by_camera:
    remedy = f'set config.{name}.negatives=all'
    _expect_cameras(config, f'{name}.negatives=same_camera', remedy)
  if by_camera and stage.views_per_batch:
    raise errors.UserError(
      f'expected batches of any cameras with {name}.negatives=same_camera, '
      f'found views_per_batch={stage.views_per_batch}, where all keys come '
      f'from one camera; change config.{name}.views_per_batch'
    )


def _expect_cameras(config, what, remedy):
  facts = datasets.find(config.data.name)
  # data/partitions.py lists the known data sets.
  if facts and facts.camera_pattern is None:
    raise errors.UserError(
      f'expected a data set that names the camera of each sequence for {what}, '
      f'found {facts.name}, which does not; {remedy}'
    )


def _expect_synchronised(config, what, remedy):
  facts = datasets.find(config.data.name)
  if facts and not facts.synchronised:
    raise errors.UserError(
      'expected a data set that records a walk with several cameras at a time '
      f'for {what}, found {facts.name}; {remedy}'
    )
