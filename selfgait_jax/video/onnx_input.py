"""What a person mask network takes and gives, as its JSON file says.

  {"size": [256, 256], "layout": "NCHW", "colours": "RGB",
   "mean": [123.7, 116.3, 103.5], "deviation": [58.4, 57.1, 57.4],
   "values": "probability", "person": 0, "threshold": 0.5}

`size` must be given; docs/video.md explains each key.
"""

import dataclasses
import pathlib

import cv2
import numpy as np
from scipy import special

from selfgait_jax import errors
from selfgait_jax.machine import files

_CHOICES = {
  'layout': ('NCHW', 'NHWC'),
  'colours': ('RGB', 'BGR'),
  'values': ('probability', 'score', 'class'),
}
_LARGEST_SIDE = 4096  # pixels
_LARGEST_FILE = 2**20  # bytes
_LARGEST_NUMBER = 1e9


@dataclasses.dataclass(frozen=True)
class Description:
  """Input and output of a network.

  Attributes:
    size: rows and columns to which frames are scaled.
    layout: of the input, 'NCHW' or 'NHWC'; the output's channels lie there too.
    colours: 'RGB' or 'BGR'.
    mean: of each colour, grey levels; subtracted.
    deviation: of each colour, grey levels; then divided by.
    output: name of the output; '' for the first.
    values: 'probability' from 0 to 1; 'score', to which a softmax over the
      channels or, if there is one channel, a sigmoid is applied; or 'class', a
      number for each pixel.
    person: channel of people, or with 'class' their number.
    threshold: probability from which on a pixel is person.
  """

  size: tuple[int, int]
  layout: str = 'NCHW'
  colours: str = 'RGB'
  mean: tuple[float, ...] = (0.0, 0.0, 0.0)
  deviation: tuple[float, ...] = (255.0, 255.0, 255.0)
  output: str = ''
  values: str = 'probability'
  person: int = 0
  threshold: float = 0.5

  def picture(self, frame: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3], blue, green, red, to float32 with one row."""
    scaled = cv2.resize(frame, self.size[::-1], interpolation=cv2.INTER_AREA)
    if self.colours == 'RGB':
      scaled = scaled[..., ::-1]
    scaled = scaled.astype(np.float32) - np.array(self.mean, np.float32)
    scaled /= np.array(self.deviation, np.float32)
    if self.layout == 'NCHW':
      scaled = scaled.transpose(2, 0, 1)
    return np.ascontiguousarray(scaled[None])

  def people(self, found: np.ndarray) -> np.ndarray:
    """The network's output to the probability of a person, float32 [H, W].

    Raises:
      UserError: it has no such shape.
    """
    channels = self._channels(found)
    if self.values == 'class':
      return (channels[0] == self.person).astype(np.float32)
    if self.person >= len(channels):
      raise errors.UserError(
        f'expected an output with a channel {self.person}, found '
        f'{list(found.shape)}; change "person" or "layout" in the JSON'
      )
    channels = channels.astype(np.float32)
    if self.values == 'score':
      channels = _probabilities(channels)
    return channels[self.person]

  def _channels(self, found):
    """[C, H, W] of [1, C, H, W], [1, H, W, C], [1, H, W] or [H, W]."""
    shape = found.shape
    if found.ndim == 4 and shape[0] == 1:
      found = found[0]
      return found if self.layout == 'NCHW' else found.transpose(2, 0, 1)
    if found.ndim == 2 or (found.ndim == 3 and shape[0] == 1):
      return found.reshape(1, *shape[-2:])
    raise errors.UserError(
      'expected an output [1, C, H, W], [1, H, W, C], [1, H, W] or [H, W], '
      f'found {list(shape)}; change "output" in the JSON'
    )


def read(path: pathlib.Path) -> Description:
  """Reads the JSON file of a network.

  Raises:
    UserError: it is missing or says something else than it may.
  """
  try:
    with open(path, 'rb') as file:
      content = files.parse_json(file.read(_LARGEST_FILE))
  except (OSError, ValueError) as error:
    raise errors.UserError(
      f'expected a JSON file that describes the network at '
      f'{errors.printable(path)}, found {errors.first_line(error)}; '
      'docs/video.md has one'
    ) from error
  fault = _fault(content)
  if fault:
    raise errors.UserError(
      f'expected {fault} in {errors.printable(path)}; docs/video.md has an '
      'example'
    )
  listed = {k: tuple(v) for k, v in content.items() if isinstance(v, list)}
  return Description(**content | listed)


def _fault(content):
  """What is expected that is not there; '' if all is well."""
  if not isinstance(content, dict) or 'size' not in content:
    return 'an object with "size"'
  known = [field.name for field in dataclasses.fields(Description)]
  if unknown := sorted(set(content) - set(known)):
    listed = errors.printable(', '.join(unknown))
    return f'only the keys {", ".join(known)}, not {listed}'
  checks = {
    'size': ('two numbers of pixels', _is_size),
    'mean': ('three numbers', _are_three),
    'deviation': (
      'three numbers above 0',
      lambda value: _are_three(value) and min(value) > 0,
    ),
    'output': ('a name', lambda value: isinstance(value, str)),
    'person': ('a whole number from 0', lambda value: _is_whole(value, 0)),
    'threshold': (
      'a number between 0 and 1',
      lambda value: _is_number(value) and 0 < value < 1,
    ),
  }
  for key, value in content.items():
    if key in _CHOICES:
      if value not in _CHOICES[key]:
        return f'"{key}" to be {" or ".join(_CHOICES[key])}'
    elif not checks[key][1](value):
      return f'"{key}" to be {checks[key][0]}'
  return ''


def _is_size(value):
  return (
    isinstance(value, list)
    and len(value) == 2
    and all(_is_whole(side, 1) and side <= _LARGEST_SIDE for side in value)
  )


def _are_three(value):
  return (
    isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))
  )


def _is_whole(value, least):
  return type(value) is int and value >= least


def _is_number(value):
  return type(value) in (int, float) and abs(value) < _LARGEST_NUMBER


def _probabilities(scores):
  """Softmax over channels [C, H, W]; sigmoid if there is one."""
  if len(scores) == 1:
    return special.expit(scores)
  scores = np.exp(scores - scores.max(0))
  return scores / scores.sum(0)
