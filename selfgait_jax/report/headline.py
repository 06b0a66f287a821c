"""What came out, as a sentence."""

from collections.abc import Mapping
from typing import Any

from selfgait_jax.evaluate import label_worth, tables
from selfgait_jax.report import blocks, rows

_WALKS = {
  'nm': 'normal walks',
  'bg': 'walks with a bag',
  'cl': 'walks in other clothes',
  'all': 'walks',
}


def write(results: Mapping[str, Any]) -> str:
  """The last row without labels, or else the main row, beside the floors."""
  groups = rows.groups(results)
  if results['study'] and groups:
    return _study(results['study'])
  without = rows.trained(results)
  main = rows.main(results) or next(reversed(without), '')
  label_free = [title for title, free in without.items() if free]
  score = lambda title, group: results['rows'][title].get(f'{group}/rank1')
  if not main or not groups:
    return ''
  first = next(iter(groups))
  known = [t for t in label_free if score(t, first) is not None]
  chosen = known[-1] if known else main  # not the best on the test side
  if score(chosen, first) is None:
    return ''
  others = [
    f'of {_walks(g, groups)} {score(chosen, g):.1f} %'
    for g in list(groups)[1:]
    if score(chosen, g) is not None
  ]
  sentence = (
    f'{_strong(chosen)} finds the right person for '
    f'<b>{score(chosen, first):.1f} %</b> of {_walks(first, groups)}'
    f'{_above(results, score(chosen, first), first)}.'
  )
  said = ', '.join(others)
  more = _counted(results, first)
  more += f'{said[:1].upper()}{said[1:]}. ' if said else ''
  beside = [
    f'{blocks.text(title)} {score(title, first):.1f} %'
    for title in without
    if title != chosen and score(title, first) is not None
  ]
  if beside:
    more += f'Other networks, of {_walks(first, groups)}: {"; ".join(beside)}.'
  return f'<p class="headline">{sentence}</p><p class="note">{more}</p>'


def _counted(results, group):
  """Of how many probes and people, if that is known."""
  probes = results['counts'].get(f'{group}/probes')
  people = results['counts'].get('subjects')
  if type(probes) is not int or type(people) is not int:
    return ''
  return (
    f'Counted on {blocks.text(probes)} probes of {blocks.text(people)} people. '
  )


def _strong(title):
  return f'<b>{blocks.text(title[:1].upper() + title[1:])}</b>'


def _walks(group, groups):
  return blocks.text(_WALKS.get(group, f'the probes {groups[group]}'))


def _above(results, score, group):
  """', 34 points above an untrained network and 12 above linear algebra'."""
  kinds = {'an untrained network': [], 'linear algebra': []}
  for title, key in rows.floors(results).items():
    kind = 'an untrained network' if key == rows.RANDOM else 'linear algebra'
    value = results['rows'][title].get(f'{group}/rank1')
    if value is not None:
      kinds[kind].append(value)
  said = []
  for kind, values in kinds.items():
    if values:
      points = round(score - max(values))
      word = 'above' if points >= 0 else 'below'
      unit = '' if said else (' point' if abs(points) == 1 else ' points')
      said.append(f'{abs(points)}{unit} {word} {kind}')
  return f', {" and ".join(said)}' if said else ''


def _study(cells):
  """The arms at the fewest labels that all have."""
  group = next(iter(tables.groups([cell['metrics'] for cell in cells])), None)
  if group is None:
    return ''
  key = f'{group}/rank1'
  cells = [cell for cell in cells if cell['metrics'].get(key) is not None]
  if not cells:
    return ''
  spread = label_worth.spread(cells, group)
  common = set.intersection(*(set(counts) for counts in spread.values()))
  labelled = min((n for n in common if n), default=min(common, default=None))
  if labelled is None:
    return ''
  best = sorted(spread, key=lambda arm: -spread[arm][labelled][0])
  said = '; '.join(
    f'{blocks.text(arm)} <b>{spread[arm][labelled][0]:.1f} %</b>'
    for arm in best
  )
  walks = _walks(group, {group: group.upper()})
  people = f'With {labelled} labelled people' if labelled else 'Without labels'
  return (
    f'<p class="headline">{people}, the right person is found for this share '
    f'of {walks}: {said}.</p>'
  )
