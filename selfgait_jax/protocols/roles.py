"""Which sequences are probes and gallery, and which pairs are ranked."""

from collections.abc import Sequence

import numpy as np

from selfgait_jax import errors
from selfgait_jax.protocols import counting
from selfgait_jax.protocols.definitions import Protocol

_WITHOUT_OWN_VIEW = (
  counting.cross_view,
  counting.other_cameras,
  counting.other_recordings,
)
_MATED_ONLY = (
  counting.probe_list,
  counting.other_cameras,
  counting.other_recordings,
)


def compared_views(
  rules: Protocol, conditions: np.ndarray, views: np.ndarray
) -> np.ndarray:
  """What the protocol compares as the view, str [N]: a camera or recording."""
  if rules.cameras:
    return np.array([f'camera {view.split("_")[0]}' for view in views])
  return conditions if rules.recordings else views


def roles(
  rules: Protocol,
  subjects: np.ndarray,
  conditions: np.ndarray,
  views: np.ndarray,
  probes: Sequence[str] | None = None,
  gallery: Sequence[str] | None = None,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
  """{group: (rows of its probes, rows of its gallery)}, without empty ones.

  Args:
    rules: the protocol.
    subjects: str [N]; conditions likewise.
    conditions: [N].
    views: [N], of `compared_views`.
    probes: see `protocols.evaluate`.
    gallery: likewise.

  Raises:
    UserError: there are no probes, no gallery or too few views, or lists where
      the protocol has none.
  """
  given = probes is not None or gallery is not None
  if rules.listed != given:
    raise errors.UserError(
      'expected a list of probes for gait3d and for no other protocol, found '
      f'protocol {rules.name} {"with" if given else "without"} one; pass '
      '`probes` as the data set publishes it'
    )
  if rules.listed:
    keys = zip(subjects, conditions, views, strict=True)
    names = np.array(['-'.join(key) for key in keys])
    is_probe, is_gallery = (
      np.isin(names, [] if chosen is None else list(chosen))
      for chosen in (probes, gallery)
    )
    is_probe = ~is_gallery if probes is None else is_probe
    is_gallery = ~is_probe if gallery is None else is_gallery
    groups = {'all': (np.flatnonzero(is_probe), np.flatnonzero(is_gallery))}
  else:
    groups = {
      group: (
        rules.rows(conditions, members),
        rules.rows(conditions, rules.galleries.get(group, rules.gallery)),
      )
      for group, members in rules.probes.items()
    }
  found = [
    np.unique(np.concatenate(r)) for r in zip(*groups.values(), strict=True)
  ]
  groups = {
    group: (rows, columns)
    for group, (rows, columns) in groups.items()
    if len(rows) and len(columns)
  }
  if not groups:
    wanted = [c for members in rules.probes.values() for c in members]
    raise errors.UserError(
      f'expected probes ({", ".join(wanted) or "the list"}) and a gallery '
      f'({", ".join(rules.gallery) or "the rest"}) for {rules.name}, found '
      f'{len(found[0])} probes and {len(found[1])} gallery sequences with '
      f'conditions {listed(np.unique(conditions))}; '
      'change config.eval.protocol or the data set'
    )
  if rules.score is counting.view_pairs and len(np.unique(views)) < 2:
    raise errors.UserError(
      f'expected at least two views for {rules.name}, which leaves identical '
      f'views out, found {errors.printable(views[0])} only; prepare more views'
    )
  return groups


def ranked(
  rules: Protocol,
  subjects: np.ndarray,
  views: np.ndarray,
  rows: np.ndarray,
  columns: np.ndarray,
) -> np.ndarray:
  """The pairs that count for EER and TAR, bool [m, n].

  Args:
    rules: the protocol.
    subjects: [N].
    views: [N], of `compared_views`.
    rows: m of the N sequences, the probes.
    columns: n of them, their gallery.
  """
  same_view = views[rows, None] == views[columns]
  mates = subjects[rows, None] == subjects[columns]
  if rules.score is counting.view_pairs:
    return ~same_view
  allowed = np.ones(mates.shape, bool)
  if rules.score in _WITHOUT_OWN_VIEW:
    allowed = ~(same_view & mates)
  if rules.score in _MATED_ONLY:
    allowed &= (mates & allowed).any(axis=1, keepdims=True)
  return allowed


def listed(names):
  """The first names, for a message."""
  return errors.printable(', '.join(names[:8]))
