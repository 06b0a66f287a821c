"""The name table of SelfGait's checkpoint of nine parts."""

from collections.abc import Mapping

from selfgait_jax.convert.tables.rules import CONV, POINTWISE, Rule, norm

# Input features of the matrices that the frame network has but never uses.
DEAD_INPUTS = 256


def rules(settings: Mapping) -> list[Rule]:
  """Lists the state dicts of EchoItLiu/SelfGait in the checkpoint's order.

  Keys are `<part>_state_dict.<name>`, without the `module.` that DataParallel
  adds after the part. The optimiser's state is not in the table.
  """
  parts = sum(settings['bins'])
  frames = lambda part, params: _frames(part, params, settings, parts)
  linear = lambda part, params: Rule(
    f'{part}_state_dict.fc_bin', (params, 'part_linear', 'kernel')
  )
  return [
    *frames('online_network', 'params'),
    *frames('target_network', 'target_params'),
    *(_motion('conv_trans', parts) if settings['use_motion'] else ()),
    linear('TP_1', 'params'),
    linear('TP_2', 'target_params'),
    *_head('projection_1', 'projector'),
    *_head('projection_2', 'projector', target=True),
    *_head('predictor', 'predictor'),
  ]


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """Returns the settings of the model that keys and shapes tell.

  Raises:
    KeyError: a tensor that is needed for it is missing.
  """
  layer = 'online_network_state_dict.set_layer{}.forward_block.conv.weight'
  head = 'projection_1_state_dict.net.{}.weight'
  return {
    'widths': tuple(shapes[layer.format(i)][0] for i in (1, 3, 5)),
    'embedding_dim': shapes['TP_1_state_dict.fc_bin'][-1],
    'use_motion': any(key.startswith('conv_trans_') for key in shapes),
    'projector_hidden': shapes[head.format(0)][0],
    'projector_dim': shapes[head.format(3)][0],
  }


def _frames(part, params, settings, parts):
  dead = (parts, DEAD_INPUTS, settings['embedding_dim'])
  table = [Rule(f'{part}_state_dict.fc_bin', dead_shape=dead)]
  for number in range(2 * len(settings['widths'])):
    name = f'set_layer{number + 1}.forward_block.conv.weight'
    block, conv = f'block{number // 2 + 1}', f'conv{number % 2 + 1}'
    path = (params, 'encoder', block, conv, 'kernel')
    table.append(Rule(f'{part}_state_dict.{name}', path, CONV))
  return table


def _motion(part, parts):
  table = []
  for stack, window in ((1, 'short'), (2, 'long')):
    for row in range(parts):
      for index, conv in ((0, 'reduce'), (2, 'expand')):
        key = f'{part}_state_dict.conv_list_{stack}.{row}.{index}'
        path = ('params', 'motion', f'{window}_{conv}')
        table.append(Rule(f'{key}.weight', (*path, 'kernel'), CONV, row))
        table.append(Rule(f'{key}.bias', (*path, 'bias'), row=row))
  return table


def _head(part, module, target=False):
  params = 'target_params' if target else 'params'

  def linear(index, name):
    key, path = f'{part}_state_dict.net.{index}', (params, module, name)
    return [
      Rule(f'{key}.weight', (*path, 'kernel'), POINTWISE),
      Rule(f'{key}.bias', (*path, 'bias')),
    ]

  statistics = norm(f'{part}_state_dict.net.1', (module, 'norm'), target=target)
  return [*linear(0, 'expand'), *statistics, *linear(3, 'reduce')]
