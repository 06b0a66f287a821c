"""Gait3D: 3,000 training and 1,000 test subjects before 39 indoor cameras.

  python -m selfgait_jax.main --config=configs/gait3d.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=gait3d`, in a folder that holds
`Gait3D.json`, the partition and the probe list that OpenGait publishes as
`datasets/Gait3D/Gait3D.json` (or set `config.data.partition_file`).
"""

import ml_collections

from configs import default


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  return default.recipe({'selfgait': selfgait}, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """SelfGait's values; labelled batches of 32 x 4 sequences, as OpenGait's."""
  c = default.get_config()
  c.data.name, c.data.partition_file = 'gait3d', 'Gait3D.json'
  c.eval.protocol = 'gait3d'
  c.finetune.batch_subjects, c.finetune.batch_sequences = 32, 4
  return c
