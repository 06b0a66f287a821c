"""The name table of OpenGait's GaitBase."""

from collections.abc import Mapping

from selfgait_jax.convert.tables import resnet
from selfgait_jax.convert.tables.rules import Rule, neck


def rules(settings: Mapping) -> list[Rule]:
  """Lists the state dict of OpenGait's Baseline with ResNet9 in its order.

  The Multi-view-Consistency-loss repository writes the same keys.
  """
  table = resnet.rules(settings)
  table.append(Rule('FCs.fc_bin', ('params', 'part_linear', 'kernel')))
  if settings['classes']:
    table += neck(sum(settings['bins']))
  return table


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """Returns the settings of the model that keys and shapes tell.

  Raises:
    KeyError: a tensor that is needed for it is missing.
  """
  return resnet.settings(shapes) | {
    'embedding_dim': shapes['FCs.fc_bin'][-1],
    'classes': shapes.get('BNNecks.fc_bin', (0,))[-1],
  }
