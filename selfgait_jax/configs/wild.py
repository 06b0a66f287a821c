"""The recipes that the data sets in the wild, Gait3D and GREW, share."""

from collections.abc import Callable

import ml_collections

from selfgait_jax.configs import default, opengait

Recipe = Callable[[], ml_collections.ConfigDict]


def selfgait(name: str, partition_file: str = '') -> ml_collections.ConfigDict:
  """SelfGait's values; labelled batches of 32 x 4 sequences, as OpenGait's.

  Args:
    name: of the data set and of its protocol.
    partition_file: see configs/default.py.
  """
  c = default.get_config()
  c.data.name = c.eval.protocol = name
  c.data.partition_file = partition_file
  c.finetune.batch_subjects, c.finetune.batch_sequences = 32, 4
  return c


def recipes(
  base: Recipe, classes: int, lengths: tuple[int, int], **schedule
) -> dict[str, Recipe]:
  """The recipes of both data sets, by name.

  Args:
    base: the recipe `selfgait` of the data set.
    classes: number of training subjects.
    lengths: fewest and most frames of GaitBase's clips.
    **schedule: `steps` and `milestones` of GaitBase and DeepGaitV2.
  """
  schedule = {'batch': (32, 4), 'classes': classes} | schedule

  def gaitbase():
    """OpenGait's gaitbase_da_<dataset>.yaml.

    The original draws one augmentation for the whole batch of a device
    (`reference.shared_augment`).
    """
    c = base()
    opengait.gaitbase(c, **schedule)
    opengait.unfixed(c, *lengths)
    opengait.warp_and_flip(c)
    return c

  def gaitbase_mcl():
    """MCL's gaitbase_da_<dataset>_mcl.yaml."""
    c = gaitbase()
    opengait.consistency(c, weight=1.2, cross_entropy=0.8)
    return c

  def deepgaitv2():
    """OpenGait's DeepGaitV2_<dataset>.yaml."""
    c = base()
    opengait.deepgaitv2(c, layers=(1, 4, 4, 1), **schedule)
    return c

  return {
    'selfgait': base,
    'gaitbase': gaitbase,
    'gaitbase_mcl': gaitbase_mcl,
    'deepgaitv2': deepgaitv2,
  }
