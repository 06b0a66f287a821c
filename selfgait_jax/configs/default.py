"""Every setting of a run, with its meaning; the other configs change some.

A stage (`pretrain`, `discover`, `finetune`, `few_scratch`, `few_pretrained`,
`train`) is a section made by `label_free_stage`, `discovery_stage` or
`supervised_stage`. `config.stages` says
which of them run, and in which order. The allowed values of each setting are
in selfgait_jax/settings/choices.py.
"""

from collections.abc import Callable

import ml_collections

from selfgait_jax.settings import networks

OPENGAIT_DEFECTS = ('shared_augment', 'rotation_centre')  # in `reference`


def get_config() -> ml_collections.ConfigDict:
  """The settings of the SelfGait release where it has one, corrected."""
  c = ml_collections.ConfigDict()
  c.seed = 0  # of the data order, the augmentation and the initial weights
  c.stages = 'pretrain,finetune,evaluate'  # each can be resumed
  c.data_dir = ''  # TFDS data directory; '': ~/tensorflow_datasets
  c.distributed = 'auto'  # whether several processes form one run
  c.init_from = ''  # a checkpoint directory; '': random initialisation

  c.data = data = ml_collections.ConfigDict()
  data.name = 'casia_b'  # a data set of selfgait_jax/data/datasets.py
  data.partition = 'standard'  # training and test subjects: data/partitions.py
  data.partition_file = ''  # JSON in OpenGait's form; '': by `partition`
  data.exclude_subjects = ''  # comma-separated, e.g. '005'
  # Who reads the batches, which are always the same: TensorFlow (tfdata), NumPy
  # threads (array), or the devices, which hold all frames (device).
  data.loader = 'tfdata'
  data.packed_file = ''  # an .npz to read in place of TFDS
  data.workers = 2  # batches read in parallel
  data.prefetch = 4  # batches prepared in advance
  data.min_frames = 1  # skip shorter sequences in training
  data.unlabelled_fraction = 1.0  # share of the training data, label-free steps
  data.unlabelled_by = 'subject'  # unit in which this share is drawn
  data.labelled_by = 'subject'  # the same for a stage's `labelled_fraction`

  c.synthetic = synthetic = ml_collections.ConfigDict()  # rendered walkers
  synthetic.train_subjects = 24
  synthetic.test_subjects = 20
  synthetic.frames = 24  # per sequence
  synthetic.seed = 0

  # Other networks have other settings: selfgait_jax/settings/networks.py.
  c.model = networks.selfgait()

  c.pretrain = label_free_stage()
  c.discover = discovery_stage()
  c.finetune = supervised_stage(init='pretrain')
  c.few_scratch = supervised_stage(labelled_fraction=0.1)
  c.few_pretrained = supervised_stage(init='pretrain', labelled_fraction=0.1)
  c.train = supervised_stage()

  c.augment = augment = ml_collections.ConfigDict()  # applied in this order
  augment.coat = 0.0  # probability of a coat: wider, no gaps, to hip or knee
  augment.bag = 0.0  # probability of a bag behind the shoulders or hips
  augment.corner_affine = 0.0  # probability of mapping a triangle to another
  augment.corner_shift = 9  # most pixels from its corners to the frame's
  augment.perspective = 0.0  # probability of stretching a trapezium
  augment.perspective_shift = 9  # most columns from its corners to the frame's
  augment.flip = 0.5  # probability of a horizontal mirror
  augment.rotate = 0.0  # probability of a rotation after the crop
  augment.rotate_degrees = 10.0  # the largest angle
  augment.dilate = 0.0  # probability of dilating a band of rows (a coat)
  augment.dilate_rows = ((12, 16), (36, 40))  # ranges of its first and last row
  augment.erase = 0.0  # probability of blanking a rectangle
  augment.blur = 0.0  # probability of smoothing a band of rows
  augment.blur_rows = ((9, 20), (29, 40))  # ranges of its first and last row

  c.reference = reference = ml_collections.ConfigDict()  # defects to reproduce
  reference.cosine_axis = False  # compare along parts, not along features
  reference.partition = False  # split at 80 % of the sequences, not by subject
  reference.window = False  # the same window of a sequence in the whole run
  reference.flip = False  # mirror each frame of a clip independently
  reference.pretrain_sampler = False  # draw label-free batches by identity
  reference.frame_split = False  # `predictive` sees only the last frame but one
  reference.shared_augment = False  # OpenGait: the same draws for a whole batch
  reference.rotation_centre = False  # OpenGait: `rotate` about (H, W) // 2

  c.eval = evaluation = ml_collections.ConfigDict()
  evaluation.protocol = 'casiab'  # see selfgait_jax/protocols/definitions.py
  evaluation.distance = 'euclidean'  # see selfgait_jax/retrieval.py
  evaluation.rerank = False  # by k-reciprocal neighbours
  evaluation.label_free_output = 'embedding'  # output compared without labels
  evaluation.standardise = False  # by statistics of unlabelled training data
  evaluation.max_frames = 720  # the first frames of each sequence
  evaluation.batch_frames = 1024  # frames embedded at once, padding included
  evaluation.linear_probe = False  # add a linear classifier and kNN
  evaluation.report = True  # write report.html
  evaluation.show_people = False  # keep frames of real people for the report

  c.checkpoint = checkpoint = ml_collections.ConfigDict()
  checkpoint.every_steps = 1000
  checkpoint.keep = 2  # newest ones to keep, besides the best held-out one

  c.log = log = ml_collections.ConfigDict()
  log.every_steps = 20
  log.images_every_steps = 1000  # clips to TensorBoard; 0: never
  log.held_out_every_steps = 0  # rank-1 on held-out subjects; 0: never
  log.held_out_frames = 30  # of each of their sequences
  log.held_out_subjects = 10  # the last training subjects
  log.profile_at_step = 0  # profile the five steps from here; 0: never
  return c


def label_free_stage(**changes) -> ml_collections.ConfigDict:
  """SelfGait's pretraining: SGD 0.03, EMA 0.996, 8 x 16 clips of 30 frames."""
  s = _stage()
  s.objective = 'two_view'  # see selfgait_jax/train/steps.py
  s.pairs = 'same_clip'  # what the two views of a sample are
  s.views_per_batch = 0  # cameras in a batch; 0: any number
  s.cosine_weight = 1.0  # of the BYOL loss
  s.infonce_weight = 0.0  # of the contrastive loss of each part
  s.infonce_target = 'ema'  # network that embeds its keys
  s.temperature = 1 / 16  # of the contrastive loss
  s.infonce_smoothing = 0.0  # of its labels
  s.negatives = 'all'  # keys of a batch that repel: 'all' or 'same_camera'
  s.ignore_nearest = 0.0  # share of them, the nearest ones, that do not
  s.joint_every = 5  # `joint`: every n-th step has labels
  s.target_momentum = 0.996  # of the target network (EMA)
  s.target_schedule = 'constant'  # cosine: the momentum rises to 1
  s.steps = 10_000
  return _changed(s, changes)


def discovery_stage(**changes) -> ml_collections.ConfigDict:
  """Identities without labels: a triplet loss on pseudo-identities, in rounds.

  The pseudo-identities are found by selfgait_jax/discover: at first in gait
  energy images, and at each step of `relabel_at` in the network's embeddings.
  """
  s = _stage()
  s.objective = 'clusters'
  s.setting = 'strict'  # what is known of a sequence: data/blind.py
  s.relabel_at = (1000, 1500, 2000, 2500, 3000)
  s.relabel_frames = 30  # of the middle of each sequence, to find it by
  s.neighbours = 8  # synchronised: about as many as a person has walks
  s.averaged = 3  # synchronised: walks whose neighbourhoods are averaged
  s.steps = 4000
  s.batch_subjects, s.batch_sequences = 8, 8
  s.frames, s.ordered = 8, False
  s.optimizer, s.learning_rate, s.schedule = 'adam', 1e-3, 'cosine'
  s.warmup_steps, s.weight_decay = 50, 0.0
  return _changed(s, changes)


def supervised_stage(**changes) -> ml_collections.ConfigDict:
  """SelfGait's fine-tuning: batch-all triplet, margin 0.2, SGD 0.03."""
  s = _stage()
  s.objective = 'supervised'
  # Also learn from the sequences without labels, by the pseudo-identities that
  # the stage `discover` found from which this one starts.
  s.pseudo_identities = False
  s.steps = 80_000
  return _changed(s, changes)


def _stage() -> ml_collections.ConfigDict:
  """The settings of every stage."""
  s = ml_collections.ConfigDict()
  s.init = ''  # earlier stage to start from; '': `init_from`
  # A labelled batch has K sequences of each of P subjects, a label-free one
  # P * K sequences of anyone.
  s.batch_subjects = 8  # P
  s.batch_sequences = 16  # K
  s.frames_sampling = 'fixed'  # how long clips are; label-free: always `fixed`
  s.frames = 30  # `fixed`: frames of a clip
  s.frames_min = 10  # `unfixed`: shortest clip; each clip draws its own length
  s.frames_max = 50  # `unfixed`: longest clip
  s.frames_limit = 720  # `all`: the first frames of a sequence
  s.ordered = True  # consecutive frames; False: any frames in any order
  s.frames_skip = 0  # ordered: frames dropped at random from a longer window
  s.interval_min = 1  # ordered: step between frames, each clip draws its own
  s.interval_max = 1
  s.labelled_fraction = 1.0  # share of the training data whose labels are used
  s.triplet_weight = 1.0  # of the triplet or consistency loss
  s.triplet = 'all'  # which triplets count
  s.margin = 0.2
  s.gamma = 0.0  # > 0: multi-view consistency, distances to the power 1 + gamma
  s.cross_entropy_weight = 0.0  # of the classifier's loss
  s.logit_scale = 16.0  # factor of a BNNeck's cosines
  s.label_smoothing = 0.1
  s.freeze_batch_norm = False  # normalise by the running statistics
  s.optimizer = 'sgd'
  s.learning_rate = 0.03
  s.schedule = 'constant'  # of the learning rate
  s.rate_factors = ''  # by module, e.g. 'encoder/stem=0,neck=10'
  s.warmup_steps = 0  # linear rise of the learning rate
  s.milestones = ()  # schedule `steps`: divide the rate by 10 at each of these
  s.momentum = 0.9  # of SGD
  s.weight_decay = 4e-4  # added to the gradient, as in PyTorch
  s.decay_vectors = True  # also biases and normalisation parameters
  s.clip_norm = 0.0  # largest norm of the whole gradient; 0: no limit
  return s


def _changed(section, changes):
  with section.unlocked():
    section.update(changes)
  return section


def one_view_contrast(stage: ml_collections.ConfigDict) -> None:
  """Sets label-free training that does not collapse (see docs/results.md).

  Two windows of one sequence attract each other; the other walks in the batch
  repel. All clips of a batch come from one camera, so the view cannot tell
  them apart.
  """
  stage.pairs, stage.views_per_batch = 'same_sequence', 1
  stage.cosine_weight, stage.infonce_weight = 0.0, 1.0
  stage.optimizer, stage.learning_rate = 'adam', 1e-3
  stage.weight_decay = 0.0


def discovery(c: ml_collections.ConfigDict, setting: str) -> None:
  """Identities without labels at full size, and the same with all labels.

  Both stages train the same network with the same batches and steps, so that
  their rows show what labels are worth. Frames are drawn in any order, so the
  motion block of SelfGait, which needs neighbouring frames, is left out.

  Args:
    c: of the data set; changed.
    setting: what is known of a sequence (selfgait_jax/data/blind.py).
  """
  c.stages = 'discover,train,evaluate'
  c.model.use_motion, c.model.projector_hidden = False, 0
  c.model.dtype, c.data.loader = 'bfloat16', 'device'
  stage = c.discover
  stage.setting = setting
  stage.steps, stage.relabel_at = 20_000, tuple(range(1000, 16_000, 1000))
  stage.batch_subjects, stage.batch_sequences, stage.frames = 32, 8, 16
  as_discovery(c)


def narrow_discovery(c: ml_collections.ConfigDict) -> None:
  """Makes `discovery` small enough for two CPU cores."""
  c.model.widths, c.model.embedding_dim = (8, 16, 32), 64
  c.model.dtype, c.data.loader = 'float32', 'array'
  stage = c.discover
  stage.steps, stage.relabel_at = 800, (200, 400, 600)
  stage.batch_subjects, stage.batch_sequences, stage.frames = 8, 8, 8
  stage.relabel_frames = 16
  stage.learning_rate = 3e-3
  c.checkpoint.every_steps = 100
  c.log.images_every_steps = 0
  c.eval.max_frames = 30
  as_discovery(c)


def as_discovery(c: ml_collections.ConfigDict) -> None:
  """Gives the labelled stage `train` the batches and steps of `discover`."""
  for name in set(c.train) & set(c.discover) - {'objective'}:
    c.train[name] = c.discover[name]


def laptop(
  frames: int, few_steps: int, few_fraction: float
) -> ml_collections.ConfigDict:
  """Half of SelfGait's widths and short clips, for a few CPU cores.

  Trains without labels, with few labels (from scratch and pretrained) and with
  all labels.

  Args:
    frames: of a labelled clip.
    few_steps: of the stages with few labels.
    few_fraction: share of the training data that these stages have labels of.
  """
  c = get_config()
  c.stages = 'pretrain,few_scratch,few_pretrained,finetune,evaluate'
  c.model.widths, c.model.embedding_dim = (16, 32, 64), 64
  c.model.projector_hidden, c.model.projector_dim = 128, 64
  one_view_contrast(c.pretrain)
  c.pretrain.batch_subjects, c.pretrain.batch_sequences = 8, 4
  c.pretrain.frames = 6
  for stage in (c.finetune, c.few_scratch, c.few_pretrained):
    stage.optimizer, stage.learning_rate = 'adam', 1e-3
    stage.schedule, stage.weight_decay = 'cosine', 0.0
    stage.batch_subjects, stage.batch_sequences = 4, 8
    stage.frames = frames
  for few in (c.few_scratch, c.few_pretrained):
    few.steps, few.labelled_fraction = few_steps, few_fraction
  c.checkpoint.every_steps = 100
  return c


def recipe(recipes: dict[str, Callable], name: str) -> Callable:
  """The function that makes a recipe; ValueError lists the known names."""
  if name not in recipes:
    raise ValueError(
      f'expected a recipe out of {", ".join(recipes)}, found {name!r}; change '
      'what stands behind the colon of --config'
    )
  return recipes[name]
