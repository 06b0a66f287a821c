"""The case `busy` of `benchmark.py`: whether devices wait during training."""

import argparse
import tempfile
from collections.abc import Iterator

import jax

from benchmarks import common, loaders, profiles
from selfgait_jax import errors

# Steps that do not count, and batches that are thrown away: more than a loader
# makes ahead.
WARM_UP = 8


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--steps',
    type=common.count,
    default=20,
    help='steps of the profile that count',
  )
  parser.add_argument(
    '--profile',
    help='read this folder, recorded in training with '
    '--config.log.profile_at_step, and train nothing; all other options are '
    'then ignored',
  )
  loaders.options(parser)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Share of the time in which the devices work in training, from a profile.

  For each loader, `device_busy` is the share of the time in which the least
  busy device ran an operation: on a GPU a kernel or a copy (`copying_only`:
  copies and no kernel). The time runs from the start of one step to the start
  of another `--steps` later. Waiting for other devices counts as work where a
  kernel does it; on a CPU it does not. The profile also holds the host, without
  Python's functions, whose recording would slow it down.
  """
  if options.profile:
    profile = profiles.read(options.profile)
    yield {'profile': options.profile, **profiles.summarise(profile)}
    return
  for state, step, batches, describe in loaders.each_loader(options):
    state, *_ = loaders.train(step, state, batches, 0, WARM_UP)
    profile = _record(step, state, batches, WARM_UP + options.steps + 1)
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
  """The profile of `steps` steps."""
  recording = jax.profiler.ProfileOptions()
  recording.python_tracer_level = 0
  with tempfile.TemporaryDirectory() as folder:
    with jax.profiler.trace(folder, profiler_options=recording):
      # Batches made while the profiler started would hide a slow loader.
      for _ in range(WARM_UP):
        next(batches)
      loaders.train(step, state, batches, 0, steps)
    return profiles.read(folder)
