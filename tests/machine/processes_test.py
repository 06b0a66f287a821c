"""1 and 8 devices, 2 and 4 processes: the same losses, weights and table."""

import json
import signal

import equality
import pytest
import small_run
import together

from selfgait_jax import errors
from selfgait_jax.machine import processes

KINDS = {
  'label_free': ('pretrain', equality.LABEL_FREE),
  'supervised': ('train', equality.SUPERVISED),
  'discover': ('discover', equality.DISCOVER),
}


@pytest.fixture(scope='module')
def reference(people, tmp_path_factory):
  """kind -> work folder of the run of one process on one device."""
  folders = {}

  def run(kind):
    if kind not in folders:
      folders[kind] = tmp_path_factory.mktemp(kind)
      together.run(_arguments(kind, people, folders[kind]), processes=1)
    return folders[kind]

  return run


def test_processes_that_were_started_differently(monkeypatch):
  monkeypatch.setattr(processes, 'share', lambda mine: [mine, mine, 'other'])
  with pytest.raises(errors.UserError, match='same config.*process 2 and this'):
    processes.expect_same('config', 'this')
  monkeypatch.setattr(processes, 'share', lambda mine: [mine, mine])
  processes.expect_same('config', 'this')


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('number, devices', [(1, 8), (2, 1), (2, 2), (4, 1)])
def test_same_losses_weights_and_table(
  kind, number, devices, reference, people, tmp_path
):
  words = together.run(_arguments(kind, people, tmp_path), number, devices)
  assert f'on {number * devices} x cpu, {number} process(es)' in words[0]
  assert not any(words[1:])  # process 0 logs, and there is nothing to warn of
  equality.assert_same(tmp_path, reference(kind), KINDS[kind][0])
  equality.assert_same_table(tmp_path, reference(kind))


@pytest.mark.slow
def test_stopped_on_two_processes_and_ended_by_one(people, tmp_path):
  """SIGTERM to one stops both after the same step; no step is lost.

  Each process holds the frames on its devices.
  """
  settings = ('pretrain.steps=10', 'stages=pretrain', 'data.loader=device')
  whole, folder = tmp_path / 'whole', tmp_path / 'stopped'
  arguments = lambda where: [
    *_arguments('label_free', people, where),
    *(f'--config.{setting}' for setting in settings),
  ]
  together.run(arguments(whole), processes=1)
  both = together.start(arguments(folder), processes=2)
  together.wait_until(lambda: together.logged(folder) >= 2, both)
  both[1].send_signal(signal.SIGTERM)
  (status, words), (other_status, other_words) = together.finish(both)
  assert (status, other_status) == (0, 0), (words, other_words)
  assert 'process 1: signal 15' in other_words
  step = together.saved(folder)[-1]
  assert f'stopped at step {step} of 10 and saved' in words
  (words,) = together.run(arguments(folder), processes=1)
  assert f'goes on after step {step}' in words
  equality.assert_same(folder, whole, 'pretrain')


@pytest.mark.slow
@pytest.mark.parametrize(
  'before, after',
  [
    ((1, 8), (1, 1)),
    ((1, 8), (1, 2)),
    ((1, 8), (1, 4)),
    ((1, 8), (2, 1)),
    ((1, 1), (1, 8)),
    ((1, 2), (1, 8)),
    ((1, 4), (1, 8)),
    ((2, 1), (1, 8)),
    ((4, 1), (2, 2)),
  ],
)
def test_goes_on_on_other_devices(before, after, reference, people, tmp_path):
  """Written by `before` (processes, devices of each), gone on with by `after`.

  A wrong place in the data, an optimiser anew or a lost target would show.
  """
  arguments = [
    *_arguments('label_free', people, tmp_path),
    '--config.stages=pretrain',
    '--config.checkpoint.every_steps=5',
  ]
  first = together.start(arguments, *before)
  together.wait_until(lambda: together.saved(tmp_path), first)
  for process in first:
    process.send_signal(signal.SIGTERM)
  assert {status for status, _ in together.finish(first)} == {0}
  step = together.saved(tmp_path)[-1]
  assert step < 10
  words = together.run(arguments, *after)
  assert f'goes on after step {step}' in words[0]
  equality.assert_same(tmp_path, reference('label_free'), 'pretrain')


@pytest.mark.slow
def test_one_process_renders_and_writes(tmp_path):
  """The walkers, TensorBoard's events and all the rest stand there once."""
  words, other_words = together.run(
    [
      '--config=configs/synthetic.py:smoke',
      f'--config.data_dir={tmp_path}/data',
      f'--workdir={tmp_path}/run',
      '--config.stages=pretrain,evaluate',
    ],
    tensorflow=True,
  )
  assert words.count('770 sequences') == 1 and '| loss' in words
  for ours in ('770 sequences', '| loss', 'report: '):
    assert ours not in other_words
  folder = tmp_path / 'run'
  assert len(list(folder.rglob('events.out.tfevents.*'))) == 1
  assert len((folder / 'pretrain/metrics.jsonl').read_text().splitlines()) == 4
  assert (
    json.loads((folder / 'results.json').read_text())['device'] == '2 x cpu'
  )
  assert (folder / 'report.html').exists()


def _arguments(kind, people, workdir):
  config, *settings = KINDS[kind][1]
  _, *rest = small_run.overrides(people, workdir, *settings)
  return [config, *rest]
