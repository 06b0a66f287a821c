"""One pure function an objective: (state, batch) -> (state, metrics, outputs).

No sharding and no jit in here; `train.py` binds the keyword arguments. Clips
arrive as uint8 [B, T, 64, 64] and are cropped and augmented on the device.
`outputs` are the embeddings of the (first) clips, float32 [B, P, D], for the
health signals.
"""

import jax
import jax.numpy as jnp
import optax

from selfgait_jax import losses
from selfgait_jax.train import augment
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train.state import TrainState
from selfgait_jax.train.task import Task


def pretrain_step(task: Task, state: TrainState, batch: dict):
  """Label-free: the online network predicts the target's view of each clip.

  BYOL (arXiv:2006.07733) as SelfGait uses it: symmetric over two views, the
  target an exponential moving average. `predictive` follows the paper's
  framework figure: a clip without its last frame predicts the last frame. A
  network without a target is its own, as in SimSiam and GaitSSB (OpenGait).
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

  def loss_fn(out):
    loss, metrics = _view_loss(out, target, config, stage)
    return loss, metrics, out['embedding'][:, 0]

  def forward(variables):
    return model.apply(
      variables, seen, method='online_views', mutable=['batch_stats']
    )

  return _update(task, state, forward, loss_fn, model.labelled_modules)


def supervised_step(task: Task, state: TrainState, batch: dict):
  """Triplet or consistency loss, cross-entropy, or both, on labelled clips.

  Modules of the label-free objectives rest. A batch of clips of unequal length
  has a `mask`; what is False in it does not count, batch statistics included.
  """
  config, stage = task.config, task.stage
  clips = _augment(batch['clip'], _step_key(config, state.step), config)
  joint = stage.objective == 'joint'
  if config.reference.frame_split and joint and predicts(stage):
    clips = clips[:, -2:-1]  # The release's labelled steps see this frame too.

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
  """True if the last frame is predicted from the others."""
  joint = stage.objective == 'joint'
  return (stage.joint_with if joint else stage.objective) == 'predictive'


def _update(task, state, forward, loss_fn, resting):
  """One update of all modules except the `resting` ones.

  The running statistics of resting modules do not change either.

  Args:
    task: for the optimiser and the momentum of the target network.
    state: before the update.
    forward: variables -> (outputs of the network, new statistics).
    loss_fn: outputs -> (loss, metrics, [B, P, D] for the health signals).
    resting: names of top-level modules.
  """
  moving = {n: p for n, p in state.params.items() if n not in resting}

  def loss_of(moving):
    variables = {
      'params': state.params | moving,
      'batch_stats': state.batch_stats,
    }
    out, updates = forward(variables)
    loss, metrics, shown = loss_fn(out)
    return loss, (metrics, shown, updates.get('batch_stats', {}))

  (loss, (metrics, shown, stats)), grads = jax.value_and_grad(
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
  return state, metrics, shown


def _label_loss(out, labels, stage):
  """The weighted losses of a labelled batch."""
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


def _view_loss(out, target, config, stage):
  """The label-free losses of both directions, summed."""
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
      )
      metrics['infonce_loss'] = metrics.get('infonce_loss', 0) + contrast
      accuracy = extra['accuracy'] / 2  # a mean over the directions
      metrics['infonce_accuracy'] = (
        metrics.get('infonce_accuracy', 0) + accuracy
      )
      total += stage.infonce_weight * contrast
  return total, metrics


def _split_frames(views, config, stage):
  """What the online and what the target branch sees of [B, V, T, H, W]."""
  if not predicts(stage):
    return views, views
  if config.reference.frame_split:
    # Its three lists are one: all hold the last frame but one.
    return views[:, :, -2:-1], views[:, :, -2:-1]
  return views[:, :, :-1], views[:, :, -1:]


def _move_target(state, stage):
  """target <- m * target + (1 - m) * online, parameters only, in float32."""
  # `step` has been counted already: the rate is that of the finished update.
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
  """Randomness is a function of (seed, step): nothing to save, exact resume."""
  return jax.random.fold_in(jax.random.key(config.seed), step)
