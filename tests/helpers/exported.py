"""Networks to export, clips of many lengths, and the loaders of the docs."""

import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import random_networks

from selfgait_jax.models import factory
from selfgait_jax.run import manifests, model_folder
from selfgait_jax.settings import networks

LENGTHS = (1, 2, 3, 7, 30, 101)
LARGEST_ERROR = 1e-5  # of the largest value
ROOT = pathlib.Path(__file__).parents[2]
# Reads clips, embeds them alone and in padded batches, writes the embeddings.
_PROGRAM = """
import json, pathlib, sys
{loader}
stored = np.load('clips.npz')
clips = [stored[name] for name in stored]
found = [embed([clip])[0] for clip in clips]
found += [*embed(clips[:-2]), *embed(clips[-2:])]
np.save('found.npy', found)
print(json.dumps(sorted(sys.modules)))
"""


def small(name):
  """(section, variables) of a network at small widths."""
  section = random_networks.section(name, crop_width=8)
  return section, random_networks.drawn(name)[1]


def published(name):
  """(section, variables) of a network at its published widths."""
  section = getattr(networks, name)()
  model = factory.make_model(section)
  return section, random_networks.draw(model, section.crop_width)


def write_folder(folder, section, variables):
  """The folder that `selfgait export --to=folder` would write."""
  folder.mkdir()
  manifest = manifests.describe(section.to_dict(), {'file': 'drawn'})
  model_folder.write(folder, variables, manifest, 'card')


def clips(width, lengths=LENGTHS):
  rng = np.random.default_rng(0)
  return [rng.integers(0, 256, (n, 64, width), np.uint8) for n in lengths]


def padded(clips):
  """(frames, mask) of clips in one batch."""
  lengths = [[len(clip)] for clip in clips]
  mask = np.arange(max(lengths)[0]) < lengths
  frames = np.zeros((*mask.shape, *clips[0].shape[1:]), np.uint8)
  for row, clip in zip(frames, clips, strict=True):
    row[: len(clip)] = clip
  return frames, mask


def expected(section, variables, clips):
  """The embeddings of clips by the network itself, short and long apart."""
  embed = random_networks.jitted(factory.make_model(section).apply)
  left = (clips[0].shape[2] - section.crop_width) // 2
  found = []
  for part in halves(clips):
    frames, mask = padded(part)
    frames = np.float32(frames[..., left : left + section.crop_width]) / 255
    found += [*embed(variables, frames, mask)['embedding']]
  return np.stack(found)


def halves(clips):
  """All clips but the last two, and the last two, which may be long."""
  return clips[:-2], clips[-2:]


def loaded_elsewhere(kind, path, clips, folder):
  """(embeddings alone, padded, packages) by the loader of the docs.

  Args:
    kind: word of the loader's code, such as 'deserialize'.
    path: the exported file.
    clips: arrays uint8 [T, 64, W].
    folder: an empty folder, in which the fresh process runs.
  """
  page = (ROOT / 'docs/export.md').read_text()
  (loader,) = (
    code
    for code in re.findall('```python\n(.*?)```', page, re.S)
    if kind in code
  )
  loader = re.sub(r"'model\.\w+'", repr(str(path)), loader)
  np.savez(folder / 'clips.npz', *clips)
  done = subprocess.run(
    [sys.executable, '-I', '-c', _PROGRAM.format(loader=loader)],
    cwd=folder,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  found = np.load(folder / 'found.npy')
  modules = {name.split('.')[0] for name in json.loads(done.stdout)}
  modules = {name for name in modules if name[0] != '_'}
  modules -= sys.stdlib_module_names
  return found[: len(clips)], found[len(clips) :], modules
