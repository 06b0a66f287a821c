"""CASIA-B: 74 training and 50 test subjects, 11 views.

  python -m selfgait_jax.main --config=configs/casiab.py \\
    --config.data_dir=DATA_DIR --workdir=WORKDIR

after `scripts/prepare_silhouettes.py --dataset=casiab`. A recipe is given
behind a colon (`configs/casiab.py:selfgait_release`). Those of SelfGait
pretrain without labels, fine-tune with labels and evaluate:

  selfgait          the default: the original's settings, its defects corrected
  selfgait_release  the original program as it is, with all its defects
  predictive        pretrains by predicting the last frame of a clip
  joint             the same, with a labelled step after every four
  byol              with the schedules of the BYOL paper
  contrast          by contrast within one view, which does not collapse
  contrast_synchronised  by contrast between two views of one walk
  strict            finds identities without labels, single sequences given
  synchronised      the same, given which sequences show one walk
  laptop            development split, in under an hour on 2 CPU cores

Those of OpenGait (configs/opengait.py) train with labels: gaitset, gaitpart,
gaitgl, gaitbase, gaitbase_mcl, deepgaitv2, deepgaitv2_interval. `gaitssb`
pretrains without labels; `gaitssb_finetune` fine-tunes the checkpoint given as
`config.init_from`. `gaitbase_byol` pretrains GaitBase as SelfGait does. With
`_laptop` behind its name, each of these is a narrow network on the development
split.
"""

import functools

import ml_collections

from selfgait_jax.configs import default, opengait


def get_config(recipe: str = 'selfgait') -> ml_collections.ConfigDict:
  """Settings of a recipe; an unknown one is an error that lists the known."""
  recipes = {
    'selfgait': selfgait,
    'selfgait_release': selfgait_release,
    'predictive': predictive,
    'joint': joint,
    'byol': byol,
    'contrast': contrast,
    'contrast_synchronised': contrast_synchronised,
    'strict': functools.partial(discovery, 'strict'),
    'synchronised': functools.partial(discovery, 'synchronised'),
    'strict_laptop': functools.partial(discovery_laptop, 'strict'),
    'synchronised_laptop': functools.partial(discovery_laptop, 'synchronised'),
    'laptop': laptop,
  }
  narrow = {
    f'{name}_laptop': functools.partial(system_laptop, name) for name in SYSTEMS
  }
  return default.recipe(recipes | SYSTEMS | narrow, recipe)()


def selfgait() -> ml_collections.ConfigDict:
  """The values in the code of EchoItLiu/SelfGait; its paper gives others."""
  c = default.get_config()
  c.data.exclude_subjects = '005'  # incomplete; the original excludes it too
  return c


def selfgait_release() -> ml_collections.ConfigDict:
  """With every defect of the release that changes numbers."""
  c = selfgait()
  for name in set(c.reference) - set(default.OPENGAIT_DEFECTS):
    c.reference[name] = True
  c.data.min_frames = 30
  return c


def predictive() -> ml_collections.ConfigDict:
  """SelfGait's framework figure: predict the last frame of a clip."""
  c = selfgait()
  c.pretrain.objective = 'predictive'
  return c


def joint() -> ml_collections.ConfigDict:
  """SelfGait's `train_ft`: every fifth step is a labelled triplet step."""
  c = selfgait()
  c.pretrain.objective = 'joint'
  return c


def byol() -> ml_collections.ConfigDict:
  """SelfGait's losses with the schedules of BYOL (arXiv:2006.07733).

  A linear warm-up of the learning rate, which then falls along a cosine; a
  target momentum that rises to 1; no weight decay of biases and normalisation
  parameters. BYOL warms up for 10 of 1,000 epochs, a hundredth
  of the steps; learning rate, momentum and decay stay SelfGait's.
  """
  c = selfgait()
  stage = c.pretrain
  stage.schedule, stage.warmup_steps = 'cosine', stage.steps // 100
  stage.target_schedule = 'cosine'
  stage.decay_vectors = False
  return c


def contrast() -> ml_collections.ConfigDict:
  """SelfGait's network and data, pretrained by contrast within one view."""
  c = selfgait()
  default.one_view_contrast(c.pretrain)
  return c


def contrast_synchronised() -> ml_collections.ConfigDict:
  """The same with two cameras in a batch: the two views of a walk attract.

  Needs to know which sequences were recorded together, but no identity.
  """
  c = contrast()
  c.pretrain.pairs, c.pretrain.views_per_batch = 'synchronised_views', 2
  return c


def discovery(setting: str) -> ml_collections.ConfigDict:
  """Identities without labels, and the same network with all labels."""
  c = default.get_config()
  default.discovery(c, setting)
  return c


def discovery_laptop(setting: str) -> ml_collections.ConfigDict:
  """The same with a narrow network on the development split."""
  c = discovery(setting)
  default.narrow_discovery(c)
  c.data.partition = 'development'
  return c


def laptop() -> ml_collections.ConfigDict:
  """Half widths, short clips, the development split (051-074 for testing)."""
  c = default.laptop(frames=10, few_steps=200, few_fraction=8 / 50)
  c.data.partition = 'development'
  c.pretrain.steps = 800
  c.finetune.steps = 1000
  c.finetune.batch_subjects, c.finetune.batch_sequences = 8, 6
  c.log.images_every_steps = 0
  return c


def gaitset() -> ml_collections.ConfigDict:
  """OpenGait's gaitset.yaml."""
  c = default.get_config()
  opengait.gaitset(
    c, batch=(8, 16), steps=40_000, milestones=(10_000, 20_000, 30_000)
  )
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
  opengait.gaitbase(c, classes=74, batch=(8, 16), **opengait.SGD_60K)
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
  opengait.deepgaitv2(
    c, classes=74, layers=(1, 1, 1, 1), batch=(8, 16), **opengait.SGD_60K
  )
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
  """A system at laptop size on the development split (051-074 for testing)."""
  c = SYSTEMS[name]()
  opengait.narrow(c, steps=600, classes=50)
  c.data.partition = 'development'
  return c


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
