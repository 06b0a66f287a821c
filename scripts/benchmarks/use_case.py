"""The case `use` of `benchmark.py`: the command `selfgait` and a gallery."""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator

import cv2
import jax
import numpy as np

import selfgait_jax
from benchmarks import common
from selfgait_jax.data.walkers import film, walkers
from selfgait_jax.gallery import rows, store

PROGRAM = (
  'import sys; from selfgait_jax.cli import command; sys.exit(command.main())'
)
LONG = 10_000  # frames of the long clip
VIDEO = 1500  # frames of the video, a minute
DROPPED = 60  # frames on the page
SHORTEST, LONGEST = 20, 60  # frames of the other clips


def options(parser: argparse.ArgumentParser) -> None:
  for name, default, text in (
    ('--clips', 1000, 'clips to embed'),
    ('--enrolled', 100_000, 'clips in the gallery'),
    ('--probes', 100, 'clips to search at once'),
    ('--parts', 31, 'parts of an embedding in the gallery'),
    ('--features', 128, 'features of a part'),
  ):
    parser.add_argument(name, type=common.count, default=default, help=text)
  parser.add_argument(
    '--checkpoint', default='walkers', help='the network that embeds'
  )
  common.repeats_option(parser, 5)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Seconds and memory of what people do with `selfgait`.

  Commands run in processes of their own, with an empty cache of programs. The
  gallery holds random embeddings, and its embedder answers at once, so that
  only the search is timed.
  """
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for case in (
      _commands, _video, _long_clip, _embedding, _gallery, _page,
    ):  # fmt: skip
      for line in case(options, folder):
        device = jax.devices()[0].device_kind
        yield (
          line | common.requested(options, 'checkpoint') | {'device': device}
        )


def _commands(options, folder):
  """`--help`, and the first embedding without and with kept programs."""
  times = lambda *given: [
    _run(folder, *given)[0] for _ in range(options.repeats)
  ]
  yield _line('selfgait --help', times('--help'))
  embed = _embed_command(options, folder, 30)
  yield _line('first embedding', times(*embed, '--no-cache'))
  _run(folder, *embed)
  yield _line('first embedding, programs kept', times(*embed))


def _video(options, folder):
  """A walker crosses before a still camera, ten times."""
  crossing = film.frames('walker', 'nm-01', 0)
  frames = itertools.islice(itertools.cycle(crossing), VIDEO)
  path = folder / 'crossing.mp4'
  film.write(path, frames)
  seconds = [
    _run(folder, 'silhouettes', path.name, f'--out=silhouettes {number}')[0]
    for number in range(options.repeats)
  ]
  line = _line('video of 640 x 360', seconds)
  rate = VIDEO / line['seconds']
  yield line | {'frames': VIDEO, 'frames_per_second': round(rate, 1)}


def _long_clip(options, folder):
  seconds, peak = _run(folder, *_embed_command(options, folder, LONG))
  line = _line(f'one clip of {LONG} frames', [seconds])
  yield line | {'peak_memory_gb': common.gigabytes(peak)}


def _embedding(options, folder):
  """Clips of many lengths, beside as many frames in clips of one length."""
  rng = np.random.default_rng(0)
  lengths = rng.integers(SHORTEST, LONGEST + 1, options.clips)
  frames = walkers.render_sequence('walker', 'nm-01', '090', LONGEST, 0)
  embedder = selfgait_jax.load_embedder(options.checkpoint)
  mean = round(lengths.mean())
  for title, clips in (
    (f'{options.clips} clips', [frames[:n] for n in lengths]),
    (
      f'{options.clips} clips of {mean} frames',
      [frames[:mean]] * options.clips,
    ),
  ):
    embed = lambda clips=clips: embedder.embed(clips)
    embed()  # compiles
    seconds = common.median_seconds(embed, options.repeats)
    total = sum(map(len, clips))
    yield _line(title, [seconds]) | {
      'frames_per_second': round(total / seconds, 1)
    }


def _gallery(options, folder):
  path, embedder = folder / 'people.gallery', _Embedder(options)
  with selfgait_jax.Gallery.open(path, embedder):
    pass  # makes the file
  with store.Store(path) as file:
    for first in range(0, options.enrolled, 1000):
      count = min(1000, options.enrolled - first)
      file.add(f'person {first // 1000}', embedder.entries(count))
  start = time.perf_counter()
  with selfgait_jax.Gallery.open(path, embedder) as gallery:
    gallery.search(embedder.clips(1))
    yield _line(
      'opening the gallery and one search', [time.perf_counter() - start]
    )
    for title, call in (
      ('one probe', lambda: gallery.search(embedder.clips(1))),
      (
        f'{options.probes} probes',
        lambda: gallery.search(embedder.clips(options.probes)),
      ),
      ('enrolling one clip', lambda: gallery.enrol('new', embedder.clips(1))),
    ):
      call()
      seconds = common.median_seconds(call, options.repeats)
      line = _line(title, [seconds]) | common.requested(options, 'enrolled')
      yield line | {'peak_memory_gb': common.peak_memory_gb()}


def _page(options, folder):
  """A view of the page, and a clip that is dropped on it, by its own server."""
  walk = walkers.render_sequence('walker', 'nm-01', '090', DROPPED, 0)
  body, kind = _form(walk)
  process = subprocess.Popen(
    [
      *_command('serve', 'served.gallery', '--port=0'),
      f'--checkpoint={options.checkpoint}',
    ],
    cwd=folder,
    env=_environment(folder),
    stdout=subprocess.PIPE,
    text=True,
  )
  try:
    address = process.stdout.readline().split()[1].rstrip('/')

    def ask(path, body=None, kind='application/json'):
      request = urllib.request.Request(
        address + path, body, {'content-type': kind}
      )
      with urllib.request.urlopen(request) as answer:
        return json.load(answer) if 'api' in path else answer.read()

    def drop():
      job = ask('/api/clips', body, kind)
      while not job['result']:
        time.sleep(0.02)
        job = ask(f'/api/jobs/{job["id"]}')
        if job['error']:
          raise RuntimeError(job['error'])
      return job['id']

    job = drop()  # compiles
    ask(f'/api/jobs/{job}/enrol', b'{"name": "walker"}')
    drop()
    for what, call in (
      ('page view', lambda: ask('/')),
      (f'{DROPPED} frames dropped on the page', drop),
    ):
      yield _line(what, [common.median_seconds(call, options.repeats)])
  finally:
    process.terminate()
    process.communicate()


def _form(frames):
  """(body, its type) of a form with a folder of PNG files."""
  parts = []
  for number, frame in enumerate(frames):
    _, png = cv2.imencode('.png', frame)
    parts.append(
      b'--cut\r\nContent-Disposition: form-data; name="files"; '
      b'filename="walk/%d.png"\r\n\r\n' % number + png.tobytes() + b'\r\n'
    )
  kind = 'multipart/form-data; boundary=cut'
  return b''.join(parts) + b'--cut--\r\n', kind


class _Embedder:
  """Answers at once, with random embeddings."""

  fingerprint, manifest = 'random', {'model': {'name': 'random'}}

  def __init__(self, options):
    self._rng = np.random.default_rng(0)
    self._size = options.parts, options.features
    self._walk = walkers.render_sequence('walker', 'nm-01', '090', 30, 0)
    self._made = 0

  def embed(self, clips):
    return self._rng.standard_normal((len(clips), *self._size), np.float32)

  def clips(self, count):
    """Clips that were never seen: a pixel counts them."""
    made = []
    for _ in range(count):
      clip = self._walk.copy()
      self._made += 1
      clip[0, 0, :24] = np.unpackbits(
        np.frombuffer(self._made.to_bytes(3), np.uint8)
      )
      made.append(clip)
    return made

  def entries(self, count):
    made = []
    for embedding in self.embed(range(count)):
      self._made += 1
      digest = self._made.to_bytes(16)
      made.append(rows.Entry('', 30, 'good', digest, embedding))
    return made


def _embed_command(options, folder, frames):
  """Writes a clip; returns the arguments that embed it."""
  clip = walkers.render_sequence('walker', 'nm-01', '090', frames, 0)
  np.save(folder / f'{frames}.npy', clip)
  checkpoint = f'--checkpoint={options.checkpoint}'
  return 'embed', f'{frames}.npy', '--out=z.npz', checkpoint


def _run(folder, *arguments):
  """(seconds, peak memory in bytes) of the command in a new process."""
  start = time.perf_counter()
  process = subprocess.Popen(
    _command(*arguments),
    cwd=folder,
    env=_environment(folder),
    stdout=subprocess.DEVNULL,
  )
  _, status, usage = os.wait4(process.pid, 0)
  seconds = time.perf_counter() - start
  if status:
    raise RuntimeError(f'selfgait {" ".join(arguments)} failed')
  unit = 1 if sys.platform == 'darwin' else 1024
  return seconds, usage.ru_maxrss * unit


def _command(*arguments):
  return [sys.executable, '-c', PROGRAM, *arguments]


def _environment(folder):
  root = pathlib.Path(selfgait_jax.__file__).parents[1]
  return os.environ | {
    'PYTHONPATH': str(root),
    'XDG_CACHE_HOME': str(folder / 'cache'),
  }


def _line(what, seconds):
  return {'what': what, 'seconds': round(statistics.median(seconds), 4)}
