"""Reads and writes checkpoint files of PyTorch and safetensors.

The content of a file decides its format, not its name. PyTorch files are first
checked without torch (`torch_archive`) and then read by
`torch.load(weights_only=True)`, which yields tensors, numbers and strings and
never runs code. Safetensors files need no torch.
"""

import hashlib
import os
import pathlib
import re
import stat
import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import safetensors.numpy

from selfgait_jax import errors
from selfgait_jax.convert import pickle_outline, torch_archive
from selfgait_jax.machine import files, tensor_file

MAX_HEADER = 10_000_000  # bytes of a safetensors file; its own limit is higher
MAX_TENSORS = 20_000
MAX_ITERATION = 2**31 - 1
SUFFIXES = ('.pt', '.pth', '.ptm', '.safetensors')


class Checkpoint(NamedTuple):
  """The content of a file.

  Attributes:
    tensors: {key: array} of the network. Floating-point arrays are float32.
      Keys of nested dictionaries are joined by dots, without `module.`.
    optimizer: the optimiser's state dict with arrays for tensors: `state`, by
      the number of the parameter, and `param_groups`; {} if there is none.
    iteration: None if the file does not hold it.
    sha256: of the file, in hexadecimal.
  """

  tensors: dict[str, np.ndarray]
  optimizer: dict
  iteration: int | None
  sha256: str


def read(path: str | os.PathLike) -> Checkpoint:
  """Reads a file; the arrays may be memory-mapped views of it.

  Raises:
    UserError: the file cannot be read, or holds anything but tensors, numbers
      and strings.
  """
  path = pathlib.Path(path)
  try:
    kind = _kind(path)
    if kind == 'zip':
      torch_archive.check_zip(path)
    elif kind == 'legacy':
      torch_archive.check_legacy(path)
    with open(path, 'rb') as file:
      sha256 = hashlib.file_digest(file, 'sha256').hexdigest()
  except OSError as error:
    raise errors.UserError(
      f'expected a checkpoint file, found {error}; change --input'
    ) from error
  except pickle_outline.Refused as error:
    raise _refused(path, str(error)) from error
  if kind == 'safetensors':
    content, iteration = _read_safetensors(path)
    return Checkpoint(_flat(path, content), {}, iteration, sha256)
  content = _read_torch(path, kind)
  optimizer = {}
  for name in ('optimizer', 'optimizer_state_dict'):  # OpenGait; SelfGait
    found = content.pop(name, None)
    optimizer = found if isinstance(found, Mapping) and found else optimizer
  iteration = _iteration(path, content.get('iteration'))
  if isinstance(content.get('model'), Mapping):  # OpenGait
    content = content['model']
  return Checkpoint(_flat(path, content), optimizer, iteration, sha256)


def write(path: str | os.PathLike, content: Mapping, metadata: Mapping) -> None:
  """Writes a file of PyTorch or safetensors, whole or not at all.

  Args:
    path: ends in one of `SUFFIXES`, which decides the format.
    content: nested dictionaries and lists with arrays for tensors. A
      safetensors file holds only the network's tensors, with flat keys.
    metadata: strings for the header of a safetensors file.

  Raises:
    UserError: torch is missing or the file cannot be written.
  """
  path = pathlib.Path(path)
  try:
    with files.whole(path) as partial:
      if path.suffix == '.safetensors':
        safetensors.numpy.save_file(_network(content), partial, dict(metadata))
      else:
        torch = _torch(path)
        with open(partial, 'wb') as file:
          torch.save(_mapped(content, np.ndarray, torch.tensor), file)
  except (OSError, RuntimeError, safetensors.SafetensorError) as error:
    raise errors.UserError(
      f'expected to write {path}, found {errors.first_line(error)}; free '
      'space or change --to-torch'
    ) from error


def _kind(path):
  """'safetensors', or PyTorch's 'zip' or 'legacy' format."""
  status = path.stat()
  if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
    raise _refused(path, 'a pipe or a device')  # which may never end
  with open(path, 'rb') as file:
    head = file.read(64)
  if head.startswith(b'PK'):
    return 'zip'
  header = int.from_bytes(head[:8], 'little')
  if head[8:9] == b'{' and header < MAX_HEADER:
    return 'safetensors'  # its length may begin like a pickle
  if head[:1] == b'\x80':  # a pickle
    return 'legacy'
  if not status.st_size:
    found = 'an empty file'
  elif head.startswith(b'version https://git-lfs'):
    found = 'a Git LFS pointer in its place (`git lfs pull` fetches the file)'
  elif head.lstrip()[:1] == b'<':
    found = 'a web page in its place'
  else:
    found = f'a file of another kind that begins with {bytes(head[:8])!r}'
  raise _refused(path, found)


def _read_safetensors(path):
  """(tensors, iteration of the metadata)."""
  try:
    stored, metadata = tensor_file.read(path)
  except ValueError as error:
    raise _refused(path, str(error)) from error
  content = {k: tensor_file.in_float32(v) for k, v in stored.items()}
  told = metadata.get('iteration')
  if told is not None and not re.fullmatch('[0-9]{1,10}', told):
    raise _refused(path, f'the iteration {errors.printable(told, 40)!r}')
  return content, _iteration(path, None if told is None else int(told))


def _iteration(path, told):
  """The iteration as the file has it; other types than numbers are ignored."""
  if not isinstance(told, int):
    return None
  if isinstance(told, bool) or not 0 <= told <= MAX_ITERATION:
    raise _refused(path, f'the iteration {told}')
  return told


def _read_torch(path, kind):
  torch = _torch(path)
  # A memory map reads only the tensors that are used. Legacy files cannot be
  # mapped, and torch takes a file with this suffix for safetensors.
  mmap = kind == 'zip' and path.suffix != '.safetensors'
  try:
    with warnings.catch_warnings(), open(path, 'rb') as file:
      warnings.simplefilter('ignore')  # the error message tells enough
      content = torch.load(
        path if mmap else file, 'cpu', weights_only=True, mmap=mmap
      )
    return dict(_mapped(content, torch.Tensor, _array))
  except Exception as error:  # damaged bytes raise errors of many types
    reason = f'one that torch cannot read ({errors.first_line(error)})'
    raise _refused(path, reason) from error


def _flat(path, content):
  """{'a.b': array} of nested dictionaries, without `module.`."""
  flat = {}
  for parts, leaf in _leaves(content):
    key = '.'.join(p for p in '.'.join(parts).split('.') if p != 'module')
    if isinstance(leaf, np.ndarray):
      if len(key) > pickle_outline.MAX_KEY:
        shown = errors.printable(key, 60)
        raise _refused(path, f'a key of {len(key):,} characters ({shown})')
      if key in flat:
        shown = errors.printable(key)
        raise _refused(path, f'{shown} twice, with and without `module.`')
      flat[key] = leaf
  if not flat:
    raise _refused(path, 'no tensors in it')
  if len(flat) > MAX_TENSORS:
    raise _refused(path, f'{len(flat):,} tensors in it')
  return flat


def _network(content):
  """{'a.b': array} of a PyTorch file's content, without the optimiser."""
  content = content.get('model', content)
  parts = {k: v for k, v in content.items() if k != 'optimizer_state_dict'}
  return {
    '.'.join(key): leaf
    for key, leaf in _leaves(parts)
    if isinstance(leaf, np.ndarray)
  }


def _leaves(content, path=()):
  for name, value in content.items():
    if isinstance(value, Mapping):
      yield from _leaves(value, (*path, str(name)))
    else:
      yield (*path, str(name)), value


def _mapped(content, kind, change):
  """A copy of `content` with `change` applied to each leaf of type `kind`."""
  if isinstance(content, kind):
    return change(content)
  if isinstance(content, Mapping):
    return {k: _mapped(v, kind, change) for k, v in content.items()}
  if isinstance(content, (list, tuple)):
    return [_mapped(v, kind, change) for v in content]
  return content


def _array(tensor):
  tensor = tensor.detach()
  if tensor.is_floating_point():
    tensor = tensor.float()
  return tensor.numpy()


def _torch(path):
  try:
    import torch
  except ImportError as error:
    raise errors.UserError(
      f'expected PyTorch to be installed for {path}, found none; run `pip '
      'install -r requirements-convert.txt` or use a .safetensors file'
    ) from error
  return torch


def _refused(path, found):
  return errors.UserError(
    f'expected {path} to be a checkpoint, found {found}; change --input or '
    'download it again'
  )
