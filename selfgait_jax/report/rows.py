"""The rows of a result: which is the main one, and which are floors."""

from collections.abc import Mapping
from typing import Any

from selfgait_jax import errors
from selfgait_jax.evaluate import tables
from selfgait_jax.report import blocks, style

RANDOM = 'random_init'  # the key of the untrained network in `baselines`


def main(results: Mapping[str, Any]) -> str:
  """Title of the main row, which the pictures show in detail; '' for none."""
  titles = [t for t, m in results['rows'].items() if m == results['metrics']]
  return titles[-1] if titles and results['metrics'] else ''


def floors(results: Mapping[str, Any]) -> dict[str, str]:
  """{title: key in `baselines`} of the rows that nothing has trained."""
  found = {}
  for title, metrics in results['rows'].items():
    for key, floor in results['baselines'].items():
      if metrics and metrics == floor:
        found.setdefault(title, key)
  return found


def trained(results: Mapping[str, Any]) -> dict[str, bool]:
  """{title: whether it was trained without labels} of the other rows."""
  found = {}
  for title in results['rows']:
    if title not in floors(results):
      origin = results['origins'].get(title, {})
      without = title.startswith('label-free')
      if 'objective' in origin:
        without = origin['objective'] not in ('supervised', 'joint')
      found[title] = without
  return found


def keys(results: Mapping[str, Any]) -> list[blocks.Key]:
  """The legend of all rows: floors are dotted, the main row is bold."""
  lowest, best = floors(results), main(results)
  found = []
  for i, title in enumerate(results['rows']):
    css = style.series(i)
    if title in lowest:
      css = f'c{i % len(style.COLOURS)} d2'
    found.append(blocks.Key(title, f'{css} bold' if title == best else css))
  return found


def groups(results: Mapping[str, Any]) -> dict[str, str]:
  """{probe group: heading}, in order."""
  everything = [results['metrics'], *results['rows'].values()]
  return {
    group: errors.printable(tables.group_title(results, group), 60)
    for group in tables.groups(everything)
  }
