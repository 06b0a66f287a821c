"""Synthetic walkers: everything runs on a fresh machine, nothing to download.

  python -m selfgait_jax.main --config=configs/synthetic.py

Renders the walkers, pretrains without labels, fine-tunes with few and with all
labels, evaluates on held-out subjects and writes the report; about 6 minutes
on 2 CPU cores. `configs/synthetic.py:smoke` is the same at its smallest size.
Every supervised system of `configs/casiab.py` is there at a fraction of its
widths: gaitset, gaitpart, gaitgl, gaitbase, gaitbase_mcl, gaitbase_byol,
deepgaitv2, deepgaitv2_interval, gaitssb, gaitssb_finetune.
"""

import functools

import ml_collections

from configs import casiab, default, opengait


def get_config(recipe: str = 'laptop') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  systems = {name: functools.partial(system, name) for name in casiab.SYSTEMS}
  recipes = {'laptop': laptop, 'smoke': smoke} | systems
  return default.recipe(recipes, recipe)()


def laptop() -> ml_collections.ConfigDict:
  """Half of SelfGait's widths, clips of 6 and 8 frames."""
  c = default.laptop()
  c.data.name = 'synthetic_gait'
  c.pretrain.steps = 200
  c.finetune.steps = 150
  c.finetune.batch_subjects, c.finetune.batch_sequences = 6, 6
  for stage in (c.finetune, c.few_scratch, c.few_pretrained):
    stage.frames = 8
  for few in (c.few_scratch, c.few_pretrained):
    few.steps, few.labelled_fraction = 60, 4 / 24
  c.log.images_every_steps = 100
  return c


def smoke() -> ml_collections.ConfigDict:
  """Every stage in a minute; the numbers mean nothing."""
  c = laptop()
  c.synthetic.train_subjects, c.synthetic.test_subjects = 4, 3
  c.synthetic.frames = 8
  c.model.widths, c.model.bins = (4, 8, 8), (1, 2, 4)
  c.model.embedding_dim = 8
  c.model.projector_hidden = c.model.projector_dim = 8
  for name in ('pretrain', 'finetune', 'few_scratch', 'few_pretrained'):
    stage = c[name]
    stage.steps, stage.frames = 4, 4
    stage.batch_subjects, stage.batch_sequences = 2, 4
  for few in (c.few_scratch, c.few_pretrained):
    few.labelled_fraction = 0.5
  c.checkpoint.every_steps = 2
  c.log.every_steps = 1
  return c


def system(name: str) -> ml_collections.ConfigDict:
  """A recipe of CASIA-B at laptop size."""
  c = casiab.SYSTEMS[name]()
  opengait.narrow(c, steps=200)
  c.data.name = 'synthetic_gait'
  if c.model.get('classes', 0):
    c.model.classes = c.synthetic.train_subjects
  return c
