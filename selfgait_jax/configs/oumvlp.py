"""OU-MVLP: 5,153 training and 5,154 test subjects, 14 views.

  python -m selfgait_jax.main --config=configs/oumvlp.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=oumvlp`. Recipes, given behind a
colon: selfgait (the default) and, with labels, those of OpenGait
(configs/opengait.py): gaitset, gaitpart, gaitgl, gaitbase, deepgaitv2. `strict`
and `synchronised` find identities without labels (docs/label_free.md).
"""

import functools

import ml_collections

from selfgait_jax.configs import default, opengait


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  recipes = {
    'selfgait': selfgait,
    'gaitset': gaitset,
    'gaitpart': gaitpart,
    'gaitgl': gaitgl,
    'gaitbase': gaitbase,
    'deepgaitv2': deepgaitv2,
    'strict': functools.partial(discovery, 'strict'),
    'synchronised': functools.partial(discovery, 'synchronised'),
  }
  return default.recipe(recipes, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """SelfGait's values."""
  c = default.get_config()
  c.data.name = 'ou_mvlp'
  c.eval.protocol = 'oumvlp'
  return c


def discovery(setting: str) -> ml_collections.ConfigDict:
  """Identities without labels. A person walks twice, past several cameras."""
  c = selfgait()
  default.discovery(c, setting)
  c.discover.neighbours, c.discover.averaged = 3, 1
  return c


def gaitset() -> ml_collections.ConfigDict:
  """OpenGait's gaitset_OUMVLP.yaml."""
  c = selfgait()
  opengait.gaitset(c, batch=(32, 16), **opengait.ADAM_250K)
  c.model.widths = (64, 128, 256)
  return c


def gaitpart() -> ml_collections.ConfigDict:
  """OpenGait's gaitpart_OUMVLP.yaml."""
  c = selfgait()
  opengait.gaitpart(c, batch=(32, 16), **opengait.ADAM_250K)
  c.model.widths = (32, 64, 128, 256)
  c.model.halvings = (0, 0, 3, 3)
  return c


def gaitgl() -> ml_collections.ConfigDict:
  """OpenGait's gaitgl_OUMVLP.yaml."""
  c = selfgait()
  opengait.gaitgl(
    c,
    classes=5153,
    smoothing=0.1,
    batch=(32, 8),
    steps=210_000,
    milestones=(150_000, 200_000),
    adam=1e-4,
    decay=0.0,
  )
  c.model.widths, c.model.halving = (32, 64, 128, 256), 1
  return c


def gaitbase() -> ml_collections.ConfigDict:
  """OpenGait's gaitbase_oumvlp.yaml."""
  c = selfgait()
  opengait.gaitbase(c, classes=5153, **_SGD)
  return c


def deepgaitv2() -> ml_collections.ConfigDict:
  """OpenGait's DeepGaitV2_oumvlp.yaml."""
  c = selfgait()
  opengait.deepgaitv2(c, classes=5153, layers=(1, 1, 1, 1), **_SGD)
  return c


_SGD = {
  'batch': (32, 8),
  'steps': 120_000,
  'milestones': (60_000, 80_000, 100_000),
}
