"""What a gallery's file says of the checkpoint it is for."""

import os
from collections.abc import Mapping

from selfgait_jax import errors, retrieval
from selfgait_jax.gallery import calibration, database, judged, store

CALIBRATION = 'calibration'  # key of the text of a `calibration.Calibration`


def of_embedder(embedder: judged.Embeds, metric: str | None) -> dict[str, str]:
  """Facts of a new gallery.

  Raises:
    UserError: the metric is unknown.
  """
  if metric not in (None, *retrieval.METRICS):
    raise errors.UserError(
      f'expected a distance out of {", ".join(retrieval.METRICS)}, found '
      f'{errors.printable(metric)}; change the metric'
    )
  return {
    'fingerprint': embedder.fingerprint,
    'model': str(embedder.manifest['model'].get('name', '')),
    'metric': metric or retrieval.METRICS[0],
  }


def check(
  path: str | os.PathLike,
  found: Mapping[str, str],
  ours: Mapping[str, str],
  metric: str | None,
) -> None:
  """Raises UserError unless the gallery is of this embedder and metric."""
  where = errors.printable(path)
  if found.get('fingerprint') != ours['fingerprint']:
    raise errors.UserError(
      f'expected a gallery of this checkpoint ({ours["model"]}, '
      f'{ours["fingerprint"]}), found one of another '
      f'({errors.printable(found.get("model"))}, '
      f'{errors.printable(found.get("fingerprint"))}) in {where}; use the '
      'checkpoint that it was made with, or enrol into another file'
    )
  kept = found.get('metric')
  if kept not in retrieval.METRICS or metric not in (None, kept):
    raise errors.UserError(
      f'expected the distance {metric or " or ".join(retrieval.METRICS)}, '
      f'found {errors.printable(kept)} in {where}; a gallery keeps the '
      'distance that it was made with'
    )


def read_calibration(file: store.Store) -> calibration.Calibration | None:
  """Raises UserError if it is damaged."""
  text = file.facts().get(CALIBRATION)
  if text is None:
    return None
  try:
    return calibration.from_json(text)
  except ValueError as error:
    raise database.damaged(file.path, f'its calibration: {error}') from error
