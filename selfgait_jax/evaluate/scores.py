"""Embeds sequences and scores them as a config's `eval` section says."""

import functools
from collections.abc import Callable

import numpy as np

from selfgait_jax import embedder, errors, protocols
from selfgait_jax.data import partitions, splits
from selfgait_jax.data.sequences import SequenceSet

# `eval.standardise` takes its mean and deviation from this many sequences of
# the label-free training data, and from this many frames of each.
SAMPLE, SAMPLE_FRAMES = 512, 30


def make_embedder(config, model, mesh) -> Callable:
  """Returns a function that embeds sequences with any weights of `model`.

  It compiles once for all weights, label-free or not, that use the same output
  of the network.

  Args:
    config: the whole config.
    model: the network.
    mesh: of all devices.

  Returns:
    (variables, label_free, sequences, max_frames, sample, title='') ->
    embeddings [N, P, D]. A label-free network is compared by
    `eval.label_free_output`; with `eval.standardise` its embeddings are
    standardised by those of the sequences that `sample()` returns.
  """

  @functools.cache
  def compiled(output):
    return embedder.make_embedder(
      model, mesh, output, config.model.crop_width, config.eval.batch_frames
    )

  def embed(variables, label_free, sequences, max_frames, sample, title=''):
    run = compiled(config.eval.label_free_output if label_free else 'embedding')
    found = run(variables, sequences, max_frames, title=title)
    if label_free and config.eval.standardise:
      found = embedder.standardise(
        found, run(variables, sample(), SAMPLE_FRAMES)
      )
    return found

  return embed


def unlabelled_sample(train: SequenceSet, config) -> SequenceSet:
  """Sequences of the label-free training data, drawn by the seed."""
  rows = splits.training_rows(train, config, config.pretrain).unlabelled
  rows = np.random.default_rng(config.seed).permutation(rows)[:SAMPLE]
  return train.select(rows)


def score(config, embeddings: np.ndarray, sequences: SequenceSet) -> dict:
  """`protocols.evaluate` with the protocol and the distance of the config.

  Args:
    config: the whole config.
    embeddings: [N, P, D].
    sequences: N, for their labels.
  """
  return protocols.evaluate(
    config.eval.protocol,
    embeddings,
    sequences.subjects,
    sequences.conditions,
    sequences.views,
    metric=config.eval.distance,
    rerank=config.eval.rerank,
    **probe_lists(config),
  )


def probe_lists(config) -> dict:
  """Names of probe and gallery sequences, as `protocols.evaluate` takes them.

  Empty for a protocol whose conditions tell probes from gallery.

  Raises:
    UserError: the protocol needs a list and the partition file has none.
  """
  rules = protocols.find(config.eval.protocol)
  if not rules.listed:
    return {}
  partition = partitions.of(config)
  if not partition.probes and not partition.gallery:
    raise errors.UserError(
      f'expected a PROBE_SET for {rules.name}, found none in '
      f'{config.data.partition_file or "a partition by rule"}; change '
      'config.data.partition_file or config.eval.protocol'
    )
  return {'probes': partition.probes, 'gallery': partition.gallery}
