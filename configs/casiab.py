"""CASIA-B: SelfGait's whole story on 74 training and 50 test subjects.

  python -m selfgait_jax.main --config=configs/casiab.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=casiab`. Recipes, given behind a
colon (`configs/casiab.py:selfgait_release`):

  selfgait          the default: the original's settings, its defects put right
  selfgait_release  the original program as it is, with all its defects
  label_free        the label-free settings that rise on the development split
  laptop            development split, in under an hour on 2 CPU cores

and, supervised, those of OpenGait (configs/opengait.py): gaitset, gaitpart,
gaitgl, gaitbase, gaitbase_mcl, deepgaitv2, deepgaitv2_interval; gaitssb,
without labels, and gaitssb_finetune, after it by `config.init_from`;
gaitbase_byol pretrains without labels first, as SelfGait does. Each of these
with `_laptop` behind its name is a narrow network on the development split.
"""

import functools

import ml_collections

from configs import default, opengait


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  recipes = {
    'selfgait': selfgait,
    'selfgait_release': selfgait_release,
    'label_free': label_free,
    'laptop': laptop,
  }
  small = {
    f'{name}_laptop': functools.partial(system_laptop, name) for name in SYSTEMS
  }
  return default.recipe(recipes | SYSTEMS | small, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """The values of EchoItLiu/SelfGait (its code's, not the paper's text)."""
  c = default.get_config()
  c.data.exclude_subjects = '005'  # incomplete; the original leaves it out
  return c


def selfgait_release() -> ml_collections.ConfigDict:
  """Every defect of the release that changes numbers."""
  c = selfgait()
  for name in set(c.reference) - set(default.OPENGAIT_DEFECTS):
    c.reference[name] = True
  c.data.min_frames = 30
  return c


def label_free() -> ml_collections.ConfigDict:
  """SelfGait's network and data, pretrained by contrast within one view."""
  c = selfgait()
  default.one_view_contrast(c.pretrain)
  return c


def laptop() -> ml_collections.ConfigDict:
  """Half widths, short clips, the development split (051-074 validate)."""
  c = default.laptop()
  c.data.partition = 'development'
  c.pretrain.steps = 800
  c.finetune.steps = 1000
  c.finetune.batch_subjects, c.finetune.batch_sequences = 8, 6
  for stage in (c.finetune, c.few_scratch, c.few_pretrained):
    stage.frames = 10
  for few in (c.few_scratch, c.few_pretrained):
    few.steps, few.labelled_fraction = 200, 8 / 50
  c.log.images_every_steps = 0
  return c


def gaitset() -> ml_collections.ConfigDict:
  """OpenGait's gaitset.yaml."""
  c = default.get_config()
  milestones = (10_000, 20_000, 30_000)
  opengait.gaitset(c, batch=(8, 16), steps=40_000, milestones=milestones)
  return c


def gaitpart() -> ml_collections.ConfigDict:
  """OpenGait's gaitpart.yaml."""
  c = default.get_config()
  opengait.gaitpart(
    c, batch=(8, 16), steps=120_000, milestones=(100_000,), adam=1e-4, decay=0.0
  )
  return c


def gaitgl() -> ml_collections.ConfigDict:
  """OpenGait's gaitgl.yaml."""
  c = default.get_config()
  opengait.gaitgl(
    c,
    classes=74,
    smoothing=0.0,
    batch=(8, 8),
    steps=80_000,
    milestones=(70_000,),
    adam=1e-4,
  )
  return c


def gaitbase() -> ml_collections.ConfigDict:
  """OpenGait's gaitbase_da_casiab.yaml."""
  c = default.get_config()
  opengait.gaitbase(c, classes=74, **_SCHEDULE)
  c.augment.rotate = c.augment.erase = 0.3
  return c


def gaitbase_mcl() -> ml_collections.ConfigDict:
  """MCL's gaitbase_da_casiab_mcl.yaml."""
  c = gaitbase()
  opengait.consistency(c, weight=1.0, cross_entropy=1.0)
  return c


def gaitbase_byol() -> ml_collections.ConfigDict:
  """GaitBase after label-free pretraining; the steps are SelfGait's."""
  c = gaitbase()
  opengait.byol(c, steps=10_000)
  return c


def deepgaitv2() -> ml_collections.ConfigDict:
  """OpenGait's DeepGaitV2_casiab.yaml."""
  c = default.get_config()
  opengait.deepgaitv2(c, classes=74, layers=(1, 1, 1, 1), **_SCHEDULE)
  return c


def deepgaitv2_interval() -> ml_collections.ConfigDict:
  """The same with MCL's interval sampling, which it publishes for Gait3D."""
  c = deepgaitv2()
  opengait.intervals(c)
  return c


def gaitssb() -> ml_collections.ConfigDict:
  """OpenGait's gaitssb/pretrain.yaml, on CASIA-B's own training subjects."""
  c = default.get_config()
  opengait.gaitssb(c)
  return c


def gaitssb_finetune() -> ml_collections.ConfigDict:
  """OpenGait's gaitssb/finetune_casiab.yaml."""
  c = default.get_config()
  milestones = (6_000, 8_000, 10_000)
  opengait.gaitssb_finetune(
    c, batch=(8, 16), steps=12_000, milestones=milestones
  )
  return c


def system_laptop(name: str) -> ml_collections.ConfigDict:
  """A system at laptop size on the development split (051-074 validate)."""
  c = SYSTEMS[name]()
  opengait.narrow(c, steps=600)
  c.data.partition = 'development'
  if c.model.get('classes', 0):
    c.model.classes = 50
  return c


# Of GaitBase and DeepGaitV2.
_SCHEDULE = {
  'batch': (8, 16),
  'steps': 60_000,
  'milestones': (20_000, 40_000, 50_000),
}
SYSTEMS = {
  function.__name__: function
  for function in (
    gaitset,
    gaitpart,
    gaitgl,
    gaitbase,
    gaitbase_mcl,
    gaitbase_byol,
    deepgaitv2,
    deepgaitv2_interval,
    gaitssb,
    gaitssb_finetune,
  )
}
