"""The cases `step` and `embed` of `benchmark.py`: one batch on the devices."""

import ast
import functools
import itertools
import statistics

import jax
import numpy as np

from benchmarks import beside, common
from configs import default
from selfgait_jax import errors
from selfgait_jax.data import datasets, input_pipeline, splits
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory, pixels
from selfgait_jax.settings import networks
from selfgait_jax.train import steps
from selfgait_jax.train.task import make_task

WARM = 2  # steps that are not counted
NETWORKS = tuple(factory.MODELS)
# --step: its stage, its function, how often a batch's frames are seen.
LABEL_FREE = ('pretrain', steps.pretrain_step, 2)
STEPS = dict.fromkeys(NETWORKS, ('train', steps.supervised_step, 1))
STEPS |= {
  'selfgait': LABEL_FREE,
  'gaitssb': LABEL_FREE,
  'selfgait_triplet': ('train', steps.supervised_step, 1),
}


def step_options(parser):
  network_options(parser)
  _batch_options(parser)


def network_options(parser):
  parser.add_argument(
    '--step',
    choices=STEPS,
    default='selfgait',
    help='two views without labels (selfgait with a target network, gaitssb), '
    'or triplet and, where there is a classifier, cross-entropy',
  )
  parser.add_argument(
    '--setting',
    action='append',
    default=[],
    metavar='KEY=VALUE',
    help='of the network, e.g. remat=True or microbatches=4; can be repeated',
  )


def step_case(options):
  """Frames a second of one training step, and milliseconds by part.

  A frame counts once per view. `seconds` and `frames_per_second` are of the
  step with its batch on the devices: training makes and moves the next batch
  meanwhile. `input_ms` is one thread making a batch, `transfer_ms` its way to
  the devices.
  """
  mesh = make_mesh(options)
  _, make, state, step = prepare(options, mesh)
  place = functools.partial(sharding.shard_batch, mesh=mesh)
  first = place(make(0))  # the whole batch, of which a process makes a part
  lowered = step.lower(state, first)
  flops = arithmetic(step, state, first)
  compile_seconds, step = common.seconds(lowered.compile)
  parts = []
  for number in range(WARM + options.repeats):
    input_seconds, batch = common.seconds(make, number)
    transfer_seconds, batch = common.seconds(place, batch)
    # Waits at each step: steps queued over CPU devices may hang.
    step_seconds, (state, *_) = common.seconds(step, state, batch)
    parts.append((input_seconds, transfer_seconds, step_seconds))
  medians = [
    statistics.median(part) for part in zip(*parts[WARM:], strict=True)
  ]
  milliseconds = [round(1e3 * median, 2) for median in medians]
  yield {
    'step': options.step,
    'tflop': round(flops / 1e12, 4),
    **_rate(
      options, STEPS[options.step][2], medians[-1], compile_seconds, mesh
    ),
    **dict(
      zip(('input_ms', 'transfer_ms', 'step_ms'), milliseconds, strict=True)
    ),
  }


def prepare(options, mesh):
  """(network, step number -> batch, first state, jitted step) of `--step`."""
  model, make, make_state, step = parts(options, mesh)
  return model, make, make_state(), step


def parts(options, mesh):
  """As `prepare`, but with what makes the first state."""
  config, name, function = settings(options.step, options.sequences, options)
  for setting in options.setting:
    key, _, value = setting.partition('=')
    if key not in config.model or not value:
      raise errors.UserError(
        f'expected KEY=VALUE of {config.model.name} with a key out of '
        f'{", ".join(config.model)}, found {setting}; change --setting'
      )
    config.model[key] = ast.literal_eval(value)
  sharding.check_batch(
    options.sequences, mesh, '--sequences', config.model.microbatches
  )
  make_state, step = training(config, config[name], function, mesh)
  model = factory.make_model(config.model)
  return model, _batch_function(config, name), make_state, step


def arithmetic(step, state, batch) -> float:
  """XLA's count of a step's floating-point operations, without running it.

  As lowered for a TPU, whose forms of the convolutions hold no loops.
  """
  shapes = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (state, batch)
  )
  lowered = step.trace(*shapes).lower(lowering_platforms=('tpu',))
  return lowered.cost_analysis()['flops']


def settings(step, clips, options):
  """(config, name of the stage, function) of one of `STEPS`.

  Args:
    step: its name.
    clips: in a batch.
    options: of the command line; `frames` and `dtype` are read.
  """
  config = _config(step.removesuffix('_triplet'), options)
  name, function, _ = STEPS[step]
  stage = config[name]
  stage.cross_entropy_weight = float(config.model.get('classes', 0) > 0)
  if step == 'gaitssb':
    stage.cosine_weight, stage.infonce_weight = 0.0, 1.0
    stage.infonce_target = 'online'
  subjects = _subjects(clips)
  stage.batch_subjects = subjects
  stage.batch_sequences = clips // subjects
  stage.frames = options.frames
  return config, name, function


def training(config, stage, function, mesh, feed=None):
  """(what makes the state before the first step, the jitted step)."""
  task = make_task(config, stage)

  def make_state():
    variables = factory.init_variables(
      task.model, jax.random.key(0), config.model.crop_width
    )
    state = task.first_state(variables)
    return jax.device_put(state, sharding.replicated(mesh))

  step = functools.partial(function, task)
  return make_state, sharding.compile_step(step, mesh, feed)


def embed_options(parser):
  parser.add_argument(
    '--model', choices=NETWORKS, default='selfgait', help='network'
  )
  _batch_options(parser)


def embed_case(options):
  """Frames a second of the forward pass: the trunk alone, and all of it."""
  mesh = make_mesh(options)
  config = _config(options.model, options)
  model = factory.make_model(config.model)
  variables = jax.device_put(
    factory.init_variables(model, jax.random.key(0), config.model.crop_width),
    sharding.replicated(mesh),
  )
  shape = options.sequences, options.frames
  frames = np.random.default_rng(0).integers(0, 256, (*shape, 64, 64), np.uint8)
  batch = sharding.shard_batch((frames, np.ones(shape, bool)), mesh)
  frames_alone = options.model == 'selfgait'

  def encode(variables, frames, mask):
    clips = pixels.crop_frames(frames, config.model.crop_width)
    method = lambda m: m.encoder(clips) if frames_alone else m.pool(clips, mask)
    return model.apply(variables, method=method)

  def embed(variables, frames, mask):
    clips = pixels.crop_frames(frames, config.model.crop_width)
    return model.apply(variables, clips, mask)['embedding']

  trunk = 'encoder' if frames_alone else 'trunk'
  for part, function in ((trunk, encode), ('embedding', embed)):
    compile_seconds, forward = common.seconds(
      sharding.compile_embed(function, mesh).lower(variables, *batch).compile
    )
    run = functools.partial(forward, variables, *batch)
    common.median_seconds(run, WARM)
    seconds = common.median_seconds(run, options.repeats)
    yield {
      'model': options.model,
      'part': part,
      **_rate(options, 1, seconds, compile_seconds, mesh),
    }


def _config(network, options):
  config = default.get_config()
  config.model = getattr(networks, network)()
  config.model.dtype = options.dtype
  return config


def _batch_options(parser):
  parser.add_argument(
    '--sequences', type=common.count, default=8, help='a batch'
  )
  parser.add_argument('--frames', type=common.count, default=10, help='a clip')
  parser.add_argument(
    '--repeats',
    type=common.count,
    default=7,
    help='timed; the median counts',
  )
  common.device_options(parser)
  beside.options(parser)


def make_mesh(options):
  mesh = common.make_mesh(options.devices)
  sharding.check_batch(options.sequences, mesh, '--sequences or --devices')
  return mesh


def _subjects(batch):
  """As many as divide the batch, two sequences each if possible; at most 8."""
  found = [p for p in range(1, 9) if batch % p == 0 and 2 * p <= batch]
  return max(found, default=1)


def _batch_function(config, name):
  """step -> batch, from random sequences."""
  facts = datasets.CASIA_B
  found = common.random_sequences(
    itertools.product(facts.subjects[:8], facts.conditions, facts.views[:2])
  )
  train = splits.cut(found, config, 'train')
  subset = splits.training_rows(train, config, config[name])
  part = jax.process_index(), jax.process_count()
  return input_pipeline.batch_function(train, subset, config, name, part)


def _rate(options, views, seconds, compile_seconds, mesh):
  """What each line of both cases has."""
  frames = views * options.sequences * options.frames
  return {
    'frames_per_second': round(frames / seconds, 1),
    'seconds': round(seconds, 5),
    'sequences': options.sequences,
    'frames': options.frames,
    'dtype': options.dtype,
    'compile_seconds': round(compile_seconds, 1),
    **common.describe(mesh),
  }
