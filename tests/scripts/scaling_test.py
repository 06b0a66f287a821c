"""The model of many devices, and the cases that measure and count them."""

import pathlib
import types

import jax
import pytest
import scaling_model
from benchmarks import scaling_case

from selfgait_jax.models import factory
from selfgait_jax.settings import networks

ROOT = pathlib.Path(__file__).parents[2]


def test_a_row_of_the_model_by_hand():
  chip, step = scaling_model.V5P, scaling_model.SELFGAIT
  found = scaling_model.step_seconds(step, chip, 64, 16, 0.4, overlap=False)
  compute = 6.188e12 / 128 * 16 / (0.4 * 459e12)  # 4.213 ms
  # 8.83 MB round a ring of 64 at 0.7 x 600 GB/s; half way round 3 axes of 4
  # chips and back: 12 hops of 1 us.
  gradient = 2 * 63 / 64 * 8827776 / 420e9 + 12e-6  # 0.0534 ms
  small = 12 * 12e-6
  assert found['gradient'] == pytest.approx(gradient)
  share = scaling_model.efficiency(step, chip, 64, 16, 0.4, False)
  assert share == pytest.approx(compute / (compute + gradient + small))


def test_the_models_gradient_is_that_of_our_network():
  model = factory.make_model(networks.deepgaitv2())
  params = factory.variable_shapes(model, 44)['params']
  size = sum(x.size for x in jax.tree.leaves(params))
  assert scaling_model.DEEPGAIT.gradient == 4 * size


def test_the_documents_tables_are_the_models(capsys):
  scaling_model.main()
  document = (ROOT / 'docs/scaling.md').read_text()
  rows = [x for x in capsys.readouterr().out.splitlines() if x.startswith('|')]
  assert len(rows) > 40
  assert [row for row in rows if row not in document] == []


def test_efficiency_is_against_the_first_of_its_kind(monkeypatch):
  facts = dict.fromkeys(('seconds', 'sequences', 'frames', 'dtype', 'device'))

  def measure(options, scaling, devices, processes):
    rate = 10.0 if scaling == 'weak' else 8.0
    return {'frames_per_second': rate * (1.5 if devices == 2 else 1), **facts}

  monkeypatch.setattr(scaling_case, 'measure', measure)
  options = types.SimpleNamespace(
    devices=[1, 2], processes=[1, 2], rounds=2, step='selfgait'
  )
  lines = list(scaling_case.run(options))
  assert [line['processes'] for line in lines] == [1, 1, 2] * 2
  assert [line['efficiency'] for line in lines] == [1, 0.75, 0.75] * 2


@pytest.mark.slow  # four processes, each of which compiles a step
def test_scaling_over_devices_and_processes(benchmark_lines):
  lines = benchmark_lines(
    'scaling', '--devices=1', '--processes=2', '--sequences=1', '--total=2',
    '--frames=1', '--repeats=1', '--rounds=1', '--step=gaitset',
  )  # fmt: skip
  names = 'scaling', 'devices', 'processes', 'sequences'
  assert [tuple(line[name] for name in names) for line in lines] == [
    ('weak', 1, 1, 1),
    ('weak', 2, 2, 2),
    ('strong', 1, 1, 2),
    ('strong', 2, 2, 2),
  ]
  keys = 'frames_per_second seconds efficiency rounds cores frames dtype device'
  assert all(line.keys() >= set(keys.split()) for line in lines)


@pytest.mark.slow  # compiles a step
def test_counts_of_the_model_are_those_of_our_step(benchmark_lines):
  (line,) = benchmark_lines('count', '--devices=2')
  model = scaling_model.SELFGAIT
  assert line['tflop'] * 1e12 == pytest.approx(128 * model.flop, rel=1e-3)
  assert line['parameters'] * 4 == model.gradient
  assert line['messages'] == model.small + 1
  assert line['bytes'] > 0 and line['below_1_mb'] > 0
