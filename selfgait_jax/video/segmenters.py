"""The segmenters by name."""

from selfgait_jax import errors
from selfgait_jax.video import background
from selfgait_jax.video.extract import Segmenter

BACKGROUND = 'background'
_ONNX = 'onnx:'


def make(name: str) -> Segmenter:
  """'background', or 'onnx:FILE' with FILE's JSON beside it.

  Raises:
    UserError: another name, or the file cannot be used.
  """
  if name == BACKGROUND:
    return background.Background
  if name.startswith(_ONNX):
    from selfgait_jax.video import onnx_masks  # onnxruntime is an extra

    network = onnx_masks.load(name.removeprefix(_ONNX))
    return lambda video: network
  raise errors.UserError(
    f'expected --segmenter to be background or onnx:FILE, found '
    f'{errors.printable(name)}'
  )
