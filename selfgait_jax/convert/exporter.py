"""Writes one of our checkpoints as a file for the original PyTorch program."""

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

# Optimiser settings of the original recipes, for checkpoints without a state.
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

  The original program loads it with `strict=True`. A file for OpenGait holds
  `model`, `iteration` and, if the checkpoint has its state, `optimizer`; one
  for GaitSet the bare state dict; one for SelfGait the nine parts. Tensors
  that the original never reads are zeros. A safetensors file holds only the
  tensors of the network.

  Args:
    path: a checkpoint, as `checkpointing.load_variables` takes it.
    file: the file to write; its suffix decides the format.
    model: the program to write for, a key of `recognise.KINDS`. 'auto' is the
      program that the weights came from, or the first that has this network.
    overwrite: replace an existing file.
    report: called with one line for each thing that is done.

  Raises:
    UserError: there is no checkpoint, the original program cannot have such a
      network, or the file cannot be written.
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
  _check_loadable(kind, manifest['model'])
  rules = TABLES[kind].rules(manifest['model'])
  _report_lost(variables, rules, manifest['model'], report)
  training = _training(manifest['checkpoint'])
  for name, online in dict(variables).items():
    # Supervised stages have no target network; write the online one for it.
    moved = training.get(f'target_{name}')
    variables[f'target_{name}'] = moved if moved else online
  tensors = conversion.to_tensors(variables, rules)
  opt_state = training.get('opt_state')
  step = int(manifest.get('step') or 0)
  content = _content(kind, tensors, rules, opt_state, manifest, step, report)
  weight_files.write(target, content, {'kind': kind, 'iteration': str(step)})
  numbers = sum(tensor.size for tensor in tensors.values())
  report(f'wrote {len(tensors)} tensors of {numbers:,} numbers to {file}')


def _check_loadable(kind, section):
  """Refuses networks that the original program cannot have."""
  if section.get('embedding_norm'):
    raise errors.UserError(
      f'expected model.embedding_norm=False, because {kind} of '
      f'{recognise.KINDS[kind].program} has no such norm, found True; train a '
      'network without it to export it'
    )
  if kind == 'selfgait':
    _expect(section, 'the original SelfGait', use_motion=True)
    if not section['projector_hidden']:
      raise errors.UserError(
        "expected a SelfGait with BYOL's heads, found "
        'model.projector_hidden=0; train a network with them to export it'
      )
  if kind != 'deepgaitv2':
    return
  # OpenGait's class has 16 parts, of as many features as the third width.
  _expect(
    section,
    "OpenGait's DeepGaitV2 of these widths",
    embedding_dim=section['widths'][2],
    bins=[16],
  )


def _expect(section, program, **fixed):
  """Refuses other settings than those that a program has."""
  for name, size in fixed.items():
    found = section[name]
    found = list(found) if isinstance(found, (list, tuple)) else found
    if found != size:
      raise errors.UserError(
        f'expected model.{name}={size} as in {program}, found {found}; train a '
        'network with that to export it'
      )


def _content(kind, tensors, rules, opt_state, manifest, step, report):
  """The nested dictionary that the original program saves."""
  if kind == 'gaitset_original':  # saved from inside DataParallel
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
    report("left out, because SelfGait trains with SGD: Adam's state")
    opt_state = None
  parts['optimizer_state_dict'] = optimizer.to_torch(
    opt_state, _SELFGAIT_SGD | imported, rules
  )
  return parts


def _kind(model, manifest):
  """The requested kind, or the imported one, or the first of the network."""
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
  """Reports modules that only one of the two programs has."""
  read = {rule.path[1] for rule in rules if rule.path}
  for module in sorted(set(variables['params']) - read):
    report(f'left out, because the original has no such module: {module}')
  if section.get('classes') == 0:
    report('no classifier; the original loads this with strict=False only')


def _training(checkpoint: str) -> Mapping:
  """The checkpoint's `training` item in plain containers, {} without one."""
  path = pathlib.Path(checkpoint, 'training')
  if not path.is_dir():
    return {}
  # On one device, whatever the devices that wrote it.
  sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as reader:
    wanted = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
      reader.metadata(path).item_metadata.tree,
    )
    found = reader.restore(path, args=ocp.args.StandardRestore(wanted))
  return jax.tree.map(np.asarray, found)
