"""Converts a checkpoint file of a PyTorch program to one of ours."""

import pathlib
import re
from collections.abc import Callable, Sequence

import jax
import ml_collections
import numpy as np
from absl import logging

from selfgait_jax import __version__, errors
from selfgait_jax.convert import (
  conversion,
  difference,
  folder,
  optimizer,
  recognise,
  sections,
  values,
  weight_files,
)
from selfgait_jax.models import factory
from selfgait_jax.run import manifests

# The file names of the programs, which contain the iteration.
_NAMED = re.compile(r'model_([0-9]{1,9})|.*-([0-9]{5,9})(-encoder)?')


def import_checkpoint(
  path: str,
  output: str,
  model: str = 'auto',
  *,
  settings: Sequence[str] = (),
  crop_width: int = 44,
  with_optimizer: bool = False,
  iteration: int | None = None,
  allow_missing: Sequence[str] = (),
  allow_unexpected: Sequence[str] = (),
  overwrite: bool = False,
  report: Callable[[str], None] = logging.info,
) -> pathlib.Path:
  """Converts one file to a checkpoint.

  Args:
    path: a file of SelfGait, OpenGait or GaitSet.
    output: a new or empty folder. To resume training, choose the folder of a
      stage in a work folder and convert the optimiser too.
    model: `config.model.name`, or 'auto' to recognise the network by its keys.
    settings: 'name=value' for settings of the model that no shape tells.
    crop_width: how many of the 64 columns the network was trained on.
    with_optimizer: convert the optimiser's state as well.
    iteration: replaces the iteration of the file, or of its name. SelfGait
      has it only in the name, `model_<n>.pth`. It saves before the target
      network's update, so the target is one update behind; it is kept so.
    allow_missing: patterns of keys that may be missing. A classifier that is
      missing as a whole is left out; other missing tensors get random values.
    allow_unexpected: patterns of keys to ignore.
    overwrite: replace what an earlier import wrote.
    report: called with one line for each thing that is done.

  Returns:
    The folder of the checkpoint, `OUTPUT/checkpoints/<iteration>`.

  Raises:
    UserError: the file, an option or the folder is wrong.
  """
  file = pathlib.Path(path)
  with folder.claimed(pathlib.Path(output), overwrite) as directory:
    found = weight_files.read(file)
    numbers = sum(tensor.size for tensor in found.tensors.values())
    report(f'read {len(found.tensors)} tensors of {numbers:,} numbers')
    report(f'SHA-256 of {file.name}: {found.sha256}')
    kind, section = _section(
      model, found.tensors, settings, crop_width, allow_missing, report
    )
    rules = sections.TABLES[kind].rules(section)
    network = factory.make_model(ml_collections.ConfigDict(section))
    expected = difference.expected_shapes(rules, network, crop_width)
    differs = difference.check(
      found.tensors, rules, expected, allow_missing, allow_unexpected, report
    )
    values.check(found.tensors, rules)
    lost = [rule for rule in rules if rule.key in set(differs.missing)]
    fresh = _fresh(lost, network, crop_width, report)
    trees = conversion.to_variables(found.tensors | fresh, rules)
    step = _iteration(iteration, found, file, with_optimizer)
    source = {
      'program': recognise.KINDS[kind].program,
      'kind': kind,
      'file': file.name,
      'sha256': found.sha256,
      'iteration': step,
      'converter': f'selfgait_jax {__version__}',
      'note': recognise.KINDS[kind].note,
      'initialised': differs.missing,
      'ignored': differs.unexpected,
    }
    step, opt_state = step or 0, {}
    if with_optimizer:
      opt_state, source['optimizer'] = optimizer.from_torch(
        found.optimizer, rules, expected, trees['params']
      )
      report(f'optimiser of the file: {source["optimizer"]}')
    manifest = manifests.describe(section, source) | {'step': step}
    items = _items(trees, opt_state, step)
    return folder.write(directory, step, manifest, **items)


def _section(model, tensors, settings, crop_width, allow_missing, report):
  """(kind, settings of the model); reports how they were recognised."""
  kind, why = recognise.choose(model, tensors)
  report(f'this is {kind} of {recognise.KINDS[kind].program}: {why}')
  shapes = {key: tensor.shape for key, tensor in tensors.items()}
  section = sections.make_section(kind, shapes, settings, crop_width)
  if 'classes=0' not in settings:
    section = _classes(kind, section, tensors, allow_missing)
  report(', '.join(f'{key} {value}' for key, value in section.items()))
  if note := recognise.KINDS[kind].note:
    report(note)
  return kind, section


def _classes(kind, section, tensors, allow_missing):
  """Expects a classifier unless the user allows it to be missing."""
  if section.get('classes') != 0:
    return section
  full = section | {'classes': 1}
  read = lambda s: {r.key for r in sections.TABLES[kind].rules(s) if r.path}
  lost = read(full) - read(section) - set(tensors)
  return section if difference.allows(allow_missing, lost) else full


def _fresh(rules, network, crop_width, report):
  """{key: array} of the network's random initialisation, for these rules."""
  if not rules:
    return {}
  trees = factory.init_variables(network, jax.random.key(0), crop_width)
  trees = trees | {f'target_{name}': tree for name, tree in trees.items()}
  for rule in rules:
    report(f'randomly initialised: {rule.key}')
  return conversion.to_tensors(trees, rules)


def _items(trees, opt_state, step):
  """The items of a checkpoint; `training` only if the file has such state."""
  variables = {name: trees.get(name, {}) for name in ('params', 'batch_stats')}
  targets = {
    name: trees.get(name, {})
    for name in ('target_params', 'target_batch_stats')
  }
  if not opt_state and not targets['target_params']:
    return {'variables': variables}
  training = {'step': np.asarray(step, np.int32), 'opt_state': opt_state}
  return {'variables': variables, 'training': training | targets}


def _iteration(given, found, file, needed):
  """The iteration by the user, the file or the file's name, else None."""
  most = weight_files.MAX_ITERATION
  if given is not None and not 0 <= given <= most:
    raise errors.UserError(
      f'expected an iteration from 0 to {most}, found {given}; change '
      '--iteration'
    )
  named = _NAMED.fullmatch(file.stem)
  told = int(named[1] or named[2]) if named else None
  for number in (given, found.iteration, told):
    if number is not None:
      return number
  if needed:
    raise errors.UserError(
      f'expected the iteration in {file.name} or in its name, found none; add '
      '--iteration=N'
    )
  return None
