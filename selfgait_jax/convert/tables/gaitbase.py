"""The name table of OpenGait's GaitBase."""

from collections.abc import Mapping

from selfgait_jax.convert.tables import resnet
from selfgait_jax.convert.tables.rules import Rule, neck


def rules(settings: Mapping) -> list[Rule]:
  """The state dict of Baseline with ResNet9 (ShiqiYu/OpenGait), in its order.

  Checkpoints of the Multi-view-Consistency-loss repository are of this kind.
  """
  table = resnet.rules(settings)
  table.append(Rule('FCs.fc_bin', ('params', 'part_linear', 'kernel')))
  if settings['classes']:
    table += neck(sum(settings['bins']))
  return table


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """What keys and shapes tell of the model's section.

  Raises:
    KeyError: a tensor that tells it is missing.
  """
  return resnet.settings(shapes) | {
    'embedding_dim': shapes['FCs.fc_bin'][-1],
    'classes': shapes.get('BNNecks.fc_bin', (0,))[-1],
  }
