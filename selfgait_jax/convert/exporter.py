"""A checkpoint of ours to a file that the original program loads strictly."""

import pathlib
from collections.abc import Callable, Mapping

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

from selfgait_jax import errors
from selfgait_jax.convert import conversion, optimizer, recognise, weight_files
from selfgait_jax.convert.sections import TABLES
from selfgait_jax.run import checkpointing

# What each program trains with, for a file without an optimiser's state.
_SELFGAIT_SGD = {'name': 'sgd', 'lr': 0.03, 'weight_decay': 4e-4}
_OPENGAIT = {
  'sgd': {'name': 'sgd', 'lr': 0.1, 'weight_decay': 5e-4},
  'adam': {'name': 'adam', 'lr': 1e-4, 'weight_decay': 0},
}


def export_checkpoint(
  path: str,
  file: str,
  model: str = 'auto',
  *,
  overwrite: bool = False,
  report: Callable[[str], None] = logging.info,
) -> None:
  """Writes a `.pt`, `.pth`, `.ptm` or `.safetensors` file.

  OpenGait's files hold `model`, `iteration` and, if the checkpoint has it,
  `optimizer`; GaitSet's the state dict alone; SelfGait's the nine parts. What
  the original has and does not read is zeros. A safetensors file has the
  tensors of the network alone, under the keys of its state dict.

  Args:
    path: of a checkpoint, as `checkpointing.load_variables` takes it.
    file: to write.
    model: a key of `recognise.KINDS`, for a network of several programs;
      'auto' is the one it came from, or the first.
    overwrite: replace a file that is there.
    report: is told what is done, a line at a time.

  Raises:
    UserError: there is no checkpoint, or the file cannot be written.
  """
  target = pathlib.Path(file)
  if target.suffix not in weight_files.SUFFIXES:
    raise errors.UserError(
      f'expected a file that ends in {", ".join(weight_files.SUFFIXES)}, found '
      f'{file}; change --to-torch'
    )
  if target.exists() and not overwrite:
    raise errors.UserError(
      f'expected no file {file}, found one; add --overwrite or change '
      '--to-torch'
    )
  variables, manifest = checkpointing.load_variables(path)
  kind = _kind(model, manifest)
  report(
    f'{manifest["checkpoint"]} to {kind} of {recognise.KINDS[kind].program}'
  )
  rules = TABLES[kind].rules(manifest['model'])
  _report_lost(variables, rules, manifest['model'], report)
  training = _training(manifest['checkpoint'])
  for name, online in dict(variables).items():
    # Supervised stages have no target; it starts as the online network.
    moved = training.get(f'target_{name}')
    variables[f'target_{name}'] = moved if moved else online
  tensors = conversion.to_tensors(variables, rules)
  opt_state = training.get('opt_state')
  step = int(manifest.get('step') or 0)
  content = _content(kind, tensors, rules, opt_state, manifest, step, report)
  weight_files.write(target, content, {'kind': kind, 'iteration': str(step)})
  numbers = sum(tensor.size for tensor in tensors.values())
  report(f'wrote {len(tensors)} tensors of {numbers:,} numbers to {file}')


def _content(kind, tensors, rules, opt_state, manifest, step, report):
  """The nested dictionary that the original saves."""
  if kind == 'gaitset_original':  # written from within DataParallel
    return {f'module.{key}': tensor for key, tensor in tensors.items()}
  name = optimizer.name_of(opt_state) if opt_state else 'sgd'
  imported = manifest['source'].get('optimizer', {})
  if kind != 'selfgait':
    content = {'model': tensors, 'iteration': step}
    if opt_state:
      settings = _OPENGAIT[name] | imported
      content['optimizer'] = optimizer.to_torch(opt_state, settings, rules)
    return content
  parts = {}
  for key, tensor in tensors.items():
    part, key = key.split('.', 1)
    parts.setdefault(part, {})[f'module.{key}'] = tensor
  if name == 'adam':
    report("SelfGait trains by SGD: Adam's state is left out")
    opt_state = None
  parts['optimizer_state_dict'] = optimizer.to_torch(
    opt_state, _SELFGAIT_SGD | imported, rules
  )
  return parts


def _kind(model, manifest):
  """The kind to write: as asked for, as imported, or the network's first."""
  name = manifest['model']['name']
  possible = [k for k, kind in recognise.KINDS.items() if kind.model == name]
  imported = manifest['source'].get('kind', possible[0])
  if model in ('auto', name):
    return imported
  if model not in possible:
    raise errors.UserError(
      f'expected a checkpoint of {model}, found one of {name} in '
      f'{manifest["checkpoint"]}; change --model or --input'
    )
  return model


def _report_lost(variables, rules, section, report):
  """Says what either program has and the other has not."""
  read = {rule.path[1] for rule in rules if rule.path}
  for module in sorted(set(variables['params']) - read):
    report(f'left out, since the original has none: {module}')
  if section.get('classes') == 0:
    report('without a classifier, which the original has (strict=False)')


def _training(checkpoint: str) -> Mapping:
  """The item `training` in plain containers, {} if there is none."""
  path = pathlib.Path(checkpoint, 'training')
  if not path.is_dir():
    return {}
  # On one device, wherever it was written.
  sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as reader:
    wanted = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
      reader.metadata(path).item_metadata.tree,
    )
    found = reader.restore(path, args=ocp.args.StandardRestore(wanted))
  return jax.tree.map(np.asarray, found)
