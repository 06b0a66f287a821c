"""The held-out check: rank-1 on training subjects that training never sees."""

from collections.abc import Callable

from selfgait_jax.data import splits
from selfgait_jax.evaluate import scores
from selfgait_jax.machine import processes


def make_check(config, sequences, model, mesh) -> Callable | None:
  """(state, stage) -> rank-1 of every probe group; None if it is off.

  `rank1` is that of the first group. The labels of these subjects choose
  nothing but the best checkpoint.

  Args:
    config: the whole config.
    sequences: the training side, which holds these subjects, too.
    model: the network.
    mesh: of all devices.
  """
  if not config.log.held_out_every_steps:
    return None
  held_out = sequences.select(splits.held_out_rows(sequences, config))
  sample = lambda: scores.unlabelled_sample(sequences, config)
  embedders = {
    label_free: scores.make_embedder(config, model, mesh, label_free)
    for label_free in (True, False)
  }

  def check(state, stage):
    variables = {'params': state.params, 'batch_stats': state.batch_stats}
    embed = embedders[stage.objective != 'supervised']
    found = embed(variables, held_out, config.log.held_out_frames, sample)
    return processes.from_first(lambda: _ranks(config, found, held_out))

  return check


def _ranks(config, embeddings, sequences):
  metrics = scores.score(config, embeddings, sequences)['metrics']
  ranks = {k: v for k, v in metrics.items() if k.endswith('/rank1')}
  return {'rank1': next(iter(ranks.values()))} | ranks
