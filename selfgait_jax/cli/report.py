"""Writes the report of a run again, without its data or a network.

  selfgait report WORKDIR

writes WORKDIR/report.html from the files that training and evaluation left in
WORKDIR. What is missing is left out. Real people are shown only with
--show-people, and only if the evaluation kept their frames
(--config.eval.show_people=True).
"""

import argparse
import pathlib

from selfgait_jax import errors
from selfgait_jax.machine import files


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument('workdir', metavar='WORKDIR', help='of a run')
  parser.add_argument(
    '--out', help='the page to write (default: WORKDIR/report.html)'
  )
  parser.add_argument(
    '--show-people', action='store_true', help='show frames of real people'
  )


def run(options: argparse.Namespace) -> None:
  from selfgait_jax.report import page

  workdir = pathlib.Path(options.workdir)
  if not workdir.is_dir():
    raise errors.UserError(
      f'expected the work folder of a run, found no folder '
      f'{errors.printable(workdir)}; give the --workdir of a run'
    )
  text = page.render(workdir, options.show_people)
  out = pathlib.Path(options.out) if options.out else workdir / page.FILE
  with files.output(out) as partial:
    partial.write_text(text, encoding='utf-8')
  print(f'wrote {errors.printable(out)}')
