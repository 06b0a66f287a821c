"""GREW: 20,000 training and 6,000 test subjects before outdoor cameras.

  python -m selfgait_jax.main --config=configs/grew.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=grew`. The result is a local
one, on test subjects with names; where the probe folder was prepared too,
WORKDIR/GREW_submission.csv is what the makers of GREW score. Recipes, given
behind a colon: selfgait (the default) and, supervised, those of OpenGait and
MCL (configs/opengait.py): gaitset, gaitbase, gaitbase_mcl, deepgaitv2.
"""

import ml_collections

from configs import default, opengait


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  recipes = {
    'selfgait': selfgait,
    'gaitset': gaitset,
    'gaitbase': gaitbase,
    'gaitbase_mcl': gaitbase_mcl,
    'deepgaitv2': deepgaitv2,
  }
  return default.recipe(recipes, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """SelfGait's values; labelled batches of 32 x 4 sequences, as OpenGait's."""
  c = default.get_config()
  c.data.name = 'grew'
  c.eval.protocol = 'grew'
  c.finetune.batch_subjects, c.finetune.batch_sequences = 32, 4
  return c


def gaitset() -> ml_collections.ConfigDict:
  """OpenGait's gaitset_GREW.yaml."""
  c = selfgait()
  opengait.gaitset(
    c,
    batch=(32, 4),
    steps=250_000,
    milestones=(150_000,),
    adam=1e-4,
    decay=0.0,
  )
  c.model.widths = (64, 128, 256)
  return c


def gaitbase() -> ml_collections.ConfigDict:
  """OpenGait's gaitbase_da_grew.yaml.

  There one draw of the augmentation serves a whole device's batch
  (`reference.shared_augment`).
  """
  c = selfgait()
  opengait.gaitbase(c, classes=20_000, **_SCHEDULE)
  opengait.unfixed(c, 20, 40)
  opengait.warp_and_flip(c)
  return c


def gaitbase_mcl() -> ml_collections.ConfigDict:
  """MCL's gaitbase_da_grew_mcl.yaml."""
  c = gaitbase()
  opengait.consistency(c, weight=1.2, cross_entropy=0.8)
  return c


def deepgaitv2() -> ml_collections.ConfigDict:
  """OpenGait's DeepGaitV2_grew.yaml."""
  c = selfgait()
  opengait.deepgaitv2(c, classes=20_000, layers=(1, 4, 4, 1), **_SCHEDULE)
  return c


_SCHEDULE = {
  'batch': (32, 4),
  'steps': 180_000,
  'milestones': (80_000, 120_000, 150_000),
}
