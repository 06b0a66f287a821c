"""The name table of OpenGait's GaitSSB, pretrained or fine-tuned."""

from collections.abc import Mapping

from selfgait_jax.convert.tables import resnet
from selfgait_jax.convert.tables.rules import Rule, norm, part_vector


def rules(settings: Mapping) -> list[Rule]:
  """Lists the state dict of GaitSSB (ShiqiYu/OpenGait) in its order.

  It is that of GaitSSB_Pretrain or GaitSSB_Finetune, by `settings['head']`.
  """
  parts = part_vector(sum(settings['bins']))
  linear = lambda key, *path: Rule(f'{key}.fc_bin', ('params', *path, 'kernel'))
  table = [
    *resnet.rules(settings),
    linear('projector.0', 'projector', 'expand'),
    *norm('projector.1.bn1d', ('projector', 'norm'), parts),
    linear('projector.3', 'projector', 'reduce'),
    *norm('projector.4.bn1d', ('projector', 'last_norm'), parts),
  ]
  if settings['head'] == 'linear':
    return [*table, linear('head0', 'part_linear')]
  return [
    *table,
    linear('predictor.0', 'predictor', 'expand'),
    *norm('predictor.1.bn1d', ('predictor', 'norm'), parts),
    linear('predictor.3', 'predictor', 'reduce'),
  ]


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """Returns the settings of the model that keys and shapes tell.

  Raises:
    KeyError: a tensor that is needed for it is missing.
  """
  return resnet.settings(shapes) | {
    'embedding_dim': shapes['projector.0.fc_bin'][-1],
    'head': 'linear' if 'head0.fc_bin' in shapes else 'predictor',
  }
