"""Recognises the network of a state dict by its keys."""

from collections.abc import Iterable
from typing import NamedTuple

from selfgait_jax import errors


class Kind(NamedTuple):
  """A network as one program names its tensors.

  Attributes:
    model: our name of the network, `config.model.name`.
    program: the repository of the program that writes such files.
    marks: prefixes of keys that all occur.
    lacks: prefixes of keys that never occur.
    note: what the import assumes because the file does not tell it.
  """

  model: str
  program: str
  marks: tuple[str, ...]
  lacks: tuple[str, ...] = ()
  note: str = ''


_OPENGAIT = 'ShiqiYu/OpenGait'
_RESNET = 'Backbone.forward_block.layer1.'

KINDS = {
  'selfgait': Kind(
    'selfgait', 'EchoItLiu/SelfGait', ('online_network_state_dict.',)
  ),
  'gaitset': Kind('gaitset', _OPENGAIT, ('set_block1.', 'gl_block2.')),
  'gaitset_original': Kind(
    'gaitset',
    'AbnerHqC/GaitSet',
    ('set_layer1.', 'gl_layer1.'),
    note="parts are reordered as in OpenGait's GaitSet",
  ),
  'gaitpart': Kind(
    'gaitpart',
    _OPENGAIT,
    ('TFA.pooling_func.',),
    note='no tensor tells the halvings; they are those of the usual recipe',
  ),
  'gaitgl': Kind(
    'gaitgl',
    _OPENGAIT,
    ('GLConvA0.', 'LTA.'),
    note='no tensor tells the halving; it is that of the usual recipe',
  ),
  'gaitbase': Kind('gaitbase', _OPENGAIT, (_RESNET,), ('projector.',)),
  'deepgaitv2': Kind(
    'deepgaitv2', _OPENGAIT, ('layer0.', 'layer2.'), ('transformer.',)
  ),
  'gaitssb': Kind('gaitssb', _OPENGAIT, (_RESNET, 'projector.')),
}
# Networks that have published files and that we do not implement.
_OTHERS = {
  'FoundationGait': (('teacher_backbone.',), ()),
  "OpenGait's baseline with a plain trunk (gaitbase_hid)": (
    ('Backbone.forward_block.feature.', 'FCs.'),
    ('TFA.',),
  ),
  'SwinGait': (('layer0.', 'transformer.'), ()),
  "SelfGait's frame network alone, without the other eight parts": (
    ('set_layer1.',),
    ('gl_layer1.', 'online_network_state_dict.'),
  ),
}


def choose(model: str, keys: Iterable[str]) -> tuple[str, str]:
  """Returns (a key of `KINDS`, the reason as text).

  Args:
    model: the expected network, a key of `KINDS` or a `Kind.model`, or 'auto'.
    keys: of the state dict, without `module.`.

  Raises:
    UserError: the keys belong to no network here, or not to the expected one.
  """
  keys = list(keys)
  for name, kind in KINDS.items():
    if _matches(keys, kind.marks, kind.lacks):
      why = f'it has {_stars(kind.marks)}'
      why += f' and no {_stars(kind.lacks)}' if kind.lacks else ''
      if model not in ('auto', kind.model, name):
        raise errors.UserError(
          f'expected a state dict of {model}, found one of {kind.model} '
          f'({why}); change --model or --input'
        )
      return name, why
  known = ', '.join(dict.fromkeys(kind.model for kind in KINDS.values()))
  for title, (marks, lacks) in _OTHERS.items():
    if _matches(keys, marks, lacks):
      raise errors.UserError(
        f'expected a state dict of {known}, found {title} (it has '
        f'{_stars(marks)}), which cannot be converted; change --input'
      )
  shown = ', '.join(errors.printable(key) for key in sorted(keys)[:3])
  raise errors.UserError(
    f'expected a state dict of {known}, found keys of none of them ({shown}); '
    'change --input'
  )


def _matches(keys, marks, lacks):
  found = lambda mark: any(key.startswith(mark) for key in keys)
  return all(map(found, marks)) and not any(map(found, lacks))


def _stars(marks):
  return ' and '.join(f'{mark}*' for mark in marks)
