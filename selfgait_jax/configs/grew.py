"""GREW: 20,000 training and 6,000 test subjects, outdoor cameras.

  python -m selfgait_jax.main --config=configs/grew.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=grew`. The result is a local
one, on the test subjects with published identities. If the probe folder was
prepared too, the run writes WORKDIR/GREW_submission.csv for GREW's own
evaluation server. Recipes, given behind a colon: selfgait (the default) and,
with labels, those of OpenGait and MCL (configs/wild.py): gaitset, gaitbase,
gaitbase_mcl, deepgaitv2.
"""

import ml_collections

from selfgait_jax.configs import default, opengait, wild


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  shared = wild.recipes(
    selfgait,
    classes=20_000,
    lengths=(20, 40),
    steps=180_000,
    milestones=(80_000, 120_000, 150_000),
  )
  return default.recipe(shared | {'gaitset': gaitset}, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """SelfGait's values."""
  return wild.selfgait('grew')


def gaitset() -> ml_collections.ConfigDict:
  """OpenGait's gaitset_GREW.yaml."""
  c = selfgait()
  opengait.gaitset(c, batch=(32, 4), **opengait.ADAM_250K)
  c.model.widths = (64, 128, 256)
  return c
