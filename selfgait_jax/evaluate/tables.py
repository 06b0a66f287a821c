"""Tables of evaluation results, in Markdown that is readable as it is."""

from collections.abc import Mapping, Sequence

from selfgait_jax import errors, protocols

NAME_COLUMNS = ('rank-1 (%)', 'probe', 'method')  # the others are numbers
# Rows below that of a network, by the name of their metrics.
FROZEN = {
  'frozen_linear': 'frozen linear classifier, top-1',
  'frozen_knn': 'frozen kNN, top-1',
}
_RANKING = ('rank1', 'rank5', 'rank10', 'rank20', 'mAP', 'mINP')


def rank1_table(rows: Sequence[tuple[str, Mapping]]) -> str:
  """Rank-1 of each method and probe group, in percent.

  Top-1 of the frozen classifiers, where they were trained, follows each method
  in rows of its own.

  Args:
    rows: (name, what `protocols.evaluate` returned, or its `metrics`).
  """
  return markdown(*rank1_cells(rows))


def per_view_table(rows: Mapping | Sequence[tuple[str, Mapping]]) -> str:
  """Rank-1 by probe view, laid out as Table 1 of the SelfGait paper.

  One line for each probe group and method; one column for each probe view, then
  their mean. Identical views are excluded where the protocol excludes them. If
  it has no scores by view, the columns are rank-1 to rank-20, mAP and mINP.

  Args:
    rows: one result of `protocols.evaluate`, or a list of (name, result). A
      result may be its `metrics` alone; group titles then lack the conditions.
  """
  header, body = per_view_cells(rows)
  if not body:
    header, body = _ranking_cells(rows)
  return markdown(header, body)


def rank1_cells(
  rows: Sequence[tuple[str, Mapping]],
) -> tuple[list[str], list[list[str]]]:
  """Header and rows of `rank1_table`."""
  found = groups([metrics_of(row) for _, row in rows])
  body = []
  for name, row in rows:
    for key, title in {'rank1': name, **FROZEN}.items():
      scores = [metrics_of(row).get(f'{group}/{key}') for group in found]
      if key == 'rank1' or any(score is not None for score in scores):
        body.append([title, *map(percent, scores)])
  return ['rank-1 (%)', *(g.upper() for g in found)], body


def per_view_cells(
  rows: Mapping | Sequence[tuple[str, Mapping]],
) -> tuple[list[str], list[list[str]]]:
  """Header and rows of `per_view_table`."""
  if isinstance(rows, Mapping):
    rows = [('', rows)]
  named = any(name for name, _ in rows)
  views = metrics_of(rows[0][1]).get('views', [])
  body = []
  for group in groups([metrics_of(row) for _, row in rows]):
    title = group_title(rows[0][1], group)
    for name, row in rows:
      metrics = metrics_of(row)
      cells = metrics.get(f'{group}/rank1_per_view')
      if cells is None or metrics.get('views') != views:
        continue
      mean = metrics.get(f'{group}/rank1')
      head = [title, name] if named else [title]
      body.append([*head, *map(percent, cells), percent(mean)])
      title = ''
  head = ['probe', 'method'] if named else ['probe']
  return [*head, *map(degrees, views), 'mean'], body


def _ranking_cells(rows):
  """Header and rows of `per_view_table` for a protocol without views."""
  named = not isinstance(rows, Mapping)
  rows = rows if named else [('', rows)]
  body = []
  for group in groups([metrics_of(row) for _, row in rows]):
    for name, row in rows:
      head = [group_title(row, group), name][: 1 + named]
      scores = (metrics_of(row).get(f'{group}/{key}') for key in _RANKING)
      body.append([*head, *map(percent, scores)])
  return [*['probe', 'method'][: 1 + named], *_RANKING], body


def metrics_of(result: Mapping) -> Mapping:
  """The metrics of a result, which may be the mapping itself."""
  return result.get('metrics', result)


def degrees(view: str) -> str:
  """A view as an angle if it is a number: '018' becomes '18°'."""
  return f'{int(view)}°' if view.isdecimal() else errors.printable(view, 60)


def groups(metrics: Sequence[Mapping]) -> list[str]:
  """Probe groups that any of the rows has, in order of appearance."""
  keys = [key.split('/') for scores in metrics for key in scores]
  return list(dict.fromkeys(key[0] for key in keys if key[1:] == ['rank1']))


def group_title(result: Mapping, group: str) -> str:
  """'NM#5-6' if the result names its protocol, else 'NM'."""
  name = result.get('protocol', '').split('/')[0]
  protocol = protocols.PROTOCOLS.get(name)
  return protocol.title(group) if protocol else group.upper()


def kind(condition: str) -> str:
  """The first word of a condition: 'nm' of 'nm-01'."""
  return condition.split('-')[0]


def percent(value: float | None) -> str:
  """One decimal; '-' for None."""
  return '-' if value is None else f'{value:.1f}'


def markdown(header, body) -> str:
  """Pipe table with padded columns: names to the left, numbers to the right."""
  left = sum(name in NAME_COLUMNS for name in header)
  lines = [header, *body]
  widths = [max(3, *(len(row[i]) for row in lines)) for i in range(len(header))]
  rule = [
    '-' * width if i < left else '-' * (width - 1) + ':'
    for i, width in enumerate(widths)
  ]
  lines.insert(1, rule)
  return '\n'.join(
    '| ' + ' | '.join(
      cell.ljust(width) if i < left else cell.rjust(width)
      for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ) + ' |'
    for row in lines
  )  # fmt: skip
