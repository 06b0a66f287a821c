"""Computes what the report's pictures need beyond `results.json`."""

from collections.abc import Callable

import numpy as np
import threadpoolctl

from selfgait_jax.data import datasets
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.evaluate import (
  contributions,
  embedding_map,
  matching,
  sample,
  scores,
  strips,
)
from selfgait_jax.machine import processes
from selfgait_jax.run import identity

CONFUSIONS = 10  # at most


def compute(
  config,
  test: SequenceSet,
  embeddings: np.ndarray,
  embed: Callable[[SequenceSet, int], np.ndarray],
) -> dict[str, np.ndarray]:
  """The arrays of `run/picture_data.py`, of one row and a sample of `test`.

  All processes must call it together. The time is bounded by the sample and by
  the frames of `contributions`, whatever the size of the test side.

  Args:
    config: the whole config.
    test: the test side.
    embeddings: [N, P, D], of the row.
    embed: (sequences, max_frames) -> embeddings, with the weights of the row.

  Returns:
    {} on all processes but the first.
  """
  drawn = sample.draw(
    config.eval.protocol, test, config.seed, scores.probe_lists(config)
  )
  few, clips = contributions.occluded(
    drawn, test, config.eval.max_frames, config.seed
  )
  blanked = embed(clips, contributions.CLIP_FRAMES)
  if not processes.is_first():
    return {}
  metric, seed = config.eval.distance, config.seed
  pairs = {
    group: drawn.pairs(embeddings, group, metric) for group in drawn.groups
  }
  # Threads that wait for each other make scikit-learn ten times slower on a
  # busy machine, and the arrays are small.
  with threadpoolctl.threadpool_limits(1):
    sections = {
      'distance': matching.distances(drawn, pairs),
      'reliability': matching.reliability(drawn, pairs, seed),
      'map': embedding_map.draw(embeddings, test, seed),
    }
  sections['bands'] = {'probes': np.array(few.size[0])}
  sections['bands'] |= contributions.of_bands(few, embeddings, blanked, metric)
  few = drawn.fewer(contributions.PROBES, seed)
  sections['parts'] = {
    'bins': _bins(config, embeddings),
    'probes': np.array(few.size[0]),
  }
  sections['parts'] |= contributions.of_parts(few, embeddings, metric)
  confused = matching.confusions(drawn, pairs, CONFUSIONS)
  found = {
    'groups': np.array(list(drawn.groups)),
    'titles': np.array([drawn.rules.title(g) for g in drawn.groups]),
    'run': np.array(f'{identity.config_hash(config)} {test.fingerprint}'),
    'size': np.array(drawn.size),
    'real_people': np.array(int(_are_real(config))),
  }
  found |= {f'{s}/{k}': v for s, of in sections.items() for k, v in of.items()}
  found |= _people(config, test, confused)
  return found


def _are_real(config):
  return config.data.name != datasets.synthetic(1).name


def _people(config, test, confused):
  """Names of confusions; frames of them and of clips, if they may be shown."""
  name = lambda row: strips.name(test, row)
  found = {}
  if confused:
    found['confusions/names'] = np.array(
      [[name(c.probe), name(c.wrong), name(c.mate)] for c in confused]
    )
    found['confusions/distances'] = np.array(
      [[c.wrong_distance, c.mate_distance] for c in confused]
    )
  if _are_real(config) and not config.eval.show_people:
    return found
  margin = (test.frames.shape[2] - config.model.crop_width) // 2
  cut = lambda frames: frames[:, :, margin : frames.shape[2] - margin]
  if confused:
    frames = config.eval.max_frames
    found['confusions/frames'] = np.array(
      [
        [
          cut(strips.with_energy_image(test, row, frames))
          for row in (c.probe, c.wrong, c.mate)
        ]
        for c in confused
      ]
    )
  rows = strips.choose(test, config.seed)
  found['clips/names'] = np.array([name(row) for row in rows])
  found['clips/frames'] = np.array(
    [cut(strips.frames(test, row, strips.FRAMES)) for row in rows]
  )
  return found


def _bins(config, embeddings):
  """Strips of each pyramid level, if they explain the number of parts."""
  bins = list(config.model.get('bins', ()))
  times, rest = divmod(
    embeddings.shape[1], sum(bins) or embeddings.shape[1] + 1
  )
  return np.array(bins * times if not rest else [], int)
