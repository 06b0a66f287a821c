"""What are labels worth? Few labels after no or after label-free training.

  python -m selfgait_jax.main --config=configs/study_labels.py \\
    --config.data_dir=DATA_DIR

Trains a narrow network on CASIA-B's development split with 0, 2, 4, ...
labelled subjects: from scratch, after the stage `discover` in each of its
settings (docs/label_free.md), and after it with the pseudo-identities of the
other subjects beside the labels (`_mixed`). Three draws, each with its own
subjects and first weights. The study can be stopped at any time; the same
command goes on. The recipe `walkers` does the same on the synthetic walkers,
`smoke` at the smallest size.
"""

import ml_collections

from selfgait_jax.configs import casiab, default, synthetic


def get_config(recipe: str = 'casiab') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  recipes = {'casiab': on_casiab, 'walkers': on_walkers, 'smoke': smoke}
  return default.recipe(recipes, recipe)()


def on_casiab() -> ml_collections.ConfigDict:
  """CASIA-B's development split: 50 training subjects."""
  c = casiab.get_config('strict_laptop')
  _add_study(c, labelled=(0, 2, 4, 8, 15, 37, 50))
  c.train.steps, c.train.warmup_steps = 150, 15
  return c


def on_walkers() -> ml_collections.ConfigDict:
  """The 24 walkers of the embedded default."""
  c = synthetic.get_config('laptop')
  c.model.projector_hidden = 0
  default.as_discovery(c)
  _add_study(c, labelled=(0, 2, 4, 8, 24))
  c.train.steps = 60
  return c


def smoke() -> ml_collections.ConfigDict:
  """For tests; the results mean nothing."""
  c = synthetic.get_config('smoke')
  default.as_discovery(c)
  _add_study(c, labelled=(0, 2))
  c.study.draws = 2
  c.train.steps = 2
  return c


def _add_study(c, labelled):
  c.stages = 'discover,train'  # of each cell
  c.study = study = ml_collections.ConfigDict()
  study.labelled_subjects = labelled  # numbers of training subjects
  study.draws = 3
  study.arms = (
    'scratch', 'strict', 'synchronised', 'strict_mixed', 'synchronised_mixed'
  )  # fmt: skip
