"""The name table of OpenGait's DeepGaitV2 in its three modes."""

from collections.abc import Mapping

from selfgait_jax.convert.tables import resnet
from selfgait_jax.convert.tables.rules import CONV, Layout, Rule, neck
from selfgait_jax.models.deepgaitv2 import FRAME_STAGES

# A 3D convolution over a single frame there is a 2D convolution here:
# [out, in, 1, k, k] <-> [k, k, in, out].
ONE_FRAME = Layout(
  lambda x: CONV.ours(x[:, :, 0]), lambda x: CONV.theirs(x)[:, :, None]
)
STEM = ('0', '1', 'stem', 'stem_norm')
PSEUDO = (
  ('conv1.forward_block.0', 'conv1.forward_block.1', 'conv1', 'norm1'),
  ('conv2.forward_block.0', 'conv2.forward_block.1', 'conv2', 'norm2'),
  ('shortcut3d', 'sbn', 'conv_time', 'norm_time'),
)


def rules(settings: Mapping) -> list[Rule]:
  """Lists the state dict of DeepGaitV2 (ShiqiYu/OpenGait) in its order."""
  mode = settings['mode']
  frames = ('encoder', 'frames')
  table = resnet.conv_norm('layer0.forward_block.', STEM, frames)
  for stage, i, changes in resnet.blocks(settings):
    framewise = stage <= FRAME_STAGES[mode]
    path = frames if framewise else ('encoder',)
    path = (*path, f'stage{stage}_block{i + 1}')
    key = _block(mode, stage, i)
    for unit in _units(mode, stage):
      table += resnet.conv_norm(key, unit, path)
    if changes:
      layout = CONV if framewise else ONE_FRAME
      table += resnet.conv_norm(key, resnet.SHORTCUT, path, layout)
  table.append(Rule('FCs.fc_bin', ('params', 'part_linear', 'kernel')))
  if settings['classes']:
    table += neck(sum(settings['bins']))
  return table


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """Returns the settings of the model that keys and shapes tell.

  Raises:
    KeyError: a tensor that is needed for it is missing.
  """

  def first(mode, stage, i):
    return f'{_block(mode, stage, i)}{_units(mode, stage)[0][0]}.weight'

  # The modes differ in the key of stage 2's first convolution.
  modes = [mode for mode in FRAME_STAGES if first(mode, 2, 0) in shapes]
  mode = modes[0] if modes else '2d'
  return {
    'mode': mode,
    **resnet.settings(shapes, lambda stage, i: first(mode, stage, i)),
    'embedding_dim': shapes['FCs.fc_bin'][-1],
    'classes': shapes.get('BNNecks.fc_bin', (0,))[-1],
  }


def _block(mode, stage, i):
  """The prefix of the keys of a block."""
  wrapper = 'forward_block.' if stage <= FRAME_STAGES[mode] else ''
  return f'layer{stage}.{wrapper}{i}.'


def _units(mode, stage):
  """Names of a block's convolutions and norms, there and here."""
  pseudo = mode == 'p3d' and stage > FRAME_STAGES[mode]
  return PSEUDO if pseudo else resnet.PLAIN
