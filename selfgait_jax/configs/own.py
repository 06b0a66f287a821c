"""Your own silhouettes: learn without labels, fine-tune on names, evaluate.

  python -m selfgait_jax.main --config=configs/own.py \\
    --config.data_dir=DATA_DIR --config.data.partition_file=DATA_DIR/own.json \\
    --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=own` (docs/own.md). Recipes,
given behind a colon:

  laptop     the default: a narrow network, for two CPU cores
  unlabelled the same without names: pretrains, and evaluates nothing
  strict     finds identities without names, camera by camera
  selfgait   SelfGait's network and steps
"""

import ml_collections

from selfgait_jax.configs import default


def get_config(recipe: str = 'laptop') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  recipes = {
    'laptop': laptop,
    'unlabelled': unlabelled,
    'strict': strict,
    'selfgait': selfgait,
  }
  return default.recipe(recipes, recipe)()


def laptop() -> ml_collections.ConfigDict:
  """Half of SelfGait's widths; few people are enough for a batch."""
  c = default.laptop(frames=10, few_steps=200, few_fraction=0.5)
  c.stages = 'pretrain,finetune,evaluate'
  c.pretrain.steps, c.finetune.steps = 400, 400
  c.log.images_every_steps = 0
  _own(c)
  return c


def unlabelled() -> ml_collections.ConfigDict:
  """No clip needs a name."""
  c = laptop()
  c.stages = 'pretrain'
  return c


def strict() -> ml_collections.ConfigDict:
  """Identities without labels; a folder of views has its camera's name."""
  c = default.get_config()
  default.discovery(c, 'strict')
  default.narrow_discovery(c)
  c.stages = 'discover'
  # Somebody who passes a corridor four times is found.
  c.discover.batch_subjects, c.discover.batch_sequences = 4, 4
  default.as_discovery(c)
  _own(c)
  return c


def selfgait() -> ml_collections.ConfigDict:
  """Full widths and steps, pretrained by contrast, which does not collapse."""
  c = default.get_config()
  default.one_view_contrast(c.pretrain)
  _own(c)
  return c


def _own(c):
  c.data.name = c.eval.protocol = 'own'
  # Which camera took a clip is not known.
  c.pretrain.views_per_batch = 0
  c.finetune.batch_subjects, c.finetune.batch_sequences = 4, 8
