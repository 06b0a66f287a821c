"""A checkpoint file of a PyTorch program to a checkpoint of ours."""

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
  weight_files,
)
from selfgait_jax.models import factory
from selfgait_jax.run import manifests

# How the programs write the iteration into a file's name.
_NAMED = re.compile(r'model_(\d+)|.*-(\d{5,})(-encoder)?')


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
  """Writes `OUTPUT/checkpoints/<iteration>`; returns that folder.

  Args:
    path: of SelfGait's nine parts, of OpenGait's or of GaitSet's state dict.
    output: a new or empty folder. With the optimiser it is a stage's folder in
      a work folder, and that stage goes on from the iteration.
    model: `config.model.name`, or 'auto'.
    settings: 'name=value' of the model's section, besides what shapes tell.
    crop_width: columns that the network saw of the 64.
    with_optimizer: convert the optimiser's state as well.
    iteration: if the file does not say it. SelfGait does not; `n` of its
      `model_<n>.pth` is taken then, at which the target has not followed the
      online network's last update yet. It is taken as it stands.
    allow_missing: patterns of keys that may be missing. A classifier that is
      missing as a whole is left out, other tensors are initialised anew.
    allow_unexpected: patterns of keys that are passed over.
    overwrite: replace what an earlier import wrote.
    report: is told what is done, a line at a time.

  Raises:
    UserError: the file, the options or the folder cannot be right.
  """
  file = pathlib.Path(path)
  with folder.claimed(pathlib.Path(output), overwrite) as directory:
    found = weight_files.read(file)
    numbers = sum(tensor.size for tensor in found.tensors.values())
    report(f'read {len(found.tensors)} tensors of {numbers:,} numbers')
    kind, section = _section(
      model, found.tensors, settings, crop_width, allow_missing, report
    )
    rules = sections.TABLES[kind].rules(section)
    network = factory.make_model(ml_collections.ConfigDict(section))
    expected = difference.expected_shapes(rules, network, crop_width)
    differs = difference.check(
      found.tensors, rules, expected, allow_missing, allow_unexpected, report
    )
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
  """(kind, settings of the model), and why."""
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
  """The section without classes only where their absence is allowed."""
  if section.get('classes') != 0:
    return section
  full = section | {'classes': 1}
  read = lambda s: {r.key for r in sections.TABLES[kind].rules(s) if r.path}
  lost = read(full) - read(section) - set(tensors)
  return section if difference.allows(allow_missing, lost) else full


def _fresh(rules, network, crop_width, report):
  """{key: tensor} of the network's own initialisation."""
  if not rules:
    return {}
  trees = factory.init_variables(network, jax.random.key(0), crop_width)
  trees = trees | {f'target_{name}': tree for name, tree in trees.items()}
  for rule in rules:
    report(f'initialised anew: {rule.key}')
  return conversion.to_tensors(trees, rules)


def _items(trees, opt_state, step):
  """The trees of a checkpoint; `training` if there is more than the network."""
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
  """As the user, the file or the file's name says it, else None."""
  if given is not None and given < 0:
    raise errors.UserError(
      f'expected an iteration from 0, found {given}; change --iteration'
    )
  named = _NAMED.fullmatch(file.stem)
  told = named and int(named[1] or named[2])
  for number in (given, found.iteration, told):
    if number is not None:
      return number
  if needed:
    raise errors.UserError(
      f'expected the iteration in {file.name} or in its name, found none; add '
      '--iteration=N'
    )
  return None
