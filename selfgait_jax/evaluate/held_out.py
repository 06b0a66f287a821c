"""The held-out check: rank-1 on training subjects that training never sees."""

from collections.abc import Callable

from selfgait_jax.data import splits
from selfgait_jax.evaluate import scores
from selfgait_jax.machine import processes


def make_check(config, sequences, model, mesh) -> Callable | None:
  """Returns the check, or None if `log.held_out_every_steps` is 0.

  The labels of the held-out subjects only choose the best checkpoint.

  Args:
    config: the whole config.
    sequences: the training side, which includes the held-out subjects.
    model: the network.
    mesh: of all devices.

  Returns:
    (state, stage) -> rank-1 of every probe group in percent; `rank1` is that of
    the first group.
  """
  if not config.log.held_out_every_steps:
    return None
  held_out = sequences.select(splits.held_out_rows(sequences, config))
  sample = lambda: scores.unlabelled_sample(sequences, config)
  embed = scores.make_embedder(config, model, mesh)

  def check(state, stage):
    variables = {'params': state.params, 'batch_stats': state.batch_stats}
    label_free = stage.objective != 'supervised'
    frames = config.log.held_out_frames
    found = embed(variables, label_free, held_out, frames, sample)
    return processes.from_first(lambda: _ranks(config, found, held_out))

  return check


def _ranks(config, embeddings, sequences):
  metrics = scores.score(config, embeddings, sequences)['metrics']
  ranks = {k: v for k, v in metrics.items() if k.endswith('/rank1')}
  return {'rank1': next(iter(ranks.values()))} | ranks
