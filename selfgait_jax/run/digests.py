"""Digests of all tensors of a checkpoint, which detect a file that changed."""

import hashlib
import json
from typing import Any

import jax
import numpy as np

from selfgait_jax.run import manifests

SIZE = 8  # bytes of a digest: enough to detect damage, no proof of origin


def of(manifest: dict, **trees: Any) -> dict:
  """{'manifest': digest, item: {name of a tensor: digest}}, as JSON.

  Args:
    manifest: of the checkpoint.
    **trees: of arrays, by the names of their items (variables, training). An
      array that lies on several devices must be whole on each.
  """
  items = {name: _of_tree(tree) for name, tree in trees.items()}
  return {'manifest': _of_json(manifest)} | items


def fingerprint(manifest: dict, variables: Any) -> str:
  """Tells whether two checkpoints embed alike, wherever they lie.

  A digest of the weights and of the settings that change embeddings, for what
  keeps embeddings, such as a gallery.

  Args:
    manifest: of the checkpoint.
    variables: its arrays, each on one device or whole on all.
  """
  model = manifests.ADDED_SETTINGS | manifest['model']
  for name in manifests.COMPUTE_SETTINGS:
    model.pop(name, None)
  facts = {'model': model, 'embedding': manifest['embedding']}
  return _of_json(facts | {'variables': _of_tree(variables)})


def manifest_differs(digests: Any, manifest: dict) -> bool:
  """True unless the digests are those of this manifest's checkpoint."""
  if not isinstance(digests, dict):
    return True
  return digests.get('manifest') != _of_json(manifest)


def differing(digests: dict, item: str, tree: Any) -> list[str]:
  """Names of an item's tensors that are not those that were written."""
  written, found = digests.get(item), _of_tree(tree)
  if not isinstance(written, dict):
    return list(found)
  names = found.keys() | written.keys()
  return sorted(n for n in names if found.get(n) != written.get(n))


def _of_tree(tree):
  return {
    jax.tree_util.keystr(path, simple=True, separator='/'): _of_array(leaf)
    for path, leaf in jax.tree.leaves_with_path(tree)
  }


def _of_array(array):
  if isinstance(array, jax.Array):
    array = array.addressable_data(0)
  array = np.ascontiguousarray(array)
  hashed = hashlib.blake2b(
    f'{array.dtype}{list(array.shape)}'.encode(), digest_size=SIZE
  )
  hashed.update(array.reshape(-1).view(np.uint8))
  return hashed.hexdigest()


def _of_json(content):
  text = json.dumps(content, sort_keys=True)
  return hashlib.blake2b(text.encode(), digest_size=SIZE).hexdigest()
