"""The page of all settings, made of the comments beside them in the source."""

import ast
import inspect
import io
import tokenize
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import NamedTuple

from selfgait_jax.configs import default
from selfgait_jax.settings import networks

# Functions of `default` that make stages, and the names of these stages.
_SUPERVISED = ('finetune', 'few_scratch', 'few_pretrained', 'train')
STAGES = {
  '_stage': ('pretrain', 'discover', *_SUPERVISED),
  'label_free_stage': ('pretrain',),
  'discovery_stage': ('discover',),
  'supervised_stage': _SUPERVISED,
}


class Setting(NamedTuple):
  """What the source says of a setting.

  Attributes:
    section: 'data' of `data.name`; '' for a setting of the whole config.
    key: 'name' of `data.name`.
    comment: above and beside the line; '' for none.
  """

  section: str
  key: str
  comment: str


def text() -> str:
  """Markdown: a table of each section, with defaults and comments."""
  found = read(default)
  return '\n\n'.join((*_run(found), *_stages(found), *_networks()))


def read(module: ModuleType) -> dict[str, list[Setting]]:
  """The settings that each function of a module assigns, in order."""
  source = inspect.getsource(module)
  comments = _comments(source)
  return {
    function.name: list(_settings(function, comments))
    for function in ast.parse(source).body
    if isinstance(function, ast.FunctionDef)
  }


def _run(found):
  """The settings of the whole config, then those of each of its sections."""
  config, settings = default.get_config(), found['get_config']
  intros = {s.key: s.comment for s in settings if not s.section}
  for section in dict.fromkeys(s.section for s in settings):
    values = config[section] if section else config
    rows = [s for s in settings if s.section == section]
    yield f'## {section or "The run"}'
    if section:
      yield _escape(intros[section])
    else:  # its sections have tables of their own
      rows = [s for s in rows if not hasattr(values[s.key], 'keys')]
    yield _table(section, rows, lambda key, values=values: _code(values[key]))


def _stages(found):
  """The settings of every stage, then those that only some stages have."""
  config, shared = default.get_config(), {s.key for s in found['_stage']}
  for function, names in STAGES.items():
    everywhere, rows = function == '_stage', found[function]
    if not everywhere:
      rows = [s for s in rows if s.key not in shared]
    yield '## Stages' if everywhere else f'### {", ".join(names)}'
    yield _escape(inspect.getdoc(getattr(default, function)))
    sections = {name: config[name] for name in names}
    title = names[0] if len(names) == 1 else 'STAGE'
    yield _table(title, rows, lambda key, of=sections: _defaults(of, key))


def _networks():
  """The settings of every network, then those of each."""
  found = read(networks)
  yield '## model'
  for function in ('_model', *(name for name in found if name != '_model')):
    everywhere = function == '_model'
    if not everywhere:
      yield f'### {function}'
    yield _escape(inspect.getdoc(getattr(networks, function)))
    model = networks.selfgait() if everywhere else getattr(networks, function)()
    rows = found[function]
    yield _table('model', rows, lambda key, model=model: _code(model[key]))


def _settings(function, comments) -> Iterator[Setting]:
  """Follows `c.data = data = ConfigDict()`, after which `data` is a section."""
  sections = {'c': '', 's': '', 'm': ''}  # by variable
  for node in function.body:
    if not isinstance(node, ast.Assign):
      continue
    attributes, names = [], []
    for target in node.targets:
      for one in target.elts if isinstance(target, ast.Tuple) else [target]:
        (names if isinstance(one, ast.Name) else attributes).append(one)
    comment = _comment(node, comments)
    for one in attributes:
      variable = ast.unparse(one.value)
      if variable in sections:
        yield Setting(sections[variable], one.attr, comment)
    if attributes:
      sections.update({name.id: attributes[0].attr for name in names})


def _comments(source) -> dict[int, tuple[str, bool]]:
  """{line: (comment, whether nothing else is on the line)}."""
  return {
    token.start[0]: (
      token.string.lstrip('# '),
      not token.line[: token.start[1]].strip(),
    )
    for token in tokenize.generate_tokens(io.StringIO(source).readline)
    if token.type == tokenize.COMMENT
  }


def _comment(node, comments):
  """The lines of comment above a statement, and the comment beside it."""
  first = node.lineno
  while comments.get(first - 1, ('', False))[1]:
    first -= 1
  lines = [*range(first, node.lineno), node.end_lineno]
  return ' '.join(comments[line][0] for line in lines if line in comments)


def _table(
  section: str, rows: Iterable[Setting], show: Callable[[str], str]
) -> str:
  prefix = f'{section}.' if section else ''
  return '\n'.join(
    (
      '| setting | default | meaning |',
      '| --- | --- | --- |',
      *(
        f'| `{prefix}{s.key}` | {show(s.key)} | {_escape(s.comment)} |'
        for s in rows
      ),
    )
  )


def _defaults(sections, key):
  """The default of the most stages, then those of the others by name."""
  shown = {name: _code(section[key]) for name, section in sections.items()}
  usual = max(shown.values(), key=list(shown.values()).count)
  others = [f'{n} {value}' for n, value in shown.items() if value != usual]
  return ', '.join((usual, *others))


def _code(value):
  return f'`{value!r}`'


def _escape(text):
  """Text whose signs mean nothing in Markdown, but for code in backquotes."""
  parts = text.replace('\n', ' ').split('`')
  for i in range(0, len(parts), 2):
    for sign in '\\*_<|[]':
      parts[i] = parts[i].replace(sign, f'\\{sign}')
  return '`'.join(parts)
