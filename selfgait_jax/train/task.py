"""What a stage learns with, in one object."""

import dataclasses

import flax.linen as nn
import ml_collections

from selfgait_jax.data import blind
from selfgait_jax.models import factory
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states


@dataclasses.dataclass(frozen=True)
class Task:
  """What stays the same during a stage.

  Attributes:
    config: the whole config.
    stage: the section of the config for the stage.
    model: the network.
    optimizer: see optimizer.py.
  """

  config: ml_collections.ConfigDict
  stage: ml_collections.ConfigDict
  model: nn.Module
  optimizer: optimizers.Optimizer

  def first_state(self, variables: dict) -> states.TrainState:
    """The state before the first step; stages with two views have a target."""
    views = self.stage.objective not in ('supervised', 'clusters')
    targets = self.model.target_modules if views else ()
    return states.create_state(variables, self.optimizer, targets)

  @property
  def setting(self) -> str:
    """What is known of the sequences (data/blind.py); '' for their labels."""
    if self.config.reference.pretrain_sampler and 'pairs' in self.stage:
      return ''  # its batches are drawn by identity
    return blind.setting_of(self.stage)


def make_task(
  config: ml_collections.ConfigDict, stage: ml_collections.ConfigDict
) -> Task:
  """The task of a stage; `stage` is a section of `config`."""
  return Task(
    config,
    stage,
    factory.make_model(config.model),
    optimizers.make_optimizer(stage),
  )
