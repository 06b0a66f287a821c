"""Which network a state dict is of, told from its keys alone."""

from collections.abc import Iterable
from typing import NamedTuple

from selfgait_jax import errors


class Kind(NamedTuple):
  """A network of one program, whose keys are its own.

  Attributes:
    model: `config.model.name` of the network here.
    program: that writes the files, a repository.
    marks: beginnings of keys; every one of them occurs.
    lacks: beginnings of keys that do not occur.
    note: what an import decides that the file does not say.
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
    note="parts are put in the order of OpenGait's GaitSet",
  ),
  'gaitpart': Kind(
    'gaitpart',
    _OPENGAIT,
    ('TFA.pooling_func.',),
    note='halvings are those of the recipes of this size (no tensor tells)',
  ),
  'gaitgl': Kind(
    'gaitgl',
    _OPENGAIT,
    ('GLConvA0.', 'LTA.'),
    note='halving is that of the recipes of this size (no tensor tells)',
  ),
  'gaitbase': Kind('gaitbase', _OPENGAIT, (_RESNET,), ('projector.',)),
  'deepgaitv2': Kind(
    'deepgaitv2', _OPENGAIT, ('layer0.', 'layer2.'), ('transformer.',)
  ),
  'gaitssb': Kind('gaitssb', _OPENGAIT, (_RESNET, 'projector.')),
}
# Networks whose files are about, and that are not here.
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
  """(kind, why), `kind` being a key of `KINDS`.

  Args:
    model: a key of `KINDS`, a `Kind.model` or 'auto'.
    keys: of the state dict, without `module.`.

  Raises:
    UserError: the keys are of no network here, or not of the one asked for.
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
  raise errors.UserError(
    f'expected a state dict of {known}, found keys of none of them '
    f'({", ".join(sorted(keys)[:3])}); change --input'
  )


def _matches(keys, marks, lacks):
  found = lambda mark: any(key.startswith(mark) for key in keys)
  return all(map(found, marks)) and not any(map(found, lacks))


def _stars(marks):
  return ' and '.join(f'{mark}*' for mark in marks)
