"""GREW: 20,000 training and 6,000 test subjects before outdoor cameras.

  python -m selfgait_jax.main --config=configs/grew.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=grew`. The result is a local
one, on test subjects with names; where the probe folder was prepared too,
WORKDIR/GREW_submission.csv is what the makers of GREW score.
"""

import ml_collections

from configs import default


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  return default.recipe({'selfgait': selfgait}, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """SelfGait's values; labelled batches of 32 x 4 sequences, as OpenGait's."""
  c = default.get_config()
  c.data.name = 'grew'
  c.eval.protocol = 'grew'
  c.finetune.batch_subjects, c.finetune.batch_sequences = 32, 4
  return c
