"""Every key of a run, with its meaning. Other configs are deltas to this one.

A stage (`pretrain`, `finetune`, `few_scratch`, `few_pretrained`, `train`) is a
section made by `label_free_stage` or `supervised_stage`; `config.stages` says
which run, in order.
"""

import ml_collections

from selfgait_jax.settings import networks

OPENGAIT_DEFECTS = ('shared_augment', 'rotation_centre')  # of `reference`


def get_config() -> ml_collections.ConfigDict:
  """The settings of the SelfGait release where it has one, corrected."""
  c = ml_collections.ConfigDict()
  c.seed = 0  # data order, augmentation and initialisation follow from it
  c.stages = 'pretrain,finetune,evaluate'  # run in this order, each resumable
  c.data_dir = ''  # TFDS data directory; '' is ~/tensorflow_datasets
  c.distributed = 'auto'  # several processes as one run: auto | on | off
  c.init_from = ''  # a checkpoint directory; '' is random initialisation

  c.data = data = ml_collections.ConfigDict()
  data.name = 'casia_b'  # a data set of data/datasets.py, or synthetic_gait
  data.partition = 'standard'  # standard | development (data/partitions.py)
  data.partition_file = ''  # JSON of OpenGait's form; '' is the standard rule
  data.exclude_subjects = ''  # comma-separated, e.g. '005'
  # tfdata | array (NumPy threads, no TensorFlow) | device (frames in device
  # memory, no TensorFlow): the same batches.
  data.loader = 'tfdata'
  data.packed_file = ''  # read this .npz instead of TFDS (no TensorFlow)
  data.workers = 2  # parallel batch readers; the batches do not depend on it
  data.prefetch = 4  # batches made ahead
  data.min_frames = 1  # shorter training sequences are left out
  data.unlabelled_fraction = 1.0  # share of the training data for label-free
  data.unlabelled_by = 'subject'  # subject | sequence
  data.labelled_by = 'subject'  # subject | sequence (the share: per stage)

  c.synthetic = synthetic = ml_collections.ConfigDict()  # the walkers' data set
  synthetic.train_subjects = 24
  synthetic.test_subjects = 20
  synthetic.frames = 24  # per sequence
  synthetic.seed = 0

  c.model = networks.selfgait()  # one section a network: configs/models.py

  c.pretrain = label_free_stage()
  c.finetune = supervised_stage(init='pretrain')
  c.few_scratch = supervised_stage(labelled_fraction=0.1)
  c.few_pretrained = supervised_stage(init='pretrain', labelled_fraction=0.1)
  c.train = supervised_stage()

  c.augment = augment = ml_collections.ConfigDict()  # one draw a clip, in order
  augment.corner_affine = 0.0  # probability that three corners go elsewhere
  augment.corner_shift = 9  # pixels inwards, at most
  augment.perspective = 0.0  # probability that a trapezium is made the frame
  augment.perspective_shift = 9  # columns off a corner, at most
  augment.shift = 0.0  # largest shift, as a share of height and width
  augment.affine = 0.0  # probability of rotation, scale and shear in one
  augment.rotation = 10.0  # its degrees, at most
  augment.scale = 0.1  # at most, around 1
  augment.shear = 0.1  # at most; then the central columns are cut out
  augment.flip = 0.5  # probability of a horizontal mirror
  augment.rotate = 0.0  # probability of a rotation of what has been cut out
  augment.rotate_degrees = 10.0  # at most
  augment.dilate = 0.0  # probability that a band of rows grows (a coat)
  augment.erode = 0.0  # probability that a band of rows shrinks
  augment.dilate_rows = ((12, 16), (36, 40))  # of both: ranges of its two ends
  augment.erase = 0.0  # probability that one rectangle is blanked
  augment.blur = 0.0  # probability that a band of rows is smoothed
  augment.blur_rows = ((9, 20), (29, 40))

  c.reference = reference = ml_collections.ConfigDict()  # SelfGait's defects
  reference.cosine_axis = False  # similarity over parts, not over features
  reference.partition = False  # cut at 80 % of the sequences, not by subject
  reference.window = False  # one window a sequence for the whole run
  reference.flip = False  # every frame of a clip has its own coin
  reference.pretrain_sampler = False  # label-free batches drawn by identity
  reference.frame_split = False  # `predictive` sees the last-but-one frame only
  reference.shared_augment = False  # OpenGait, unfixed: one draw for a batch
  reference.rotation_centre = False  # OpenGait: `rotate` about (H, W) // 2

  c.eval = evaluation = ml_collections.ConfigDict()
  evaluation.protocol = 'casiab'  # see selfgait_jax/definitions.py
  evaluation.distance = 'euclidean'  # euclidean | flattened | cosine
  evaluation.rerank = False  # k-reciprocal, where all share one gallery
  evaluation.label_free_output = (
    'embedding'  # pooled|embedding|projection|prediction
  )
  evaluation.standardise = (
    False  # by mean and deviation of unlabelled training data
  )
  evaluation.max_frames = 720  # of a sequence, from its start
  evaluation.batch_frames = 1024  # padded frames a device step
  evaluation.linear_probe = (
    False  # linear classifier and kNN on frozen embeddings
  )
  evaluation.report = True  # write report.html

  c.checkpoint = checkpoint = ml_collections.ConfigDict()
  checkpoint.every_steps = 1000
  checkpoint.keep = 2  # latest ones kept, besides the best by probe

  c.log = log = ml_collections.ConfigDict()
  log.every_steps = 20
  log.images_every_steps = (
    1000  # silhouettes of a batch to TensorBoard; 0: never
  )
  log.held_out_every_steps = 0  # rank-1 on held-out subjects; 0: never
  log.held_out_frames = 30  # of each of their sequences
  log.held_out_subjects = 10  # held out from the end of the training subjects
  log.profile_at_step = 0  # trace five steps from here; 0: never
  return c


def label_free_stage(**changes) -> ml_collections.ConfigDict:
  """SelfGait's pretraining: SGD 0.03, EMA 0.996, 8 x 16 clips of 30 frames."""
  s = _stage()
  s.objective = 'two_view'  # two_view | predictive | joint
  s.pairs = 'same_clip'  # same_clip | same_sequence | synchronised_views
  s.views_per_batch = 0  # 0: any; 1 or 2: a batch is drawn from so many cameras
  s.cosine_weight = 1.0  # of the BYOL loss
  s.infonce_weight = 0.0  # of the per-part contrastive loss
  s.infonce_target = 'ema'  # ema | online (with a stopped gradient)
  s.temperature = 1 / 16  # of the contrastive loss
  s.infonce_smoothing = 0.0  # of its labels
  s.joint_every = 5  # `joint`: every n-th step is a triplet step
  s.joint_with = 'predictive'  # `joint`: the other steps, two_view | predictive
  s.target_momentum = 0.996
  s.target_schedule = 'constant'  # constant | cosine (to 1 at the last step)
  s.steps = 10_000
  return _changed(s, changes)


def supervised_stage(**changes) -> ml_collections.ConfigDict:
  """SelfGait's fine-tuning: batch-all triplet, margin 0.2, SGD 0.03."""
  s = _stage()
  s.objective = 'supervised'
  s.steps = 80_000
  return _changed(s, changes)


def _stage() -> ml_collections.ConfigDict:
  """What every stage has."""
  s = ml_collections.ConfigDict()
  s.init = ''  # the earlier stage whose weights it starts from; '': init_from
  s.batch_subjects = 8  # P; label-free batches hold P * K sequences of anyone
  s.batch_sequences = 16  # K
  s.frames_sampling = 'fixed'  # fixed | unfixed | all (labelled stages only)
  s.frames = 30  # T, of a clip: `fixed`
  s.frames_min = 10  # `unfixed`: drawn for each clip, from here
  s.frames_max = 50  # to here
  s.frames_limit = 720  # `all`: of a sequence, from its start
  s.ordered = True  # frames in a row; False: any of the sequence, in any order
  s.frames_skip = 0  # ordered: out of the row, so many more, are left out
  s.interval_min = 1  # ordered: from one frame to the next, drawn for each clip
  s.interval_max = 1
  s.labelled_fraction = 1.0  # of the training data, for triplet steps
  s.triplet_weight = 1.0  # of the triplet or consistency loss
  s.triplet = 'all'  # all | hard
  s.margin = 0.2
  s.gamma = 0.0  # above 0: multi-view consistency, distances to the 1 + gamma
  s.cross_entropy_weight = 0.0  # of the classifier's loss
  s.logit_scale = 16.0  # multiplies the cosines of a BNNeck
  s.label_smoothing = 0.1
  s.freeze_batch_norm = False  # normalise by the running statistics
  s.optimizer = 'sgd'  # sgd | adam
  s.learning_rate = 0.03
  s.schedule = 'constant'  # constant | cosine | steps
  s.rate_factors = ''  # e.g. 'encoder/stem=0,neck=10', of the learning rate
  s.warmup_steps = 0
  s.milestones = ()  # `steps`: the rate falls tenfold at each
  s.momentum = 0.9  # sgd
  s.weight_decay = 4e-4  # coupled, as in PyTorch
  s.decay_vectors = True  # biases and normalisation parameters too
  s.clip_norm = 0.0  # of the whole gradient; 0: none
  return s


def _changed(section, changes):
  with section.unlocked():
    section.update(changes)
  return section


def one_view_contrast(stage: ml_collections.ConfigDict) -> None:
  """Label-free settings under which rank-1 rises without collapse.

  Two windows of one sequence attract, the other walks of the batch repel, and
  all of a batch come from one camera, which then tells nobody apart (measured
  in docs/results.md).
  """
  stage.pairs, stage.views_per_batch = 'same_sequence', 1
  stage.cosine_weight, stage.infonce_weight = 0.0, 1.0
  stage.optimizer, stage.learning_rate = 'adam', 1e-3
  stage.weight_decay = 0.0


def laptop() -> ml_collections.ConfigDict:
  """Half of SelfGait's widths and short clips, for a few CPU cores.

  The whole story: without labels, few labels with and without what was learnt
  that way, all labels. Steps and shares of labels are the data set's.
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
  c.checkpoint.every_steps = 100
  return c


def recipe(recipes: dict, name: str):
  """The function of a recipe; ValueError lists the known ones."""
  if name not in recipes:
    raise ValueError(
      f'expected a recipe out of {", ".join(recipes)}, found {name!r}; change '
      'what stands behind the colon of --config'
    )
  return recipes[name]
