"""CASIA-B: SelfGait's whole story on 74 training and 50 test subjects.

  python -m selfgait_jax.main --config=configs/casiab.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=casiab`. Recipes, given behind a
colon (`configs/casiab.py:selfgait_release`):

  selfgait          the default: the original's settings, its defects put right
  selfgait_release  the original program as it is, with all its defects
  label_free        the label-free settings that rise on the development split
  laptop            development split, in under an hour on 2 CPU cores
"""

import ml_collections

from configs import default


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  recipes = {
    'selfgait': selfgait,
    'selfgait_release': selfgait_release,
    'label_free': label_free,
    'laptop': laptop,
  }
  return default.recipe(recipes, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """The values of EchoItLiu/SelfGait (its code's, not the paper's text)."""
  c = default.get_config()
  c.data.exclude_subjects = '005'  # incomplete; the original leaves it out
  return c


def selfgait_release() -> ml_collections.ConfigDict:
  """Every defect of the release that changes numbers."""
  c = selfgait()
  for name in set(c.reference) - set(default.OPENGAIT_DEFECTS):
    c.reference[name] = True
  c.data.min_frames = 30
  return c


def label_free() -> ml_collections.ConfigDict:
  """SelfGait's network and data, pretrained by contrast within one view."""
  c = selfgait()
  default.one_view_contrast(c.pretrain)
  return c


def laptop() -> ml_collections.ConfigDict:
  """Half widths, short clips, the development split (051-074 validate)."""
  c = default.laptop()
  c.data.partition = 'development'
  c.pretrain.steps = 800
  c.finetune.steps = 1000
  c.finetune.batch_subjects, c.finetune.batch_sequences = 8, 6
  for stage in (c.finetune, c.few_scratch, c.few_pretrained):
    stage.frames = 10
  for few in (c.few_scratch, c.few_pretrained):
    few.steps, few.labelled_fraction = 200, 8 / 50
  c.log.images_every_steps = 0
  return c
