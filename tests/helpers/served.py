"""A page under test: an embedder that answers at once, and files to drop."""

import io
import time

import cv2
import numpy as np

ADDRESS = 'http://127.0.0.1:8470'


class Embedder:
  """Sums of pixels in place of a network."""

  fingerprint, manifest = 'sums', {'model': {'name': 'sums'}}

  def embed(self, clips):
    return np.stack([self._one(clip) for clip in clips])

  def _one(self, clip):
    mean = clip[:, :, :44].mean(0, dtype=np.float32).reshape(8, 8, 11, 4)
    return mean.mean((1, 3)) / 255


def finished(browser, job):
  """The job when it is over."""
  until = time.monotonic() + 60
  while job['state'] in ('waiting', 'running'):
    assert time.monotonic() < until, job
    time.sleep(0.02)
    job = browser.get(f'/api/jobs/{job["id"]}').json()
  return job


def png(frame):
  return bytes(cv2.imencode('.png', frame)[1])


def npy(array):
  target = io.BytesIO()
  np.save(target, array)
  return target.getvalue()


def npz(**arrays):
  target = io.BytesIO()
  np.savez_compressed(target, **arrays)
  return target.getvalue()
