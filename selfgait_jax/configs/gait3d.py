"""Gait3D: 3,000 training and 1,000 test subjects, 39 indoor cameras.

  python -m selfgait_jax.main --config=configs/gait3d.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=gait3d`, in a folder that holds
`Gait3D.json`, the partition and the probe list that OpenGait publishes as
`datasets/Gait3D/Gait3D.json` (or set `config.data.partition_file`). Recipes,
given behind a colon: selfgait (the default) and, with labels, those of OpenGait
and MCL (configs/wild.py): gaitbase, gaitbase_mcl, deepgaitv2,
deepgaitv2_interval. `strict` finds identities without labels; the folders of
Gait3D name the camera of each sequence (docs/label_free.md).
"""

import ml_collections

from selfgait_jax.configs import default, opengait, wild


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  shared = wild.recipes(
    selfgait, classes=3000, lengths=(10, 50), **opengait.SGD_60K
  )

  def deepgaitv2_interval():
    """MCL's DeepGaitV2_gait3d_interval.yaml."""
    c = shared['deepgaitv2']()
    opengait.intervals(c)
    return c

  more = {'deepgaitv2_interval': deepgaitv2_interval, 'strict': strict}
  return default.recipe(shared | more, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """SelfGait's values."""
  return wild.selfgait('gait3d', 'Gait3D.json')


def strict() -> ml_collections.ConfigDict:
  """Identities without labels, from 39 cameras that are not synchronised."""
  c = selfgait()
  default.discovery(c, 'strict')
  return c
