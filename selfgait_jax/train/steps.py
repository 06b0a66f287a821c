"""The training steps: (task, state, batch) -> (state, metrics, embeddings).

Both are pure functions, without jit or sharding; loop.py compiles them. Clips
arrive as uint8 [B, T, 64, 64] and are cropped and augmented on the device. The
embeddings, float32 [B, P, D], are those of the first clips and serve the health
signals.
"""

import jax
import jax.numpy as jnp
import optax

from selfgait_jax import losses
from selfgait_jax.train import augment
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train.state import TrainState
from selfgait_jax.train.task import Task

Array = jax.Array


def pretrain_step(
  task: Task, state: TrainState, batch: dict[str, Array]
) -> tuple[TrainState, dict[str, Array], Array]:
  """A label-free step: the online network predicts the output of the target.

  This is BYOL (arXiv:2006.07733) as in SelfGait: each of two views predicts the
  other, and the target network is a moving average of the online network. With
  the objectives `predictive` and `joint` the online network sees all frames of
  a clip but the last, and the target only the last (the framework figure of the
  SelfGait paper). Networks without a target compare with their own outputs, as
  in SimSiam and GaitSSB (OpenGait).

  Args:
    task: what the stage learns with.
    state: before the step.
    batch: `clip_1` and, if the views are different clips, `clip_2`; with
      negatives=same_camera also `camera_1` and `camera_2`, int32 [B].

  Returns:
    The next state, scalar metrics, and the embeddings of `clip_1`.
  """
  first, second = batch['clip_1'], batch.get('clip_2', batch['clip_1'])
  config, stage, model = task.config, task.stage, task.model
  keys = jax.random.split(_step_key(config, state.step))
  views = [
    _augment(clips, key, config)
    for clips, key in zip((first, second), keys, strict=True)
  ]
  seen, aimed = _split_frames(jnp.stack(views, 1), config, stage)

  target = None
  if state.target_params:
    target, updates = model.apply(
      {'params': state.target_params, 'batch_stats': state.target_batch_stats},
      aimed,
      method='target_views',
      mutable=['batch_stats'],
    )
    state = state.replace(target_batch_stats=updates['batch_stats'])

  cameras = None
  if stage.negatives == 'same_camera':
    cameras = batch['camera_1'], batch['camera_2']

  def loss_fn(out):
    loss, metrics = _view_loss(out, target, cameras, config, stage)
    return loss, metrics, out['embedding'][:, 0]

  def forward(variables):
    return model.apply(
      variables, seen, method='online_views', mutable=['batch_stats']
    )

  return _update(task, state, forward, loss_fn, model.labelled_modules)


def supervised_step(
  task: Task, state: TrainState, batch: dict[str, Array]
) -> tuple[TrainState, dict[str, Array], Array]:
  """A labelled step: triplet or consistency loss, cross-entropy, or both.

  Modules that only label-free objectives train do not change.

  Args:
    task: what the stage learns with.
    state: before the step.
    batch: `clip`; `label`, int32 [B]; for clips of unequal length `mask`, bool
      [B, T], False for padding, which no loss or batch statistic sees.

  Returns:
    The next state, scalar metrics, and the embeddings of the clips.
  """
  config, stage = task.config, task.stage
  clips = _augment(batch['clip'], _step_key(config, state.step), config)
  if config.reference.frame_split and stage.objective == 'joint':
    clips = clips[:, -2:-1]  # SelfGait's labelled steps see this frame only.

  def loss_fn(out):
    loss, metrics = _label_loss(out, batch['label'], stage)
    return loss, metrics, out['embedding']

  def forward(variables):
    return task.model.apply(
      variables,
      clips,
      batch.get('mask'),
      not stage.freeze_batch_norm,
      method='learn',
      mutable=['batch_stats'],
    )

  return _update(task, state, forward, loss_fn, task.model.label_free_modules)


def predicts(stage) -> bool:
  """True if label-free steps predict the last frame from the others."""
  return stage.objective in ('predictive', 'joint')


def _update(task, state, forward, loss_fn, resting):
  """Updates all modules, with their running statistics, but the `resting` ones.

  Args:
    task: for the optimizer and the momentum of the target network.
    state: before the update.
    forward: variables -> (outputs of the network, new running statistics).
    loss_fn: outputs -> (loss, metrics, embeddings [B, P, D]).
    resting: names of top-level modules.
  """
  moving = {n: p for n, p in state.params.items() if n not in resting}

  def loss_of(moving):
    variables = {
      'params': state.params | moving,
      'batch_stats': state.batch_stats,
    }
    out, updates = forward(variables)
    loss, metrics, embeddings = loss_fn(out)
    return loss, (metrics, embeddings, updates.get('batch_stats', {}))

  (loss, (metrics, embeddings, stats)), grads = jax.value_and_grad(
    loss_of, has_aux=True
  )(moving)
  params, opt_state = task.optimizer.update(
    grads, state.opt_state, state.params, state.step
  )
  metrics |= {
    'loss': loss,
    'learning_rate': task.optimizer.learning_rate(state.step),
    'gradient_norm': optax.global_norm(grads),
    'parameter_norm': optax.global_norm(params),
  }
  stats = {name: value for name, value in stats.items() if name in moving}
  state = state.replace(
    step=state.step + 1,
    params=params,
    batch_stats=state.batch_stats | stats,
    opt_state=opt_state,
  )
  if state.target_params:
    state, metrics['target_momentum'] = _move_target(state, task.stage)
  return state, metrics, embeddings


def _label_loss(out, labels, stage):
  """(weighted sum of the losses, metrics) of a labelled batch."""
  total, metrics = 0.0, {}
  if stage.triplet_weight:
    inputs = out['embedding'], labels, stage.margin
    most = stage.batch_sequences
    if stage.gamma:
      loss, metrics = losses.multi_view_consistency_loss(
        *inputs, stage.gamma, most
      )
    else:
      loss, metrics = losses.triplet_loss(*inputs, stage.triplet, most)
    metrics['triplet_loss'] = loss
    total += stage.triplet_weight * loss
  if stage.cross_entropy_weight:
    loss, extra = losses.cross_entropy_loss(
      out['logits'], labels, stage.logit_scale, stage.label_smoothing
    )
    metrics |= extra | {'cross_entropy_loss': loss}
    total += stage.cross_entropy_weight * loss
  return total, metrics


def _view_loss(out, target, cameras, config, stage):
  """(weighted sum of the losses of both directions, metrics).

  With `cameras`, the numbers of both views, a key repels only the queries whose
  own key is of its camera: to tell cameras apart then gains nothing.
  """
  total, metrics = 0.0, {}
  for here, there in ((0, 1), (1, 0)):
    prediction = out['prediction'][:, here]
    if stage.cosine_weight:
      cosine = losses.byol_loss(
        prediction, target[:, there], config.reference.cosine_axis
      )
      metrics['cosine_loss'] = metrics.get('cosine_loss', 0) + cosine
      total += stage.cosine_weight * cosine
    if stage.infonce_weight:
      keys = target if stage.infonce_target == 'ema' else out['projection']
      contrast, extra = losses.infonce_loss(
        prediction,
        jax.lax.stop_gradient(keys[:, there]),
        stage.temperature,
        stage.infonce_smoothing,
        None if cameras is None else _equal(cameras[there]),
        stage.ignore_nearest,
      )
      metrics['infonce_loss'] = metrics.get('infonce_loss', 0) + contrast
      accuracy = extra['accuracy'] / 2  # mean of the two directions
      metrics['infonce_accuracy'] = (
        metrics.get('infonce_accuracy', 0) + accuracy
      )
      total += stage.infonce_weight * contrast
  return total, metrics


def _equal(numbers):
  """Which of the numbers are equal: [B] -> bool [B, B]."""
  return numbers[:, None] == numbers


def _split_frames(views, config, stage):
  """The frames of [B, V, T, H, W] for the online and for the target branch."""
  if not predicts(stage):
    return views, views
  if config.reference.frame_split:
    # SelfGait uses one list for both, which ends with the last frame but one.
    return views[:, :, -2:-1], views[:, :, -2:-1]
  return views[:, :, :-1], views[:, :, -1:]


def _move_target(state, stage):
  """target <- m * target + (1 - m) * online, parameters only, in float32."""
  # `state.step` already counts this update.
  momentum = optimizers.target_momentum(stage, state.step - 1)
  online = {name: state.params[name] for name in state.target_params}
  target = optax.incremental_update(online, state.target_params, 1 - momentum)
  return state.replace(target_params=target), momentum


def _augment(clips, key, config):
  return augment.augment_clips(
    clips,
    key,
    config.augment,
    config.model.crop_width,
    config.reference,
  )


def _step_key(config, step):
  """A key from the seed and the step, so that a resumed run draws the same."""
  return jax.random.fold_in(jax.random.key(config.seed), step)
