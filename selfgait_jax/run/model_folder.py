"""Weights as a folder of three files, the layout that model hubs take.

`model.safetensors` holds the tensors, named by their place in the network
(`params/encoder/block1/conv1/kernel`), and digests that detect damage;
`config.json` is the manifest; `README.md` is the card for people. The folder
holds no training state. Reading it needs no Orbax.
"""

import json
import pathlib
from collections.abc import Mapping

import ml_collections
import numpy as np
import safetensors.numpy
from flax import traverse_util

from selfgait_jax import errors
from selfgait_jax.machine import files, tensor_file
from selfgait_jax.models import factory
from selfgait_jax.run import digests, manifests

WEIGHTS, MANIFEST, CARD = 'model.safetensors', 'config.json', 'README.md'


def is_one(path: pathlib.Path) -> bool:
  """True for a folder with weights of this layout."""
  return (path / WEIGHTS).is_file()


def read(path: pathlib.Path) -> tuple[dict, dict]:
  """(variables, manifest) of a folder, as `checkpointing.load_variables`.

  Weights in half precision become float32.

  Raises:
    UserError: a file is missing or damaged, or the format is another one.
  """
  folder = path.absolute()
  manifest = read_manifest(folder)
  try:
    tensors, metadata = tensor_file.read(folder / WEIGHTS)
    written = files.parse_json(metadata.get('digests', 'null'))
  except (OSError, ValueError) as error:
    raise _damaged(folder / WEIGHTS, errors.first_line(error)) from error
  recorded = {k: v for k, v in manifest.items() if k != 'checkpoint'}
  if digests.manifest_differs(written, recorded):
    words = 'a manifest that is not the one that was written'
    raise _damaged(folder / MANIFEST, words)
  if names := digests.differing(written, 'variables', tensors):
    words = f'{len(names)} tensors changed since, the first: {names[0]}'
    raise _damaged(folder / WEIGHTS, words)
  _check_shapes(folder, manifest['model'], tensors)
  values = {k: tensor_file.in_float32(v) for k, v in tensors.items()}
  variables = traverse_util.unflatten_dict(values, '/')
  # A network without batch norm has no `batch_stats`.
  return {'params': {}, 'batch_stats': {}} | variables, manifest


def read_manifest(path: pathlib.Path) -> dict:
  """The manifest of a folder; its `checkpoint` names the folder.

  Raises:
    UserError: it is missing or damaged, or its format is another one.
  """
  path = path.absolute() / MANIFEST
  try:
    manifest = files.parse_json(path.read_bytes())
    manifests.check_form(manifest)
  except (OSError, ValueError) as error:
    raise _damaged(path, errors.first_line(error)) from error
  manifests.check_format(manifest, str(path))
  return manifest | {'checkpoint': str(path.parent)}


def write(
  folder: pathlib.Path,
  variables: Mapping,
  manifest: dict,
  card: str,
  half: bool = False,
) -> None:
  """Writes the three files into an empty folder.

  Args:
    folder: where to.
    variables: `params` and `batch_stats`.
    manifest: without `checkpoint`.
    card: text of `README.md`.
    half: store float16, in half the space; the rounding is 5e-4 of a weight.

  Raises:
    OSError: the disk is full or cannot be written.
    UserError: a weight is too large for half precision, or none of a number.
  """
  kind = np.float16 if half else np.float32
  tensors = {}
  for name, value in traverse_util.flatten_dict(variables, sep='/').items():
    with np.errstate(over='ignore'):
      tensors[name] = np.asarray(value).astype(kind)
    if not np.isfinite(tensors[name]).all():
      raise errors.UserError(
        f'expected weights that {np.dtype(kind)} can hold, found others in '
        f'{name}; export without --half, or another checkpoint'
      )
  found = json.dumps(digests.of(manifest, variables=tensors))
  files.write_json(folder / MANIFEST, manifest)
  files.write_text(folder / CARD, card)
  # Last, because it makes the folder one that is read.
  with files.whole(folder / WEIGHTS) as partial:
    safetensors.numpy.save_file(tensors, partial, {'digests': found})


def _check_shapes(folder, section, tensors):
  """Raises UserError unless the tensors are those of the manifest's network."""
  try:
    config = ml_collections.ConfigDict(section)
    model = factory.make_model(config)
    shapes = factory.variable_shapes(model, config.crop_width)
  except Exception as error:  # impossible settings can raise anything
    raise _damaged(folder / MANIFEST, errors.first_line(error)) from error
  wanted = {
    name: x.shape
    for name, x in traverse_util.flatten_dict(shapes, sep='/').items()
  }
  found = {name: x.shape for name, x in tensors.items()}
  if other := sorted(
    name
    for name in wanted.keys() | found.keys()
    if wanted.get(name) != found.get(name)
  ):
    words = f'{len(other)} tensors of another network, the first: {other[0]}'
    raise _damaged(folder / WEIGHTS, words)


def _damaged(path, words):
  return errors.UserError(
    f'expected {path} as `selfgait export --to=folder` writes it, found '
    f'otherwise ({errors.printable(words)}); export it again'
  )
