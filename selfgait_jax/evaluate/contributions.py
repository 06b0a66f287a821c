"""What each part of an embedding and each band of the body contributes."""

import numpy as np

from selfgait_jax import retrieval
from selfgait_jax.data import sequences
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.evaluate.sample import Sample

BANDS = 8  # of the rows of a silhouette
PROBES = 200  # at most, on which parts are left out
FRAMES = 10_000  # at most, that are embedded with a band blanked
CLIP_FRAMES = 24  # of a sequence, at most


def of_parts(
  sample: Sample, embeddings: np.ndarray, metric: str
) -> dict[str, np.ndarray]:
  """Rank-1 without each part, and by it alone, in percent.

  Args:
    sample: of few probes: the distances of all parts are held at once.
    embeddings: [N, P, D].
    metric: see `retrieval.pairwise_distance`.

  Returns:
    `all` [G], `without` [P, G] and `alone` [P, G].
  """
  count, groups = embeddings.shape[1], list(sample.groups)
  found = {
    'all': np.full(len(groups), np.nan),
    'without': np.full((count, len(groups)), np.nan),
    'alone': np.full((count, len(groups)), np.nan),
  }
  # The order of the distances is that of the sums over parts, of squares if
  # the parts are flattened into one vector.
  power = 2 if metric == 'flattened' else 1
  for i, group in enumerate(groups):
    rows, columns = sample.groups[group]
    if not len(rows):
      continue
    parts = [
      retrieval.pairwise_distance(
        embeddings[rows, part : part + 1],
        embeddings[columns, part : part + 1],
        metric,
      )
      ** power
      for part in range(count)
    ]
    total = np.sum(parts, axis=0)
    found['all'][i] = sample.rank1(total, group)
    for part, distance in enumerate(parts):
      found['alone'][part, i] = sample.rank1(distance, group)
      if count > 1:
        without = total - distance
        found['without'][part, i] = sample.rank1(without, group)
  return found


def occluded(
  sample: Sample, test: SequenceSet, max_frames: int, seed: int
) -> tuple[Sample, SequenceSet]:
  """Clips of some probes, as they are and with each band blanked.

  Args:
    sample: probes are drawn of it.
    test: the test side.
    max_frames: of a sequence.
    seed: of the draw.

  Returns:
    The smaller sample; the clips of its probes, all as they are, then all with
    the first band blanked, and so on.
  """
  frames = min(max_frames, CLIP_FRAMES)
  # No more than the test side itself, so that small runs stay quick.
  most = min(FRAMES, int(np.minimum(test.lengths, max_frames).sum()))
  few = sample.fewer(max(1, most // (frames * (BANDS + 1))), seed)
  height = test.frames.shape[1]
  edges = np.linspace(0, height, BANDS + 1).round().astype(int)
  records = []
  for band in range(-1, BANDS):
    for row in _probes(few):
      clip = test[row][:frames]
      if band >= 0:
        clip = clip.copy()
        clip[:, edges[band] : edges[band + 1]] = 0
      records.append(('', '', '', clip))
  return few, sequences.from_records(records, test.name)


def of_bands(
  sample: Sample, embeddings: np.ndarray, blanked: np.ndarray, metric: str
) -> dict[str, np.ndarray]:
  """Rank-1 of probes with a band blanked, against the whole gallery.

  Args:
    sample: of `occluded`.
    embeddings: [N, P, D], of the test side.
    blanked: of the clips of `occluded`.
    metric: see `retrieval.pairwise_distance`.

  Returns:
    `none` [G], with nothing blanked, and `blank` [BANDS, G], in percent.
  """
  probes = _probes(sample)
  blanked = blanked.reshape(BANDS + 1, len(probes), *blanked.shape[1:])
  found = np.full((BANDS + 1, len(sample.groups)), np.nan)
  for i, (group, (rows, columns)) in enumerate(sample.groups.items()):
    if not len(rows):
      continue
    places = np.searchsorted(probes, rows)
    for band in range(BANDS + 1):
      distance = retrieval.pairwise_distance(
        blanked[band, places], embeddings[columns], metric
      )
      found[band, i] = sample.rank1(distance, group)
  return {'none': found[0], 'blank': found[1:]}


def _probes(sample):
  return np.unique(np.concatenate([rows for rows, _ in sample.groups.values()]))
