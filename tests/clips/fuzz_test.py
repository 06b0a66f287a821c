"""Whatever a file of a clip holds: frames come out, or sentences."""

import io
import pickle

import bounded
import cv2
import fabricated
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import selfgait_jax

FEW = hypothesis.settings(
  max_examples=60,
  derandomize=True,
  database=None,
  deadline=None,
  suppress_health_check=list(hypothesis.HealthCheck),
)
MANY = hypothesis.settings(FEW, max_examples=2000, derandomize=False)


def content(save, *arguments, **options):
  target = io.BytesIO()
  save(target, *arguments, **options)
  return target.getvalue()


CLIP = fabricated.silhouettes(3)
WHOLE = {
  'npy': content(np.save, CLIP),
  'npz': content(np.savez_compressed, a=CLIP, b=CLIP),
  'pkl': pickle.dumps(CLIP),
  'png': bytes(cv2.imencode('.png', CLIP[0])[1]),
}
ARRAYS = hnp.arrays(
  hnp.scalar_dtypes() | hnp.unicode_string_dtypes() | hnp.array_dtypes(),
  hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@st.composite
def files(draw):
  """(suffix, content): whole files with a few edits, or any array."""
  suffix = draw(st.sampled_from(sorted(WHOLE)))
  if suffix in ('npy', 'npz') and draw(st.booleans()):
    array = draw(ARRAYS)
    save = np.save if suffix == 'npy' else np.savez
    return suffix, content(save, array)
  found = WHOLE[suffix]
  for _ in range(draw(st.integers(0, 3))):
    place = draw(st.integers(0, len(found)))
    left_out, added = draw(st.integers(0, 40)), draw(st.binary(max_size=20))
    found = found[:place] + added + found[place + left_out :]
  return suffix, found


def check(folder, file):
  suffix, data = file
  path = folder / f'a.{suffix}'
  path.write_bytes(data)
  with bounded.limits(seconds=5, megabytes=1000):
    clips = list(selfgait_jax.read_clips(path))
  for clip in clips:
    assert clip.frames.dtype == np.uint8 and clip.frames.shape[1] == 64
    assert len(clip.frames) or clip.left_out
    assert all(sentence.isprintable() for sentence in clip.left_out)
    found = selfgait_jax.quality(clip)
    assert (found.verdict == 'good') == (not found.reasons)


@FEW
@hypothesis.given(files())
def test_any_file(tmp_path_factory, file):
  check(tmp_path_factory.getbasetemp(), file)


@pytest.mark.slow
@MANY
@hypothesis.given(files())
def test_any_of_many_files(tmp_path_factory, file):
  check(tmp_path_factory.getbasetemp(), file)
