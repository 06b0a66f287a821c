"""Masks by a network of the user's own, an ONNX file with a JSON beside it."""

import pathlib
from collections.abc import Callable

import cv2
import numpy as np

from selfgait_jax import errors
from selfgait_jax.video import onnx_input

_TYPES = {
  'tensor(float)': np.float32,
  'tensor(float16)': np.float16,
  'tensor(uint8)': np.uint8,
}


def load(file: str) -> Callable[[np.ndarray], np.ndarray]:
  """A function from frames uint8 [H, W, 3] to masks uint8 [H, W], 0 or 255.

  Args:
    file: a network with one picture as input; `FILE.json`, with `.onnx`
      replaced, describes it (`onnx_input.Description`).

  Raises:
    UserError: onnxruntime is missing, or the files do not fit.
  """
  path = pathlib.Path(file).expanduser()
  description = onnx_input.read(path.with_suffix('.json'))
  session = _open(path)
  inputs = session.get_inputs()
  if len(inputs) != 1 or inputs[0].type not in _TYPES:
    found = ', '.join(f'{one.name} {one.type}' for one in inputs)
    raise errors.UserError(
      f'expected a network with one input of {", ".join(_TYPES)} in '
      f'{errors.printable(path)}, found {errors.printable(found)}'
    )
  names = [one.name for one in session.get_outputs()]
  output = description.output or names[0]
  if output not in names:
    raise errors.UserError(
      f'expected an output {errors.printable(output)} in '
      f'{errors.printable(path)}, found {errors.printable(", ".join(names))}; '
      'change "output" in its JSON'
    )
  kind = _TYPES[inputs[0].type]

  def segment(frame):
    picture = description.picture(frame).astype(kind)
    try:
      (found,) = session.run([output], {inputs[0].name: picture})
    except Exception as error:  # the runtime raises errors of its own
      raise errors.UserError(
        f'expected {errors.printable(path)} to take a picture '
        f'{list(picture.shape)} as its JSON says, found '
        f'{errors.first_line(error)}'
      ) from error
    found = description.people(np.asarray(found))
    # Scaled before it is cut off, so that outlines are smooth.
    found = cv2.resize(found, frame.shape[1::-1])
    return (found >= description.threshold).astype(np.uint8) * np.uint8(255)

  return segment


def _open(path):
  if not path.is_file():
    raise errors.UserError(
      f'expected an ONNX file at {errors.printable(path)}, found nothing; '
      'change --segmenter=onnx:FILE'
    )
  try:
    import onnxruntime
  except ImportError as error:
    raise errors.UserError(
      'expected onnxruntime for --segmenter=onnx:FILE, found none; run '
      '`pip install "selfgait_jax[onnx]"`'
    ) from error
  try:
    return onnxruntime.InferenceSession(
      str(path), providers=onnxruntime.get_available_providers()
    )
  except Exception as error:  # the runtime raises errors of its own
    raise errors.UserError(
      f'expected a network that onnxruntime reads in {errors.printable(path)}, '
      f'found {errors.first_line(error)}'
    ) from error
