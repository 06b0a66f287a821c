"""A folder of weights as one ONNX file, by jax2onnx.

Runs in the environment of requirements-onnx.txt, whose Orbax is too old to read
checkpoints: nothing here may import it.
"""

import functools
import importlib.metadata
import logging
import pathlib

import numpy as np

from selfgait_jax import errors
from selfgait_jax.export import program
from selfgait_jax.machine import files
from selfgait_jax.models.conv import plain_form
from selfgait_jax.run import model_folder

LARGEST_ERROR = 1e-5  # of the largest value


def write(folder: str, output: pathlib.Path) -> None:
  """Writes the file `output`, whole or not at all.

  It takes any number of clips and of frames; see `program.make`. It is compared
  with the network before it is written.

  Args:
    folder: what `folder.write` wrote.
    output: the file.

  Raises:
    UserError: there is no such folder, the network cannot be converted, or the
      file cannot be written.
  """
  path = pathlib.Path(folder)
  if not model_folder.is_one(path):
    raise errors.UserError(
      f'expected a folder with {model_folder.WEIGHTS}, found none in {path}; '
      'write it first with `selfgait export CHECKPOINT --to=folder`'
    )
  _expect_installed()
  variables, manifest = model_folder.read(path)
  function = functools.partial(program.make(manifest), variables)
  name = manifest['model']['name']
  try:
    content = _convert(function, manifest)
    found = _error(content, function, manifest)
  except Exception as error:  # the converter can raise anything
    raise _refused(name, errors.first_line(error)) from error
  if not found <= LARGEST_ERROR:  # it may be NaN
    raise _refused(name, f'a program that is {found:.1e} off')
  with files.output(output) as partial:
    partial.write_bytes(content)


def _expect_installed():
  try:
    import jax2onnx  # noqa: F401
    import onnxruntime  # noqa: F401
  except ImportError as error:
    raise errors.UserError(
      f'expected jax2onnx and onnxruntime to be installed, found no '
      f'{error.name}; run `pip install -r requirements-onnx.txt` in an '
      'environment of its own'
    ) from error


def _convert(function, manifest):
  """The bytes of the ONNX file."""
  import jax2onnx

  logging.getLogger('onnx_ir').setLevel(logging.ERROR)  # of shapes, see below
  with plain_form.wanted():
    proto = jax2onnx.to_onnx(
      function,
      program.shapes(manifest, 'batch', 'frames'),
      model_name=manifest['model']['name'],
      input_names=program.INPUTS,
      output_names=[program.OUTPUT],
    )
  # The shapes that jax2onnx notes for values in between can be wrong where they
  # depend on the number of frames. The runtime finds them by itself.
  del proto.graph.value_info[:]
  return proto.SerializeToString()


def _error(content, function, manifest):
  """Largest difference to the network, relative to its largest value."""
  import onnxruntime

  width = manifest['model']['crop_width']
  rng = np.random.default_rng(0)
  frames = rng.integers(0, 256, (2, 5, 64, width), np.uint8)
  mask = np.arange(5) < [[5], [1]]
  session = onnxruntime.InferenceSession(content)
  (found,) = session.run(None, {'frames': frames, 'mask': mask})
  expected = np.asarray(function(frames, mask))
  return np.abs(found - expected).max() / np.abs(expected).max()


def _refused(name, reason):
  version = importlib.metadata.version('jax2onnx')
  return errors.UserError(
    f'expected a network that jax2onnx {version} converts, found {name}, which '
    f'it does not ({reason}); use --to=stablehlo'
  )
