"""A work folder as a finished run leaves it, of made-up figures."""

import json

import numpy as np

from selfgait_jax import protocols
from selfgait_jax.run import picture_data

FINGERPRINT = '0123456789abcdef'
HASH = 'c0ffee'


def test_side(protocol='casiab', people=3):
  """Subjects, conditions and views; view 090 has no nm probes."""
  rules = protocols.PROTOCOLS[protocol]
  conditions = [*rules.gallery, *sum(rules.probes.values(), ())]
  conditions = dict.fromkeys(conditions or ('a-1', 'a-2', 'b-1'))
  keys = [
    (f'{75 + s:03d}', c, v)
    for s in range(people)
    for c in conditions
    for v in ('000', '018', '090')
    if not (c in ('nm-05', 'nm-06') and v == '090')
  ]
  return np.array(keys).T


def embeddings(subjects, noise, seed=0, parts=2):
  rng = np.random.default_rng(seed)
  numbers = np.unique(subjects, return_inverse=True)[1]
  centres = rng.standard_normal((numbers.max() + 1, parts, 4))[numbers]
  return np.float32(centres + noise * rng.standard_normal(centres.shape))


def result(protocol='casiab', noise=0.0, seed=0):
  """An evaluation of random embeddings."""
  names = test_side(protocol)
  found = embeddings(names[0], noise, seed)
  return protocols.evaluate(protocol, found, *names)


def results(rows=None):
  """The content of `results.json`; the last row is the main one."""
  rows = rows or {
    'GEI nearest neighbour': result(noise=3),
    'random initialisation': result(noise=4, seed=2),
    '<all> & labels': result(noise=1, seed=1),
  }
  main = rows[list(rows)[-1]]
  metrics = {name: row['metrics'] for name, row in rows.items()}
  floors = {
    'gei': 'GEI nearest neighbour',
    'random_init': 'random initialisation',
  }
  return {
    'protocol': main['protocol'],
    'metrics': main['metrics'],
    'counts': main['counts'] | {'frames': 4321},
    'baselines': {k: metrics[t] for k, t in floors.items() if t in metrics},
    'rows': metrics,
    'data': {
      'name': 'synthetic_gait',
      'partition': 'standard',
      'fingerprint': FINGERPRINT,
    },
    'config_hash': HASH,
    'seed': 17,
    'versions': {'jax': '9.8.7'},
    'device': '1 x <cpu>',
    'seconds': 12.5,
  }


def pictures(real=0, groups=('nm', 'bg', 'cl'), seed=0):
  """Arrays of every name and form of `picture_data.FORM`."""
  rng = np.random.default_rng(seed)
  lengths = {'G': len(groups), 'E': 9, 'B': 8, 'P': 7, 'L': 3}
  found = {}
  for name, (kind, axes) in picture_data.FORM.items():
    shape = [int(a) if a.isdigit() else lengths.get(a, 12) for a in axes]
    values = 100 * rng.random(shape)
    if kind == 'U':
      values = np.array(values, int).astype(str)
    found[name] = np.array(values, {'i': int, 'u': np.uint8}.get(kind))
  found |= {
    'groups': np.array(groups),
    'titles': np.array([group.upper() for group in groups]),
    'run': np.array(f'{HASH} {FINGERPRINT}'),
    'real_people': np.array(real),
    'distance/edges': np.linspace(0, 1, 9),
    'distance/false_accept': np.geomspace(0.01, 100, 12),
    'parts/bins': np.array([1, 2, 4]),
  }
  del found['version']
  return found


CURVES = {
  'pretrain': {
    'loss': [(step, 1 / (1 + step)) for step in range(200)],
    'effective_rank': [(0, 9.0), (20, 5.0)],
    'held_out/rank1': [(0, 10.0)],
    'held_out/nm/rank1': [(0, 10.0)],
  }
}


def write(workdir, found=None, drawn=None, curves=None, config=None):
  """Writes the files of a run; by default all of them."""
  workdir.mkdir(exist_ok=True)
  found = results() if found is None else found
  (workdir / 'results.json').write_text(json.dumps(found))
  config = config or {'config': {'seed': 17}}
  (workdir / 'config.json').write_text(json.dumps(config))
  picture_data.write(workdir, pictures() if drawn is None else drawn)
  write_curves(workdir, CURVES if curves is None else curves)
  return workdir


def write_curves(workdir, curves):
  """Writes `metrics.jsonl` of stages, {stage: {name: [(step, value)]}}."""
  for stage, series in curves.items():
    (workdir / stage).mkdir(parents=True, exist_ok=True)
    lines = [
      json.dumps({'step': step, name: value})
      for name, points in series.items()
      for step, value in points
    ]
    (workdir / stage / 'metrics.jsonl').write_text('\n'.join(lines) + '\n')
