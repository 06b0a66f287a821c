"""The `busy` case of `benchmark.py`: whether devices wait in training."""

import tempfile

import jax

from benchmarks import common, inputs, profiles
from selfgait_jax import errors

WARM = 8  # steps that do not count; batches thrown away, more than made ahead


def busy_options(parser):
  parser.add_argument(
    '--steps',
    type=common.count,
    default=20,
    help='of which the profile tells',
  )
  parser.add_argument(
    '--profile',
    help='folder of one recorded in training with config.log.profile_at_step, '
    'to read instead of training here; nothing else then matters',
  )
  inputs.loader_options(parser)


def busy_case(options):
  """Share of the time in which the devices work in training, from a profile.

  For each loader, `device_busy` is the share of the time, from the start of one
  step to that of another `--steps` later, in which the least busy device ran an
  operation: on GPU a kernel or a copy (`copying_only`: copies and no kernel).
  Waiting for other devices counts where a kernel does it, on CPU it does not.
  The host is recorded too, but for Python's functions, which would slow it.
  """
  if options.profile:
    profile = profiles.read(options.profile)
    yield {
      'profile': options.profile,
      **profiles.summarise(profile),
    }
    return
  for state, step, batches, describe in inputs.each_loader(options):
    state, *_ = inputs.train(step, state, batches, 0, WARM)
    profile = _record(step, state, batches, WARM + options.steps + 1)
    batches.close()
    found = profiles.summarise(profile, options.steps)
    used = describe()['devices'] // jax.process_count()
    if found['devices'] != used:
      raise errors.UserError(
        f'expected operations of {used} devices in the profile, found those of '
        f'{found["devices"]}; change --devices or --steps'
      )
    yield {**describe(), **found}


def _record(step, state, batches, steps):
  """The profile of so many steps."""
  recording = jax.profiler.ProfileOptions()
  recording.python_tracer_level = 0
  with tempfile.TemporaryDirectory() as folder:
    with jax.profiler.trace(folder, profiler_options=recording):
      # Those made while the profiler started would hide a loader's slowness.
      for _ in range(WARM):
        next(batches)
      inputs.train(step, state, batches, 0, steps)
    return profiles.read(folder)
