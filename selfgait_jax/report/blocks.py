"""The building blocks of the page: text, sections, tables and panels."""

import base64
import html
import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from selfgait_jax import errors
from selfgait_jax.evaluate import tables
from selfgait_jax.report import style

_CELL = 8  # CSS pixels of a character, about
_GAP = 18  # between two columns


def text(value: object) -> str:
  """One line, escaped for HTML."""
  return html.escape(errors.printable(value, 10**6))


def section(key: str, title: str, content: str, note: str = '') -> str:
  """A heading, a note and the content; '' if there is no content.

  Args:
    key: to link to it.
    title: of the heading.
    content: HTML.
    note: below the heading.
  """
  if not content:
    return ''
  said = f'<p class="note">{text(note)}</p>' if note else ''
  return f'<section id="{key}"><h2>{text(title)}</h2>{said}{content}</section>'


def contents(sections: Iterable[str]) -> str:
  """Links to the sections."""
  found = [
    re.match('<section id="([^"]+)"><h2>(.*?)</h2>', part) for part in sections
  ]
  links = ''.join(f'<a href="#{m[1]}">{m[2]}</a>' for m in found if m)
  return f'<nav>{links}</nav>' if links else ''


def heading(title: str, note: str = '') -> str:
  """A heading within a section."""
  said = f'<p class="note">{text(note)}</p>' if note else ''
  return f'<h3>{text(title)}</h3>{said}'


def folded(title: str, content: str) -> str:
  """Content that opens with a click; '' without content."""
  if not content:
    return ''
  return f'<details><summary>{text(title)}</summary>{content}</details>'


class Key(NamedTuple):
  """A series in a legend.

  Attributes:
    name: of the series.
    css: its classes.
    colour: in place of that of the classes.
  """

  name: str
  css: str
  colour: str = ''


def keys(names: Iterable[str]) -> list[Key]:
  """The legend of series in the order of the page's colours."""
  return [Key(name, style.series(i)) for i, name in enumerate(names)]


def figure(title: str, svg: str, legend: Sequence[Key] = ()) -> str:
  """A picture below its title, its legend below; '' without a picture."""
  if not svg:
    return ''
  caption = f'<figcaption>{text(title)}</figcaption>'
  return f'<figure>{caption}{svg}{_legend(legend)}</figure>'


def panels(figures: Iterable[str], legend: Sequence[Key] = ()) -> str:
  """Figures that stand beside each other, or below on a narrow screen."""
  shown = ''.join(figures)
  return f'{_legend(legend)}<div class="panels">{shown}</div>' if shown else ''


def single(
  title: str, note: str, caption: str, svg: str, legend: Sequence[Key] = ()
) -> str:
  """A heading, then one picture with its note and legend beside it."""
  if not svg:
    return ''
  return (
    f'{heading(title)}<div class="panels">{figure(caption, svg)}'
    f'<div><p class="note">{text(note)}</p>{_legend(legend)}</div></div>'
  )


def table(
  header: Sequence[str],
  body: Iterable[Sequence[str]],
  bold: Collection[str] = (),
) -> str:
  """A table that scrolls, and says so, where the screen is too narrow.

  Args:
    header: names of the columns.
    body: the cells.
    bold: rows whose first cell is one of these are bold.
  """
  names = sum(name in tables.NAME_COLUMNS for name in header)
  lines, widths = [], np.zeros(len(header), int)
  for i, row in enumerate([header, *body]):
    tag = 'td' if i else 'th'
    css = lambda column: ' class="name"' if column < names else ''
    cells = ''.join(
      f'<{tag}{css(column)}>{text(cell)}</{tag}>'
      for column, cell in enumerate(row)
    )
    main = ' class="main"' if i and row[0] in bold else ''
    lines.append(f'<tr{main}>{cells}</tr>')
    longest = (lambda c: len(c)) if i else _longest_word
    widths = np.maximum(widths, [longest(str(cell)) for cell in row])
  hint = style.hint(int(np.sum(widths * _CELL + _GAP)))
  return (
    f'<div class="scroll {hint}" tabindex="0"><table>{"".join(lines)}</table>'
    '</div>'
  )


def picture(frames: np.ndarray, title: str) -> str:
  """Frames side by side, as one PNG.

  Args:
    frames: uint8 [T, H, W].
    title: for those who cannot see it.
  """
  framed = np.pad(frames, ((0, 0), (0, 0), (0, 2)), constant_values=128)
  strip = framed.transpose(1, 0, 2).reshape(frames.shape[1], -1)[:, :-2]
  _, content = cv2.imencode('.png', np.ascontiguousarray(strip))
  data = base64.b64encode(content.tobytes()).decode()
  return (
    f'<img class="strip" width="{strip.shape[1]}" alt="{text(title)}" '
    f'src="data:image/png;base64,{data}">'
  )


def _legend(legend):
  """A mark in the colour of each series."""
  items = ''
  for key in legend:
    own = f' style="--c:{key.colour}"' if key.colour else ''
    items += f'<li class="{key.css}"{own}><i></i>{text(key.name)}</li>'
  return f'<ul class="legend">{items}</ul>' if items else ''


def _longest_word(title):
  return max(map(len, title.split()), default=0)
