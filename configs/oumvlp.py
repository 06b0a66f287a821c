"""OU-MVLP: 5,153 training and 5,154 test subjects, 14 views.

  python -m selfgait_jax.main --config=configs/oumvlp.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=oumvlp`.
"""

import ml_collections

from configs import default


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  return default.recipe({'selfgait': selfgait}, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """SelfGait's values; sequences are short here and none is left out."""
  c = default.get_config()
  c.data.name = 'ou_mvlp'
  c.eval.protocol = 'oumvlp'
  return c
