"""Converts PyTorch weights to a checkpoint of selfgait_jax, and back.

  convert_checkpoint.py --input=FILE --output=DIR         import
  convert_checkpoint.py --input=DIR --to-torch=FILE       export

Reads files of EchoItLiu/SelfGait, ShiqiYu/OpenGait (GaitSet, GaitPart, GaitGL,
GaitBase, DeepGaitV2, GaitSSB) and AbnerHqC/GaitSet; see docs/import.md. The
checkpoint can be evaluated, fine-tuned (--config.init_from) and embedded with
(selfgait_jax.load_embedder).
"""

import argparse
import os
import pathlib
import sys
import time

# Run from a clone without installation; use no accelerator.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault('JAX_PLATFORMS', 'cpu')

from selfgait_jax.machine import signals

if __name__ == '__main__':
  signals.answer('unfinished files do not count; run the same command again')

from absl import logging

from selfgait_jax import errors
from selfgait_jax.convert import exporter, importer, recognise


def main(arguments: list[str] | None = None) -> int:
  """Returns the exit status; prints one sentence if it is 1."""
  options = _parse(arguments)
  start = time.monotonic()
  try:
    if options.to_torch:
      exporter.export_checkpoint(
        options.input,
        options.to_torch,
        options.model,
        overwrite=options.overwrite,
        report=_say,
      )
    else:
      folder = importer.import_checkpoint(
        options.input,
        options.output,
        options.model,
        settings=options.setting,
        crop_width=options.crop_width,
        with_optimizer=options.with_optimizer,
        iteration=options.iteration,
        allow_missing=options.allow_missing,
        allow_unexpected=options.allow_unexpected,
        overwrite=options.overwrite,
        report=_say,
      )
      _say(f'wrote {folder}')
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  _say(f'{time.monotonic() - start:.1f} s')
  return 0


def _say(line):
  print(errors.printable(line, errors.LONGEST_MESSAGE), flush=True)


def _parse(arguments):
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  names = dict.fromkeys(kind.model for kind in recognise.KINDS.values())
  patterns = lambda text: [p for p in text.split(',') if p]
  add('--input', required=True, help='file to import or checkpoint to export')
  direction = parser.add_mutually_exclusive_group(required=True)
  direction.add_argument(
    '--output',
    help='new folder for the checkpoint; with --with-optimizer the '
    'folder of a stage, such as WORKDIR/train',
  )
  direction.add_argument(
    '--to-torch', help='file to write: .pt, .pth, .ptm or .safetensors'
  )
  add(
    '--model',
    default='auto',
    choices=('auto', *names, 'gaitset_original'),
    help='the expected network; auto: recognised by the keys',
  )
  add(
    '--with-optimizer',
    action='store_true',
    help="convert the optimiser's state too, to resume training",
  )
  add('--iteration', type=int, help='if neither the file nor its name holds it')
  add('--crop-width', type=int, default=44, help='columns the network sees')
  add(
    '--setting',
    action='append',
    default=[],
    metavar='NAME=VALUE',
    help='a setting of config.model that no shape tells; repeatable',
  )
  for name in ('missing', 'unexpected'):
    add(
      f'--allow-{name}',
      type=patterns,
      default=[],
      metavar='PATTERN[,PATTERN]',
      help=f'{name} keys to accept, such as "BNNecks.*"',
    )
  add('--overwrite', action='store_true', help='replace an earlier conversion')
  return parser.parse_args(arguments)


if __name__ == '__main__':
  logging.set_verbosity(logging.ERROR)  # silences the libraries
  sys.exit(main())
