"""What each setting may be, by its name in `config`: choices and ranges."""

import math

from selfgait_jax import protocols, retrieval
from selfgait_jax.models import factory

CHOICES = {
  'distributed': ('auto', 'on', 'off'),
  'data.partition': ('standard', 'development'),
  'data.loader': ('tfdata', 'array', 'device'),
  'data.unlabelled_by': ('subject', 'sequence'),
  'data.labelled_by': ('subject', 'sequence'),
  'eval.protocol': tuple(protocols.PROTOCOLS),
  'eval.distance': tuple(retrieval.METRICS),
  'eval.label_free_output': ('pooled', 'embedding', 'projection', 'prediction'),
}
STAGE_CHOICES = {
  'objective': ('two_view', 'predictive', 'joint', 'supervised'),
  'pairs': ('same_clip', 'same_sequence', 'synchronised_views'),
  'views_per_batch': (0, 1, 2),
  'frames_sampling': ('fixed', 'unfixed', 'all'),
  'infonce_target': ('ema', 'online'),
  'joint_with': ('two_view', 'predictive'),
  'target_schedule': ('constant', 'cosine'),
  'triplet': ('all', 'hard'),
  'optimizer': ('sgd', 'adam'),
  'schedule': ('constant', 'cosine', 'steps'),
}
# (lowest, highest), both allowed.
ANY, COUNT, SHARE = (0, math.inf), (1, math.inf), (0, 1)
ABOVE_0 = (math.ulp(0), math.inf)
RANGES = {
  'seed': ANY,
  'data.workers': COUNT,
  'data.prefetch': COUNT,
  'data.min_frames': COUNT,
  'data.unlabelled_fraction': (math.ulp(0), 1),
  'synthetic.train_subjects': COUNT,
  'synthetic.test_subjects': COUNT,
  'synthetic.frames': COUNT,
  'synthetic.seed': ANY,
  'augment.corner_affine': SHARE,
  'augment.corner_shift': (0, 21),  # three corners stay apart
  'augment.perspective': SHARE,
  'augment.perspective_shift': (0, 31),
  'augment.shift': SHARE,
  'augment.affine': SHARE,
  'augment.rotation': ANY,
  'augment.scale': SHARE,
  'augment.shear': ANY,
  'augment.flip': SHARE,
  'augment.rotate': SHARE,
  'augment.rotate_degrees': ANY,
  'augment.dilate': SHARE,
  'augment.erode': SHARE,
  'augment.erase': SHARE,
  'augment.blur': SHARE,
  'eval.max_frames': COUNT,
  'eval.batch_frames': COUNT,
  'checkpoint.every_steps': COUNT,
  'checkpoint.keep': COUNT,
  'log.every_steps': COUNT,
  'log.images_every_steps': ANY,
  'log.held_out_every_steps': ANY,
  'log.held_out_frames': COUNT,
  'log.held_out_subjects': COUNT,
  'log.profile_at_step': ANY,
}
# Of the networks that have them.
MODEL_CHOICES = {
  'name': tuple(factory.MODELS),
  'dtype': ('float32', 'bfloat16'),
  'mode': ('2d', '3d', 'p3d'),
  'head': ('predictor', 'linear'),
}
MODEL_RANGES = {
  'crop_width': (1, 64),
  'microbatches': COUNT,
  'embedding_dim': COUNT,
  'projector_hidden': ANY,
  'projector_dim': COUNT,
  'halving': (0, 4),
  'classes': ANY,
}
STAGE_RANGES = {
  'steps': COUNT,
  'frames': COUNT,
  'frames_min': COUNT,
  'frames_max': COUNT,
  'frames_limit': COUNT,
  'frames_skip': ANY,
  'interval_min': COUNT,
  'interval_max': COUNT,
  'batch_subjects': COUNT,
  'batch_sequences': COUNT,
  'labelled_fraction': (math.ulp(0), 1),
  'margin': ANY,
  'triplet_weight': ANY,
  'gamma': ANY,
  'cross_entropy_weight': ANY,
  'logit_scale': ABOVE_0,
  'label_smoothing': (0, 1),
  'learning_rate': ANY,
  'warmup_steps': ANY,
  'momentum': SHARE,
  'weight_decay': ANY,
  'clip_norm': ANY,
  'cosine_weight': ANY,
  'infonce_weight': ANY,
  'temperature': ABOVE_0,
  'infonce_smoothing': (0, 1),
  'joint_every': COUNT,
  'target_momentum': SHARE,
}
