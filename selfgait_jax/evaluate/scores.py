"""Rank-1 of a network's embeddings under the protocol of a config."""

import numpy as np

from selfgait_jax import embedder, errors, protocols
from selfgait_jax.data import partitions, splits
from selfgait_jax.data.sequences import SequenceSet

# Sequences of the label-free training data that the standardisation is fitted
# on, and how many frames of each.
SAMPLE, SAMPLE_FRAMES = 512, 30


def make_embedder(config, model, mesh, label_free: bool):
  """(variables, sequences, max_frames, sample) -> embeddings [N, P, D].

  A label-free network is compared by `eval.label_free_output`; with
  `eval.standardise` its embeddings are standardised by those of `sample`, what
  `unlabelled_sample` returned.
  """
  output = config.eval.label_free_output if label_free else 'embedding'
  embed = embedder.make_embedder(
    model, mesh, output, config.model.crop_width, config.eval.batch_frames
  )

  def run(variables, sequences, max_frames, sample, title=''):
    found = embed(variables, sequences, max_frames, title=title)
    if label_free and config.eval.standardise:
      found = embedder.standardise(
        found, embed(variables, sample(), SAMPLE_FRAMES)
      )
    return found

  return run


def unlabelled_sample(train: SequenceSet, config) -> SequenceSet:
  """Some sequences of the label-free training data, drawn by the seed."""
  rows = splits.training_rows(train, config, config.pretrain).unlabelled
  rows = np.random.default_rng(config.seed).permutation(rows)[:SAMPLE]
  return train.select(rows)


def score(config, embeddings: np.ndarray, sequences: SequenceSet) -> dict:
  """`protocols.evaluate` with the protocol and the distance of the config."""
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

  Empty for a protocol that goes by conditions.

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
