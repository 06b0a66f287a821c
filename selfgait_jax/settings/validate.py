"""Finds what is wrong with a config before anything is computed."""

from selfgait_jax import errors, protocols
from selfgait_jax.run import identity
from selfgait_jax.settings import choices, model_checks, rules, stage_checks


def check_values(config) -> None:
  """Checks every value by itself, without its relation to others.

  Raises UserError, which names the first setting that is missing or wrong.
  Stages that do not run are not checked.
  """
  _check_section(config, '', choices.RUN)
  if 'study' in config:
    _check_section(config, 'study.', choices.STUDY)
  _find(config, 'model.name')
  model_checks.check_values(config.model)
  for name in _stages(config):
    if name in identity.STAGES:
      _find(config, f'{name}.objective')
      _check_section(config, f'{name}.', choices.of_stage(config[name]))


def check(config) -> None:
  """Like `check_values`, and checks what values mean together."""
  check_values(config)
  model_checks.check(config.model)
  _check_protocol(config)
  stages = _stages(config)
  for name in stages:
    if name not in (*identity.STAGES, 'evaluate'):
      raise errors.UserError(
        'expected config.stages to list some of '
        f'{", ".join(identity.STAGES)}, evaluate with commas between, found '
        f'{rules.shown(name)}; change config.stages'
      )
    if name != 'evaluate':
      stage_checks.check(config, name, stages)


def _stages(config):
  return config.stages.split(',')


def _check_section(config, prefix, section):
  for key, rule in section.items():
    rules.check(prefix + key, _find(config, prefix + key), rule)


def _find(config, key):
  """The value of a dotted key."""
  for part in key.split('.'):
    if not hasattr(config, 'keys') or part not in config:
      raise errors.UserError(
        f'expected config.{key} in the config file, found none; take the '
        'sections of configs/default.py and change their values'
      )
    config = config[part]
  return config


def _check_protocol(config):
  protocol = protocols.find(config.eval.protocol)
  if protocol.listed and not config.data.partition_file:
    raise errors.UserError(
      f'expected a partition file with the PROBE_SET of {protocol.name}, found '
      'none; set config.data.partition_file'
    )
  single = protocol.gallery and not protocol.parts and not protocol.galleries
  if config.eval.linear_probe and not single:
    raise errors.UserError(
      'expected a protocol with one list of gallery conditions to train the '
      f'frozen classifiers on, found {protocol.name}; switch '
      'config.eval.linear_probe off'
    )
  if not protocol.on_training and config.log.held_out_every_steps:
    raise errors.UserError(
      f'expected no held-out check with {protocol.name}, which scores test '
      'subjects only, found log.held_out_every_steps='
      f'{config.log.held_out_every_steps}; set '
      'config.log.held_out_every_steps to 0'
    )
  if config.eval.rerank:
    protocols.check_rerank(protocol)
