"""Writes a checkpoint as files that others can use.

folder     weights (safetensors), manifest and card: `load_embedder` reads it,
           and model hubs take it
stablehlo  one file for CPU, GPU and TPU that needs JAX and flatbuffers
onnx       one file that needs ONNX Runtime and NumPy alone; reads the folder
           of --to=folder, in the environment of requirements-onnx.txt
"""

import pathlib

from selfgait_jax import errors

FORMS = {'folder': '', 'stablehlo': '.stablehlo', 'onnx': '.onnx'}


def options(parser):
  parser.add_argument(
    'checkpoint',
    help='a stage of a work folder, an imported checkpoint, or a folder that '
    '--to=folder wrote',
  )
  parser.add_argument('--to', choices=FORMS, default='folder')
  parser.add_argument(
    '--out',
    type=pathlib.Path,
    help='what to write; it must not exist (default: the name of the '
    'checkpoint with the suffix of the form, in this folder)',
  )
  parser.add_argument(
    '--half',
    action='store_true',
    help='store the weights in half precision (folder only)',
  )


def run(options):
  name = pathlib.Path(options.checkpoint).absolute().name
  out = options.out or pathlib.Path(f'{name}-export{FORMS[options.to]}')
  if out.exists():
    raise errors.UserError(
      f'expected nothing at {out}, found something; remove it or change --out'
    )
  if options.half and options.to != 'folder':
    raise errors.UserError(
      f'expected --half with --to=folder, found --to={options.to}; leave out '
      '--half'
    )
  print(f'writing {out}')
  _write(options, out)
  print(f'wrote {out}')


def _write(options, out):
  """Imports only what this form needs: ONNX has an environment of its own."""
  if options.to == 'folder':
    from selfgait_jax.export import folder

    folder.write(options.checkpoint, out, options.half)
  elif options.to == 'stablehlo':
    from selfgait_jax.export import stablehlo

    stablehlo.write(options.checkpoint, out)
  else:
    from selfgait_jax.export import onnx_file

    onnx_file.write(options.checkpoint, out)
