"""Finds the pseudo-identities that a round learns from."""

import dataclasses
import functools

import jax
import numpy as np

from selfgait_jax import embedder
from selfgait_jax.data import draws, frame_sampler
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.discover import cameras, discovery, free_parts, gei
from selfgait_jax.machine import processes
from selfgait_jax.train import augment
from selfgait_jax.train.task import Task

# Sequences, and frames of each, on which clothes are tried.
SAMPLE, SAMPLE_FRAMES = 256, 16
LEAST_DEVIATION = 1e-6  # of a network's feature, for its standardisation


class Finder:
  """Finds pseudo-identities, by gait energy images or by the network."""

  def __init__(self, task: Task, sequences: SequenceSet, mesh):
    """Nothing is computed yet.

    Args:
      task: what the stage learns with.
      sequences: N anonymous ones, from `blind.hide`.
      mesh: of all devices.
    """
    self._task, self._sequences = task, sequences
    model, config = task.config.model, task.config
    self._embed = embedder.make_embedder(
      task.model, mesh, 'embedding', model.crop_width, config.eval.batch_frames
    )

  def by_images(self) -> discovery.Found:
    """Pseudo-identities by gait energy images; needs no network."""
    return self._find([self._images])

  def by_network(self, variables: dict) -> discovery.Found:
    """Pseudo-identities by the images and a network with these variables.

    Both together are more often right than either: the images know the walk,
    the network what cameras have in common.
    """
    frames = self._task.stage.relabel_frames
    embed = lambda some: self._embed(
      variables, frame_sampler.middle(some, frames), frames, title='for a round'
    )
    found = embed(self._sequences)
    parts = self._standardise(found, self._sequences, found, LEAST_DEVIATION)
    _, strips = self._images
    bins = self._task.config.model.get('bins', ())
    free = free_parts.of_network(strips, bins, parts.shape[1])
    return self._find([self._images, (_unit(parts), free)])

  @functools.cached_property
  def _images(self):
    """(strips [N, S, D] of unit length, which of them clothes leave alone)."""
    width = self._task.config.model.crop_width
    embed = lambda some: gei.strips(gei.embed(some, some.lengths.max()), width)
    plain = embed(self._sequences)
    standardise = lambda found, some: self._standardise(
      found, some, plain, gei.DEVIATION_FLOOR
    )
    sample = self._sample()
    dressed = _dress(sample, self._task.config.seed)
    free = free_parts.find(
      *(standardise(embed(some), some) for some in (sample, dressed))
    )
    return _unit(standardise(plain, self._sequences)), free

  def _sample(self):
    """Clips of some of the sequences, on which clothes are tried."""
    rng = draws.generator(self._task.config.seed, 'clothes')
    count = min(SAMPLE, len(self._sequences))
    chosen = rng.choice(len(self._sequences), count, replace=False)
    some = self._sequences.select(np.sort(chosen))
    return frame_sampler.equal_clips(some, SAMPLE_FRAMES)

  def _standardise(self, found, some, plain, floor):
    """By the cameras of `some`, with the statistics of all sequences."""
    return cameras.standardise(
      found, some.views, plain, self._sequences.views, floor
    )

  def _find(self, sources) -> discovery.Found:
    """Groups the sequences by the parts of all sources, on process 0 alone."""

    def find():
      widest = max(parts.shape[2] for parts, _ in sources)
      widen = lambda parts: np.pad(
        parts, ((0, 0), (0, 0), (0, widest - parts.shape[2]))
      )
      parts = np.concatenate([widen(parts) for parts, _ in sources], axis=1)
      free = np.concatenate([free for _, free in sources])
      stage = self._task.stage
      found = discovery.find(
        parts,
        parts[:, free],
        self._sequences,
        stage.setting,
        stage.neighbours,
        stage.averaged,
        stage.batch_sequences,
      )
      return found.to_json()

    return discovery.Found.from_json(processes.from_first(find))


def _dress(clips: SequenceSet, seed: int) -> SequenceSet:
  """Clips of equal length with a coat, every second one with a bag, too."""
  frames = clips.frames.reshape(len(clips), -1, *clips.frames.shape[1:])
  dressed = jax.jit(augment.dress)(frames, jax.random.key(seed))
  flat = np.asarray(dressed).reshape(clips.frames.shape)
  return dataclasses.replace(clips, frames=flat, pixels=None)


def _unit(parts):
  norm = np.linalg.norm(parts, axis=-1, keepdims=True)
  return parts / np.maximum(norm, np.finfo(np.float32).tiny)
