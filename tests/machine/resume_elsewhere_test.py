"""Other ways to the same losses, weights and table, on several processes."""

import equality
import numpy as np
import pytest
import small_run
import together

from selfgait_jax.run import metrics

GAITSET = (
  '--config=configs/synthetic.py:gaitset',
  'stages=train,evaluate',
  'synthetic.train_subjects=4',
  'synthetic.test_subjects=3',
  *(f'train.{setting}' for setting in equality.SGD),
  'train.learning_rate=3e-3',
  'train.batch_subjects=2',
  'train.batch_sequences=4',
  'train.frames=4',
  'model.widths=(4,4,8)',
  'model.bins=(4,2,1)',
  'model.embedding_dim=8',
  'model.projector_hidden=8',  # for its statistics, which must rest
  'log.every_steps=1',
)
# From one stage to the next, whose weights are those of the first's end.
STORY = (
  *equality.LABEL_FREE,
  'stages=pretrain,finetune,evaluate',
  *(f'finetune.{setting}' for setting in equality.SGD),
  'finetune.learning_rate=3e-3',
  'finetune.weight_decay=0.0',
)
KINDS = {
  'label_free': equality.LABEL_FREE,
  'supervised': equality.SUPERVISED,
  'gaitset': GAITSET,
  'story': STORY,
}
# Of the second stage, which starts from weights that differ by a rounding
# already and whose outputs lie close together: 3.5e-4 was seen on others.
STORY_TOLERANCE = 1e-3


@pytest.fixture(scope='module')
def reference(people, tmp_path_factory):
  """kind -> work folder of the plain run of one process on one device."""
  folders = {}

  def run(kind):
    if kind not in folders:
      folders[kind] = tmp_path_factory.mktemp(kind)
      together.run(_arguments(kind, people, folders[kind]), processes=1)
    return folders[kind]

  return run


@pytest.mark.slow
@pytest.mark.parametrize(
  'kind, processes, devices, setting',
  [
    ('label_free', 2, 1, 'data.loader=device'),
    ('supervised', 2, 1, 'data.loader=device'),
    ('label_free', 1, 2, 'model.microbatches=2'),
    ('label_free', 2, 1, 'model.microbatches=2'),
    ('gaitset', 1, 4, 'model.microbatches=2'),
    ('gaitset', 2, 1, 'model.microbatches=2'),
    ('supervised', 1, 2, 'model.remat=True'),
    ('supervised', 2, 1, 'model.remat=True'),
  ],
)
def test_same_end(
  kind, processes, devices, setting, reference, people, tmp_path
):
  arguments = [*_arguments(kind, people, tmp_path), f'--config.{setting}']
  words = together.run(arguments, processes, devices)
  assert not any(words[1:])  # nothing to warn of
  stage = 'pretrain' if kind == 'label_free' else 'train'
  equality.assert_same(tmp_path, reference(kind), stage)
  equality.assert_same_table(tmp_path, reference(kind))


@pytest.mark.slow
def test_one_stage_after_the_other(reference, people, tmp_path):
  together.run(_arguments('story', people, tmp_path))
  equality.assert_same(tmp_path, reference('story'), 'pretrain')
  found, wanted = (
    metrics.read_curves(folder / 'finetune')
    for folder in (tmp_path, reference('story'))
  )
  assert len(wanted['loss']) == 10
  for name in ('loss', 'spread'):
    np.testing.assert_allclose(
      found[name], wanted[name], rtol=STORY_TOLERANCE, err_msg=name
    )
  equality.assert_same_table(tmp_path, reference('story'))


@pytest.mark.slow
def test_both_start_from_a_checkpoint(reference, people, tmp_path):
  """`init_from` in place of the stage before it."""
  whole = reference('story')
  arguments = [
    *_arguments('story', people, tmp_path),
    '--config.stages=finetune,evaluate',
    f'--config.init_from={whole}/pretrain',
  ]
  words = together.run(arguments)
  assert f'starts from {whole}/pretrain/checkpoints/10' in words[0]
  equality.assert_same(tmp_path, whole, 'finetune')


def _arguments(kind, people, workdir):
  config, *settings = KINDS[kind]
  _, *rest = small_run.overrides(people, workdir, *settings)
  return [config, *rest]
