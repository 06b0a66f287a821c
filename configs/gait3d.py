"""Gait3D: 3,000 training and 1,000 test subjects before 39 indoor cameras.

  python -m selfgait_jax.main --config=configs/gait3d.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=gait3d`, in a folder that holds
`Gait3D.json`, the partition and the probe list that OpenGait publishes as
`datasets/Gait3D/Gait3D.json` (or set `config.data.partition_file`). Recipes,
given behind a colon: selfgait (the default) and, supervised, those of OpenGait
and MCL (configs/opengait.py): gaitbase, gaitbase_mcl, deepgaitv2,
deepgaitv2_interval.
"""

import ml_collections

from configs import default, opengait


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  recipes = {
    'selfgait': selfgait,
    'gaitbase': gaitbase,
    'gaitbase_mcl': gaitbase_mcl,
    'deepgaitv2': deepgaitv2,
    'deepgaitv2_interval': deepgaitv2_interval,
  }
  return default.recipe(recipes, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """SelfGait's values; labelled batches of 32 x 4 sequences, as OpenGait's."""
  c = default.get_config()
  c.data.name, c.data.partition_file = 'gait3d', 'Gait3D.json'
  c.eval.protocol = 'gait3d'
  c.finetune.batch_subjects, c.finetune.batch_sequences = 32, 4
  return c


def gaitbase() -> ml_collections.ConfigDict:
  """OpenGait's gaitbase_da_gait3d.yaml.

  There one draw of the augmentation serves a whole device's batch
  (`reference.shared_augment`).
  """
  c = selfgait()
  opengait.gaitbase(c, classes=3000, **_SCHEDULE)
  opengait.unfixed(c, 10, 50)
  opengait.warp_and_flip(c)
  return c


def gaitbase_mcl() -> ml_collections.ConfigDict:
  """MCL's gaitbase_da_gait3d_mcl.yaml."""
  c = gaitbase()
  opengait.consistency(c, weight=1.2, cross_entropy=0.8)
  return c


def deepgaitv2() -> ml_collections.ConfigDict:
  """OpenGait's DeepGaitV2_gait3d.yaml."""
  c = selfgait()
  opengait.deepgaitv2(c, classes=3000, layers=(1, 4, 4, 1), **_SCHEDULE)
  return c


def deepgaitv2_interval() -> ml_collections.ConfigDict:
  """MCL's DeepGaitV2_gait3d_interval.yaml."""
  c = deepgaitv2()
  opengait.intervals(c)
  return c


_SCHEDULE = {
  'batch': (32, 4),
  'steps': 60_000,
  'milestones': (20_000, 40_000, 50_000),
}
