"""Text tables of evaluation results, in Markdown that reads as plain text."""

from collections.abc import Mapping, Sequence

from selfgait_jax import protocols


def rank1_table(rows: Sequence[tuple[str, Mapping]]) -> str:
  """Rank-1 of each method and probe group, in percent.

  Args:
    rows: (name, what `protocols.evaluate` returned, or its `metrics`).
  """
  groups = _groups(rows)
  body = [
    [name, *(_percent(metrics_of(row).get(f'{g}/rank1')) for g in groups)]
    for name, row in rows
  ]
  return _markdown(['rank-1 (%)', *(g.upper() for g in groups)], body)


def per_view_table(rows: Mapping | Sequence[tuple[str, Mapping]]) -> str:
  """Rank-1 by probe view, laid out as Table 1 of the SelfGait paper.

  Probe groups go down (in each, the methods), probe views go across and their
  mean stands last; identical views are excluded where the protocol does so.

  Args:
    rows: one result of `protocols.evaluate`, or a list of (name, result).
      Metrics alone do as well; groups are then named without conditions.
  """
  if isinstance(rows, Mapping):
    rows = [('', rows)]
  named = any(name for name, _ in rows)
  views = metrics_of(rows[0][1])['views']
  body = []
  for group in _groups(rows):
    title = _title(rows[0][1], group)
    for name, row in rows:
      metrics = metrics_of(row)
      cells = metrics.get(f'{group}/rank1_per_view')
      if cells is None or metrics['views'] != views:
        continue
      mean = metrics[f'{group}/rank1']
      head = [title, name] if named else [title]
      body.append([*head, *map(_percent, cells), _percent(mean)])
      title = ''
  head = ['probe', 'method'] if named else ['probe']
  return _markdown([*head, *map(degrees, views), 'mean'], body, len(head))


def metrics_of(result: Mapping) -> Mapping:
  """The metrics of a result, or the mapping itself if it is those."""
  return result.get('metrics', result)


def degrees(view: str) -> str:
  """A view as an angle where it is one: '018' is '18°'."""
  return f'{int(view)}°' if view.isdigit() else view


def _groups(rows) -> list[str]:
  """Probe groups of all rows, in order of appearance."""
  keys = [key.split('/') for _, row in rows for key in metrics_of(row)]
  return list(dict.fromkeys(key[0] for key in keys if key[-1] == 'rank1'))


def _title(result, group: str) -> str:
  label = result.get('protocol', '/')
  protocol = protocols.PROTOCOLS.get(label.split('/')[0])
  return protocol.title(group) if protocol else group.upper()


def _percent(value: float | None) -> str:
  return '-' if value is None else f'{value:.1f}'


def _markdown(header, body, left: int = 1) -> str:
  """Pipe table, columns padded; the first `left` columns are flush left."""
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
