"""Batches made ahead of the step that wants them, in order."""

import atexit
import collections
import concurrent.futures

import numpy as np

from selfgait_jax.data import resident
from selfgait_jax.machine import tensorflow_import


def thread_batches(make, steps, workers, ahead):
  """In order, from threads: NumPy leaves Python's lock while it copies."""
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


def tfdata_batches(make, steps, workers, ahead):
  """In order, from tf.data, which holds nothing but the step's number."""
  tf = tensorflow_import.import_tensorflow(
    'config.data.loader=tfdata', 'set config.data.loader=array'
  )
  types = dict.fromkeys(resident.CLIPS, tf.uint8)
  types |= {'label': tf.int32, 'mask': tf.bool}

  def call(step):
    # tf.data wants the same arrays at each step: an empty one stands for none.
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
  # TensorFlow's threads must end before Python does: waiting for its lock,
  # they would keep the process from ever exiting.
  live = [dataset.as_numpy_iterator()]
  atexit.register(live.clear)
  try:
    while (arrays := next(live[0], None)) is not None:
      batch = zip(names, arrays, strict=True)
      yield {name: array for name, array in batch if array.size}
  finally:
    live.clear()
    atexit.unregister(live.clear)
