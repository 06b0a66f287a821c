"""The systems of OpenGait and of its MCL extension.

Each function changes the config of a data set to train one system. Its
arguments are what differs between the data sets; `configs/<dataset>.py` gives
them. The values are those of the YAML files of ShiqiYu/OpenGait (commit
0efafd47) and, for the multi-view consistency loss and interval sampling, of
Hansmsy/Multi-view-Consistency-loss (commit ec65172a).
"""

import ml_collections

from selfgait_jax.settings import networks

# Schedules that several data sets share.
SGD_60K = {'steps': 60_000, 'milestones': (20_000, 40_000, 50_000)}
ADAM_250K = {
  'steps': 250_000,
  'milestones': (150_000,),
  'adam': 1e-4,
  'decay': 0.0,
}
# Channels of each network at laptop size.
NARROW = {
  'gaitset': (16, 32, 64),
  'gaitpart': (16, 32, 64),
  'gaitgl': (8, 16, 32),
  'gaitbase': (8, 16, 32, 64),
  'deepgaitv2': (8, 16, 32, 64),
  'gaitssb': (8, 16, 32, 64),
}


def gaitset(c: ml_collections.ConfigDict, **schedule) -> None:
  """configs/gaitset: triplet loss on 30 frames in any order."""
  _supervised(c, networks.gaitset(), **schedule)
  c.train.ordered = False


def gaitpart(c: ml_collections.ConfigDict, **schedule) -> None:
  """configs/gaitpart: triplet loss on 30 of 40 frames in a row."""
  _supervised(c, networks.gaitpart(), **schedule)
  c.train.frames_skip = 10


def gaitgl(
  c: ml_collections.ConfigDict, classes: int, smoothing: float, **schedule
) -> None:
  """configs/gaitgl: triplet loss and cross-entropy of plain logits."""
  _supervised(c, networks.gaitgl(), **schedule)
  _classify(c, classes, scale=1.0, smoothing=smoothing)


def gaitbase(c: ml_collections.ConfigDict, classes: int, **schedule) -> None:
  """configs/gaitbase: triplet loss and cross-entropy of a BNNeck's cosines."""
  _supervised(c, networks.gaitbase(), **schedule)
  _classify(c, classes)
  c.train.ordered = False


def deepgaitv2(
  c: ml_collections.ConfigDict, classes: int, layers: tuple, **schedule
) -> None:
  """configs/deepgaitv2: pseudo-3D blocks on 30 of 34 frames in a row."""
  _supervised(c, networks.deepgaitv2(), **schedule)
  _classify(c, classes)
  c.model.layers = layers
  c.train.frames_skip = 4
  warp_and_flip(c)


def consistency(
  c: ml_collections.ConfigDict, weight: float, cross_entropy: float
) -> None:
  """The multi-view consistency loss (MCL) in place of the triplet loss."""
  c.train.gamma, c.train.margin = 0.6, 0.6
  c.train.triplet_weight = weight
  c.train.cross_entropy_weight = cross_entropy


def intervals(c: ml_collections.ConfigDict) -> None:
  """Interval sampling: a clip takes every frame, every 2nd or every 3rd."""
  c.train.frames_skip = 0
  c.train.interval_min, c.train.interval_max = 1, 3


def unfixed(c: ml_collections.ConfigDict, fewest: int, most: int) -> None:
  """Clips of `fewest` to `most` frames."""
  c.train.frames_sampling = 'unfixed'
  c.train.frames_min, c.train.frames_max = fewest, most


def warp_and_flip(c: ml_collections.ConfigDict) -> None:
  """The augmentations of DeepGaitV2 and of the data sets in the wild."""
  c.augment.perspective = c.augment.flip = c.augment.rotate = 0.2


def byol(c: ml_collections.ConfigDict, steps: int) -> None:
  """Pretrains a network as SelfGait does, with two clips and a target network.

  OpenGait has no such system. The projector and the predictor are SelfGait's.
  """
  c.stages = 'pretrain,train,evaluate'
  c.model.projector_hidden, c.model.projector_dim = 256, 128
  c.pretrain.pairs, c.pretrain.steps = 'same_sequence', steps
  c.train.init = 'pretrain'


def gaitssb(c: ml_collections.ConfigDict) -> None:
  """configs/gaitssb/pretrain: contrast of two clips, without a target network.

  The batch of 8 x 64 and the 150,000 steps are OpenGait's for GaitLU-1M, a data
  set that is not available here.
  """
  c.model = networks.gaitssb()
  c.stages = 'pretrain,evaluate'
  stage = c.pretrain
  stage.pairs = 'same_sequence'
  stage.cosine_weight, stage.infonce_weight = 0.0, 1.0
  stage.infonce_target, stage.infonce_smoothing = 'online', 0.1
  stage.batch_subjects, stage.batch_sequences = 8, 64
  stage.frames, stage.frames_skip = 16, 4
  _sgd(stage, rate=0.05, milestones=(80_000, 120_000), steps=150_000)
  augment = c.augment
  augment.corner_affine = augment.perspective = 0.2
  augment.flip = 0.5
  augment.dilate = augment.blur = 0.2
  augment.dilate_rows = augment.blur_rows = ((9, 20), (39, 50))


def gaitssb_finetune(c: ml_collections.ConfigDict, **schedule) -> None:
  """configs/gaitssb/finetune: the stem and the first stage are frozen.

  The learning rates fall as the file says. As shipped, the original loads the
  schedule of pretraining with the weights, and its rates never fall. It also
  keeps every rate above 1e-4, which this recipe does not.
  """
  _supervised(c, networks.gaitssb(), **schedule)
  c.model.head = 'linear'
  c.train.margin = 0.3
  c.train.ordered = False
  c.train.freeze_batch_norm = True
  frozen = ('stem', 'stem_norm', 'stage1_block1')
  slow = ('stage2_block1', 'stage3_block1', 'stage4_block1')
  factors = {f'encoder/{name}': 0 for name in frozen}
  factors |= {f'encoder/{name}': 0.01 for name in slow}
  factors['projector'] = 0.1
  c.train.rate_factors = ','.join(f'{k}={v}' for k, v in factors.items())


def narrow(c: ml_collections.ConfigDict, steps: int, classes: int) -> None:
  """Laptop size of any system: few channels, short clips, Adam, no decay.

  `classes` is the number of training subjects, for networks with a classifier.
  """
  c.model.widths = NARROW[c.model.name]
  if c.model.get('classes', 0):
    c.model.classes = classes
  if 'embedding_dim' in c.model:
    c.model.embedding_dim = 64
  for stage in (c.pretrain, c.train):
    stage.batch_subjects, stage.batch_sequences = 6, 6
    stage.frames = 8
    stage.frames_skip = min(stage.frames_skip, 4)
    stage.optimizer, stage.learning_rate = 'adam', 1e-3
    stage.schedule, stage.milestones = 'cosine', ()
    stage.weight_decay, stage.steps = 0.0, steps
  c.checkpoint.every_steps = 50
  c.log.images_every_steps = 0


def _supervised(
  c,
  model,
  batch: tuple[int, int],
  steps: int,
  milestones: tuple[int, ...],
  adam: float = 0.0,
  decay: float = 5e-4,
):
  """Triplet loss on fixed clips, no augmentation.

  Args:
    c: the config to change.
    model: its new `config.model`.
    batch: P and K.
    steps: of training.
    milestones: steps at which the learning rate is divided by 10.
    adam: learning rate of Adam; 0 stands for SGD at 0.1.
    decay: weight decay.
  """
  c.model, c.stages = model, 'train,evaluate'
  stage = c.train
  stage.batch_subjects, stage.batch_sequences = batch
  _sgd(stage, 0.1, milestones, steps)
  stage.weight_decay = decay
  if adam:
    stage.optimizer, stage.learning_rate = 'adam', adam
  c.augment.flip = 0.0


def _sgd(stage, rate, milestones, steps):
  stage.optimizer, stage.learning_rate = 'sgd', rate
  stage.momentum, stage.weight_decay = 0.9, 5e-4
  stage.schedule, stage.milestones, stage.steps = 'steps', milestones, steps


def _classify(c, classes, scale=16.0, smoothing=0.1):
  c.model.classes = classes
  c.train.cross_entropy_weight = 1.0
  c.train.logit_scale, c.train.label_smoothing = scale, smoothing
