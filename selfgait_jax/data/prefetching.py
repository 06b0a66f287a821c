"""Loads batches in the background, ahead of the step that needs them."""

import atexit
import collections
import concurrent.futures
from collections.abc import Callable, Iterator

import numpy as np

from selfgait_jax.data import resident
from selfgait_jax.machine import tensorflow_import


def thread_batches(
  make: Callable[[int], dict[str, np.ndarray]],
  steps: range,
  workers: int,
  ahead: int,
) -> Iterator[dict[str, np.ndarray]]:
  """Yields make(step) in order, made by threads.

  Threads are enough: NumPy releases Python's lock while it copies frames.

  Args:
    make: from the step to its batch.
    steps: consecutive steps.
    workers: batches made at a time.
    ahead: batches started before they are asked for.
  """
  pool = concurrent.futures.ThreadPoolExecutor(workers)
  waiting = collections.deque()
  try:
    for step in steps:
      waiting.append(pool.submit(make, step))
      if len(waiting) > ahead:
        yield waiting.popleft().result()
    while waiting:
      yield waiting.popleft().result()
  finally:
    pool.shutdown(cancel_futures=True)


def tfdata_batches(
  make: Callable[[int], dict[str, np.ndarray]],
  steps: range,
  workers: int,
  ahead: int,
) -> Iterator[dict[str, np.ndarray]]:
  """Like `thread_batches`, by tf.data, which schedules the calls of `make`."""
  tf = tensorflow_import.import_tensorflow(
    'config.data.loader=tfdata', 'set config.data.loader=array'
  )
  types = dict.fromkeys(resident.CLIPS, tf.uint8)
  types |= dict.fromkeys(('label', 'camera_1', 'camera_2'), tf.int32)
  types['mask'] = tf.bool

  def call(step):
    # tf.data expects the same arrays at every step; empty ones stand for none.
    batch = make(int(step))
    return [
      batch.get(name, np.zeros(0, kind.as_numpy_dtype))
      for name, kind in types.items()
    ]

  dataset = (
    tf.data.Dataset.range(steps.start, steps.stop)
    .map(
      lambda step: tf.numpy_function(call, [step], list(types.values())),
      num_parallel_calls=workers,
      deterministic=True,
    )
    .prefetch(ahead)
  )
  return _numpy_batches(dataset, tuple(types))


def _numpy_batches(dataset, names):
  # TensorFlow's threads have to end before Python does, or they wait for its
  # lock and the process never exits.
  live = [dataset.as_numpy_iterator()]
  atexit.register(live.clear)
  try:
    while (arrays := next(live[0], None)) is not None:
      batch = zip(names, arrays, strict=True)
      yield {name: array for name, array in batch if array.size}
  finally:
    live.clear()
    atexit.unregister(live.clear)
