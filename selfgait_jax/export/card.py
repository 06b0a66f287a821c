"""The card of exported weights: what people must know before they use them."""

import pathlib
from collections.abc import Mapping

from selfgait_jax import errors
from selfgait_jax.data import datasets
from selfgait_jax.evaluate import tables

_WALKERS = 'synthetic_gait'
_TEXT = """---
license: {licence}
library_name: selfgait_jax
tags:
- gait-recognition
- silhouettes
- jax
---

# {network} for gait silhouettes

Weights of {network} in {precision} precision, written by `selfgait_jax`. They
turn a clip of silhouettes into an embedding; clips of one person lie close
together.

```python
import selfgait_jax

embedder = selfgait_jax.load_embedder('FOLDER')
embeddings = embedder.embed(clips)  # clips: uint8 [T, 64, 64] each
```

## Data

{data}

## Score

{score}

## Preprocessing

Each frame is one silhouette, white (255) on black (0), scaled to 64 rows from
head to foot and centred by mass in 64 columns, as by
`scripts/prepare_silhouettes.py`. The network sees the middle {columns} columns,
divided by 255.

## Limits

- An embedding tells how alike two walks are. It is no proof of identity:
  clothes, bags, the camera's view and the quality of the silhouettes change it.
- The score holds for the data and the protocol above. Before you rely on a
  threshold, measure it on recordings of your own, of people who are not in the
  training data.
- Gait can identify people without their cooperation. Use it only on data of
  people who agreed.

## Licence

{terms}
"""


def text(manifest: Mapping, results: Mapping | None, half: bool) -> str:
  """The card as Markdown, with the header that model hubs read.

  Args:
    manifest: of the checkpoint, with `checkpoint`, its folder.
    results: content of the run's `results.json`; None if there is none.
    half: whether the weights are stored in half precision.
  """
  model = manifest['model']
  return _TEXT.format(
    licence='apache-2.0' if _saw_only_walkers(manifest) else 'other',
    network=_shown(model.get('name')),
    precision='half (float16)' if half else 'single (float32)',
    data=_data(manifest),
    score=_score(manifest, results),
    columns=model.get('crop_width'),
    terms=_terms(manifest),
  )


def _data(manifest):
  source = manifest['source']
  if 'data' not in source:
    file = _shown(source.get('file', 'an unknown file'))
    return (
      f'Imported from `{file}`; the file does not say which data it was '
      'trained on.'
    )
  labels = (
    'with labels'
    if source.get('objective') == 'supervised'
    else 'without labels'
  )
  lines = [
    f'Trained {labels} on {_title(source["data"])}, partition '
    f'`{_shown(source.get("partition"))}`, seed {_shown(source.get("seed"))}, '
    f'{_shown(manifest.get("step"))} of {_shown(source.get("steps"))} steps '
    f'(config `{_shown(source.get("config_hash"))}`, '
    f'{_shown(source.get("program"))}).'
  ]
  if source.get('start'):
    start = _shown(pathlib.Path(source['start']).name)
    lines.append(
      f'It started from the weights of `{start}`, whose data counts too.'
    )
  return '\n'.join(lines)


def _score(manifest, results):
  title = results and _row_of(manifest, results)
  if not title:
    return 'No score was recorded for these weights.'
  protocol, data = results.get('protocol'), results.get('data', {})
  metrics = results['rows'][title]
  return (
    f'Protocol `{_shown(protocol)}` on the test part of '
    f'{_title(data.get("name", ""))} (fingerprint '
    f'`{_shown(data.get("fingerprint"))}`):\n\n'
    + tables.rank1_table([(_shown(title), metrics)])
  )


def _row_of(manifest, results):
  """Title of the row that these weights got; None if there is none."""
  names = ('stage', 'config_hash', 'data', 'seed')
  wanted = [manifest['source'].get(n) for n in names] + [manifest.get('step')]
  for title, origin in results.get('origins', {}).items():
    found = [origin.get(n) for n in (*names, 'step')]
    if found == wanted and None not in wanted and title in results['rows']:
      return title
  return None


def _saw_only_walkers(manifest):
  """Whether drawn people trained this stage and, in its run, the one before."""
  source = manifest['source']
  if source.get('data') != _WALKERS:
    return False
  checkpoint = pathlib.Path(manifest['checkpoint'])
  start = pathlib.Path(source.get('start', '')).absolute()
  return not source.get('start') or start.parent == checkpoint.parents[2]


def _terms(manifest):
  if _saw_only_walkers(manifest):
    return (
      'Apache-2.0. The walkers were drawn by a program; nobody was recorded, '
      'and no terms of a data set apply.'
    )
  name = manifest['source'].get('data')
  data = _title(name) if name else 'the training data'
  return (
    f'The code is Apache-2.0. The terms of {data} hold for these weights as '
    'well: read them before you use or pass on the weights. Data sets of '
    'recorded people are as a rule for research only.'
  )


def _title(name):
  """The name that people use for a data set."""
  facts = datasets.find(name)
  return facts.title if facts else f'`{_shown(name)}`'


def _shown(value):
  return errors.printable(value, 80).replace('`', "'")
