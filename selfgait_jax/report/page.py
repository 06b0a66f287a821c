"""The report: one HTML file that says what came out of a run."""

import pathlib

from absl import logging

from selfgait_jax import errors
from selfgait_jax.machine import files
from selfgait_jax.report import (
  blocks,
  by_view,
  contributions,
  headline,
  labels,
  matching,
  people,
  provenance,
  rows,
  scores,
  style,
  training,
  work_folder,
)

FILE = 'report.html'
# Nothing is loaded and nothing runs, whatever a name contains.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write(workdir: pathlib.Path, show_people: bool = False) -> None:
  """Writes WORKDIR/report.html, of which `render` says more."""
  files.write_text(workdir / FILE, render(workdir, show_people))
  logging.info('report: %s', workdir / FILE)


def render(workdir: pathlib.Path, show_people: bool = False) -> str:
  """The page of a work folder, without the sections that lack data.

  Args:
    workdir: of a run, finished or not.
    show_people: show frames of real people, if the evaluation kept them
      (`config.eval.show_people`). Synthetic walkers are always shown.

  Raises:
    UserError: there is nothing to show, or the frames to be shown were not
      kept.
  """
  found = work_folder.read(workdir)
  results, pictures = found.results, found.pictures
  show = _may_show(pictures, show_people)
  titles = rows.groups(results)
  sections = [
    labels.study(results, titles),
    scores.section(results),
    by_view.section(results),
    matching.section(results, pictures),
    people.embedding_map(pictures),
    people.confusions(pictures, show),
    contributions.section(pictures),
    people.clips(pictures, show),
    training.section(found.curves, titles),
    labels.rounds(results),
    provenance.section(results, found.config),
  ]
  name = results['data'].get('name', 'run')
  title = f'selfgait_jax: {name}'
  notes = ''.join(f'<p class="note">{blocks.text(n)}</p>' for n in found.notes)
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    f'<title>{blocks.text(title)}</title><style>{style.CSS}</style></head><body>'
    f'<h1>{blocks.text(title)}</h1>{headline.write(results)}{notes}'
    f'{blocks.contents(sections)}{"".join(sections)}</body></html>\n'
  )


def _may_show(pictures, show_people):
  real = bool(pictures.get('real_people', 1))
  if show_people and real and 'clips/frames' not in pictures:
    raise errors.UserError(
      'expected frames of people in figures.npz for --show-people, found none; '
      'run the stage `evaluate` again with --config.eval.show_people=True'
    )
  return show_people or not real
