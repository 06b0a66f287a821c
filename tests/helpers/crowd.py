"""Made-up people seen by cameras, as embeddings with known identities."""

import numpy as np

from selfgait_jax.data import datasets, sequences


def crowd(people=12, walks=6, cameras=4, parts=4, noise=0.15, seed=0):
  """People whose walks several cameras see, each a little differently.

  Args:
    people: how many.
    walks: of each.
    cameras: how many; neighbouring ones see almost alike.
    parts: P; clothes change the second half of them.
    noise: of a sequence, where a person's signal is 1.
    seed: of all draws.

  Returns:
    (embeddings float32 [N, P, D] of parts of unit length; an anonymous
    SequenceSet, whose subjects are walks; subjects [N]; kinds [N], 'nm', and
    'cl' for every third walk). Sorted by subject, walk and camera.
  """
  rng = np.random.default_rng(seed)
  size = 24
  person = rng.normal(size=(people, 1, 1, parts, size))
  clothes = rng.normal(size=(people, walks, 1, parts, size))
  dressed = np.arange(walks) % 3 == 2
  clothes[:, ~dressed], clothes[:, :, :, : parts // 2] = 0, 0
  # A camera mixes in a little of a fixed rotation of the features.
  turn, _ = np.linalg.qr(rng.normal(size=(size, size)))
  angle = 0.25 * np.arange(cameras)[:, None, None]
  seen = person + 8 * clothes
  seen = seen * np.cos(angle) + (seen @ turn) * np.sin(angle)
  seen = seen + noise * rng.normal(size=(people, walks, cameras, parts, size))
  flat = seen.reshape(-1, parts, size)
  flat /= np.linalg.norm(flat, axis=-1, keepdims=True)

  subject, walk, camera = (
    x.ravel() for x in np.indices((people, walks, cameras))
  )
  records = (
    (f'{s * walks + w:08d}', '', f'{c:03d}', np.full((1, 1, 1), 255, np.uint8))
    for s, w, c in zip(subject, walk, camera, strict=True)
  )
  name = datasets.CASIA_B.name
  anonymous = sequences.from_records(records, name)
  kinds = np.where(dressed[walk], 'cl', 'nm')
  return flat.astype(np.float32), anonymous, subject, kinds


def precision_and_recall(labels, subjects):
  """Of the pairs with equal labels; -1 is alone."""
  pairs = np.triu(np.ones((len(labels),) * 2, bool), 1)
  same = (labels[:, None] == labels) & (labels >= 0)[:, None] & pairs
  right = (subjects[:, None] == subjects) & pairs
  return (same & right).sum() / same.sum(), (same & right).sum() / right.sum()
