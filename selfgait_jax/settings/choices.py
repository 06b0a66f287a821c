"""The rule for every setting, by its name: what each may be.

`RUN` holds all of the config except the network (`MODEL`) and the stages
(`STAGE`, and more of them for label-free stages). The settings are explained in
configs/default.py and settings/networks.py.
"""

import math

from selfgait_jax import protocols, retrieval
from selfgait_jax.data import blind
from selfgait_jax.models import factory
from selfgait_jax.run import identity
from selfgait_jax.settings.rules import (
  BAND,
  SWITCH,
  TEXT,
  number,
  one_of,
  several_of,
  whole,
  whole_numbers,
)

_COUNT = whole(1)
_SHARE = number(0, 1)  # also a probability
_PART = number(math.ulp(0), 1)  # of the data
_POSITIVE = number(math.ulp(0))

RUN = {
  'seed': whole(0, 2**32 - 1),  # JAX ignores higher bits
  'stages': TEXT,
  'data_dir': TEXT,
  'distributed': one_of('auto', 'on', 'off'),
  'init_from': TEXT,
  'data.name': TEXT,
  'data.partition': one_of('standard', 'development'),
  'data.partition_file': TEXT,
  'data.exclude_subjects': TEXT,
  'data.loader': one_of('tfdata', 'array', 'device'),
  'data.packed_file': TEXT,
  'data.workers': _COUNT,
  'data.prefetch': _COUNT,
  'data.min_frames': _COUNT,
  'data.unlabelled_fraction': _PART,
  'data.unlabelled_by': one_of('subject', 'sequence'),
  'data.labelled_by': one_of('subject', 'sequence'),
  'synthetic.train_subjects': _COUNT,
  'synthetic.test_subjects': _COUNT,
  'synthetic.frames': _COUNT,
  'synthetic.seed': whole(),
  'augment.coat': _SHARE,
  'augment.bag': _SHARE,
  'augment.corner_affine': _SHARE,
  'augment.corner_shift': whole(0, 21),  # three corners stay apart
  'augment.perspective': _SHARE,
  'augment.perspective_shift': whole(0, 31),
  'augment.flip': _SHARE,
  'augment.rotate': _SHARE,
  'augment.rotate_degrees': number(),
  'augment.dilate': _SHARE,
  'augment.dilate_rows': BAND,
  'augment.erase': _SHARE,
  'augment.blur': _SHARE,
  'augment.blur_rows': BAND,
  'reference.cosine_axis': SWITCH,
  'reference.partition': SWITCH,
  'reference.window': SWITCH,
  'reference.flip': SWITCH,
  'reference.pretrain_sampler': SWITCH,
  'reference.frame_split': SWITCH,
  'reference.shared_augment': SWITCH,
  'reference.rotation_centre': SWITCH,
  'eval.protocol': one_of(*protocols.PROTOCOLS),
  'eval.distance': one_of(*retrieval.METRICS),
  'eval.rerank': SWITCH,
  'eval.label_free_output': one_of(
    'pooled', 'embedding', 'projection', 'prediction'
  ),
  'eval.standardise': SWITCH,
  'eval.max_frames': _COUNT,
  'eval.batch_frames': _COUNT,
  'eval.linear_probe': SWITCH,
  'eval.report': SWITCH,
  'eval.show_people': SWITCH,
  'checkpoint.every_steps': _COUNT,
  'checkpoint.keep': _COUNT,
  'log.every_steps': _COUNT,
  'log.images_every_steps': whole(),
  'log.held_out_every_steps': whole(),
  'log.held_out_frames': _COUNT,
  'log.held_out_subjects': _COUNT,
  'log.profile_at_step': whole(),
}
# Every network has the first four; each of the others belongs to some.
MODEL = {
  'name': one_of(*factory.MODELS),
  'dtype': one_of('float32', 'bfloat16'),
  'crop_width': whole(1, 64),
  'microbatches': _COUNT,
  'widths': whole_numbers(1),
  'layers': whole_numbers(1),
  'bins': whole_numbers(1),
  'halvings': whole_numbers(0),
  'halving': whole(0, 4),
  'embedding_dim': _COUNT,
  'embedding_norm': SWITCH,
  'projector_hidden': whole(),
  'projector_dim': _COUNT,
  'classes': whole(),
  'use_motion': SWITCH,
  'neck': SWITCH,
  'use_emb2': SWITCH,
  'remat': SWITCH,
  'mode': one_of('2d', '3d', 'p3d'),
  'head': one_of('predictor', 'linear'),
}
STAGE = {
  'objective': one_of('supervised'),
  'init': one_of('', *identity.STAGES),
  'steps': _COUNT,
  'batch_subjects': _COUNT,
  'batch_sequences': _COUNT,
  'frames_sampling': one_of('fixed', 'unfixed', 'all'),
  'frames': _COUNT,
  'frames_min': _COUNT,
  'frames_max': _COUNT,
  'frames_limit': _COUNT,
  'ordered': SWITCH,
  'frames_skip': whole(),
  'interval_min': _COUNT,
  'interval_max': _COUNT,
  'labelled_fraction': _PART,
  'triplet_weight': number(),
  'triplet': one_of('all', 'hard'),  # hard: one triplet for each anchor
  'margin': number(),
  'gamma': number(),
  'cross_entropy_weight': number(),
  'logit_scale': _POSITIVE,
  'label_smoothing': _SHARE,
  'freeze_batch_norm': SWITCH,
  'optimizer': one_of('sgd', 'adam'),
  'learning_rate': number(),
  'schedule': one_of('constant', 'cosine', 'steps'),
  'rate_factors': TEXT,
  'warmup_steps': whole(),
  'milestones': whole_numbers(1),
  'momentum': _SHARE,
  'weight_decay': number(),
  'decay_vectors': SWITCH,
  'clip_norm': number(),
}
SUPERVISED = {  # a stage that learns from labels alone
  'pseudo_identities': SWITCH,
}
LABEL_FREE = {  # a stage that compares two views
  # Two views of a clip; its last frame from the others; the same, with some
  # labelled steps; labelled steps only.
  'objective': one_of('two_view', 'predictive', 'joint', 'supervised'),
  # One clip twice; two clips of a sequence; two cameras on the same walk.
  'pairs': one_of('same_clip', 'same_sequence', 'synchronised_views'),
  'views_per_batch': one_of(0, 1, 2),
  'cosine_weight': number(),
  'infonce_weight': number(),
  # The target network; the online network, with a stopped gradient.
  'infonce_target': one_of('ema', 'online'),
  'temperature': _POSITIVE,
  'infonce_smoothing': _SHARE,
  # All keys; those from the camera of the positive's key.
  'negatives': one_of('all', 'same_camera'),
  'ignore_nearest': number(0, math.nextafter(1, 0)),
  'joint_every': _COUNT,
  'target_momentum': _SHARE,
  'target_schedule': one_of('constant', 'cosine'),
}
DISCOVERY = {  # a stage that learns from pseudo-identities
  'objective': one_of('clusters'),
  'setting': one_of(*blind.SETTINGS),
  'relabel_at': whole_numbers(1),
  'relabel_frames': _COUNT,
  'neighbours': whole(2),
  'averaged': _COUNT,
}
STUDY = {  # `config.study`, which only configs/study_labels.py has
  'labelled_subjects': whole_numbers(0),
  'draws': _COUNT,
  'arms': several_of(
    'scratch', *blind.SETTINGS, *(f'{name}_mixed' for name in blind.SETTINGS)
  ),
}


def of_stage(section) -> dict:
  """The rules of a stage, by the settings that its section has."""
  if 'relabel_at' in section:
    return STAGE | DISCOVERY
  return STAGE | (LABEL_FREE if 'pairs' in section else SUPERVISED)
