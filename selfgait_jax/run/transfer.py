"""Starting from the checkpoint of another network or another head."""

from collections.abc import Mapping

import ml_collections
from absl import logging
from flax import traverse_util

from selfgait_jax import errors
from selfgait_jax.run import checkpointing, manifests

# Settings that another head may differ in; the trunk must be the same.
HEAD_SETTINGS = (
  'classes',
  'embedding_norm',
  'head',
  'neck',
  'projector_dim',
  'projector_hidden',
  'use_emb2',
)


def adopt_model(config):
  """The config, with the network of `init_from` if nothing is trained.

  An evaluation takes a checkpoint as it is, whatever network the config is for.
  Settings of the compute, such as dtype, stay the config's.
  """
  if config.stages != 'evaluate' or not config.init_from:
    return config
  _, manifest = checkpointing.read_manifest(config.init_from)
  settings = {
    key: tuple(value) if isinstance(value, list) else value
    for key, value in manifest['model'].items()
  }
  settings |= {
    name: config.model[name]
    for name in manifests.COMPUTE_SETTINGS
    if name in config.model and (name in settings or name == 'microbatches')
  }
  config = config.copy_and_resolve_references()
  with config.unlocked():
    config.model = ml_collections.ConfigDict(settings)
  return config


def start_from(found: Mapping, fresh: Mapping, path: str) -> dict:
  """`fresh` variables with every tensor that `found` has in the same shape.

  Tensors that are newly initialised or ignored are logged by name, so that a
  fine-tuning that loses a head says so.

  Args:
    found: variables of the checkpoint: {'params': ..., 'batch_stats': ...}.
    fresh: random variables of the stage's network.
    path: of the checkpoint, for messages.

  Raises:
    UserError: a tensor of the trunk (`encoder`) is missing or of another shape.
  """
  old, new = (traverse_util.flatten_dict(dict(tree)) for tree in (found, fresh))
  fits = lambda key: key in old and old[key].shape == new[key].shape
  merged = {key: old[key] if fits(key) else new[key] for key in new}
  fresh_keys = [key for key in new if not fits(key)]
  lost = [key for key in fresh_keys if 'encoder' in key[:2]]
  if lost:
    raise errors.UserError(
      f'expected the encoder of this config in {path}, found '
      f'{_describe(lost[0], old)} where {_describe(lost[0], new)} should be '
      f'({len(lost)} tensors differ); change config.model or the checkpoint'
    )
  logging.info('%s: %d tensors loaded', path, len(new) - len(fresh_keys))
  for key in sorted(fresh_keys):
    logging.warning(
      'newly initialised: %s (the checkpoint has %s)',
      _describe(key, new),
      _describe(key, old),
    )
  for key in sorted(set(old) - set(new)):
    logging.warning('ignored: %s', _describe(key, old))
  merged = traverse_util.unflatten_dict(merged)
  return {name: merged.get(name, {}) for name in fresh}


def _describe(key, tree):
  if key not in tree:
    return 'none'
  name = errors.printable('/'.join(key))
  return f'{name} {tuple(tree[key].shape)}'
