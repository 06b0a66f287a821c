"""Rendered walkers: runs on any machine, with nothing to download.

  python -m selfgait_jax.main --config=configs/synthetic.py

Renders the walkers, finds identities without labels, fine-tunes with few and
with all labels, evaluates on the test subjects and writes the report. The
README says how many minutes this takes. The recipe is called `laptop`;
`configs/synthetic.py:smoke` does the same at the smallest size. `:demo` trains
the weights that come with the package (docs/walkers.md). All systems of
`configs/casiab.py` are available at a fraction of their widths: gaitset,
gaitpart, gaitgl, gaitbase, gaitbase_mcl, gaitbase_byol, deepgaitv2,
deepgaitv2_interval, gaitssb, gaitssb_finetune.
"""

import functools

import ml_collections

from selfgait_jax.configs import casiab, default, opengait


def get_config(recipe: str = 'laptop') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  systems = {name: functools.partial(system, name) for name in casiab.SYSTEMS}
  recipes = {'laptop': laptop, 'smoke': smoke, 'demo': demo} | systems
  return default.recipe(recipes, recipe)()


def laptop() -> ml_collections.ConfigDict:
  """Half of SelfGait's widths, clips of 6 and 8 frames."""
  c = default.laptop(frames=8, few_steps=50, few_fraction=4 / 24)
  c.data.name = 'synthetic_gait'
  c.stages = 'discover,few_scratch,few_pretrained,finetune,evaluate'
  c.few_pretrained.init = c.finetune.init = 'discover'
  c.discover.setting = 'synchronised'
  c.discover.steps, c.discover.relabel_at = 130, (60,)
  c.discover.relabel_frames, c.discover.warmup_steps = 12, 10
  c.finetune.steps = 110
  for stage in (c.discover, c.finetune):
    stage.batch_subjects, stage.batch_sequences = 6, 6
    stage.ordered = True  # the motion block needs neighbouring frames
  c.log.images_every_steps = 100
  c.eval.max_frames = 12  # half a sequence, half the time
  return c


def smoke() -> ml_collections.ConfigDict:
  """Runs every stage in a minute, for tests; the results mean nothing."""
  c = laptop()
  c.stages = 'pretrain,discover,few_scratch,few_pretrained,finetune,evaluate'
  c.few_pretrained.init = c.finetune.init = 'pretrain'
  c.discover.relabel_at, c.discover.relabel_frames = (2,), 6
  c.discover.neighbours = 4  # of few people
  c.synthetic.train_subjects, c.synthetic.test_subjects = 4, 3
  c.synthetic.frames = 8
  c.model.widths, c.model.bins = (4, 8, 8), (1, 2, 4)
  c.model.embedding_dim = 8
  c.model.projector_hidden = c.model.projector_dim = 8
  for name in c.stages.split(',')[:-1]:
    stage = c[name]
    stage.steps, stage.frames = 4, 4
    stage.batch_subjects, stage.batch_sequences = 2, 4
  for few in (c.few_scratch, c.few_pretrained):
    few.labelled_fraction = 0.5
  c.checkpoint.every_steps = 2
  c.log.every_steps = 1
  return c


def demo() -> ml_collections.ConfigDict:
  """Trains the network of `load_embedder('walkers')` with all labels.

  Real silhouettes have other outlines than walkers, so the shapes vary more.
  """
  c = default.get_config()
  c.data.name, c.data.loader = 'synthetic_gait', 'array'
  c.stages = 'train,evaluate'
  c.synthetic.train_subjects = 200
  c.model.widths, c.model.embedding_dim = (16, 32, 64), 64
  c.model.use_motion, c.model.projector_hidden = False, 0
  stage = c.train
  stage.steps, stage.schedule, stage.warmup_steps = 1000, 'cosine', 50
  stage.optimizer, stage.learning_rate, stage.weight_decay = 'adam', 2e-3, 0.0
  stage.batch_subjects, stage.batch_sequences = 8, 8
  stage.frames, stage.ordered = 8, False
  c.augment.corner_affine = c.augment.perspective = c.augment.rotate = 0.2
  c.augment.dilate = c.augment.blur = c.augment.erase = 0.2
  c.checkpoint.every_steps, c.log.images_every_steps = 250, 0
  return c


def system(name: str) -> ml_collections.ConfigDict:
  """A system of `configs/casiab.py` at laptop size."""
  c = casiab.SYSTEMS[name]()
  opengait.narrow(c, steps=200, classes=c.synthetic.train_subjects)
  c.data.name = 'synthetic_gait'
  return c
