"""TFDS builders: one record for each staged sequence."""

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from selfgait_jax.data import datasets, stored
from selfgait_jax.data.prepare import staging, walker_source
from selfgait_jax.machine import tensorflow_import

tf = tensorflow_import.import_tensorflow(
  'a TFDS data directory', 'set config.data.packed_file'
)
# A full disk, for example; TFDS turns some of them into RuntimeError.
WRITE_ERRORS = (tf.errors.OpError, RuntimeError)
SPLIT = 'sequences'  # the only one; subjects are split when data is read


class _Silhouettes(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """What all data sets share.

  Reads staged records from the manual folder of TFDS. The worker processes have
  already compressed their frames, which are stored as they are.
  """

  VERSION = tfds.core.Version('1.0.0')
  MANUAL_DOWNLOAD_INSTRUCTIONS = (
    'See `python scripts/prepare_silhouettes.py --help`; it fills this folder'
    ' and then calls the builder.'
  )
  url_infos = {}  # nothing is downloaded
  progress = staticmethod(iter)  # passes the records on and may count them

  def _info(self):
    frames = tfds.features.Tensor(
      shape=(None, 64, 64), dtype=np.uint8, encoding='zlib'
    )
    frames.encode_example = lambda compressed: compressed
    return tfds.core.DatasetInfo(
      builder=self,
      description=self.__doc__,
      features=tfds.features.FeaturesDict(
        {
          'silhouettes': frames,
          'subject': tfds.features.Text(),
          'condition': tfds.features.Text(),
          'view': tfds.features.Text(),
          'num_frames': np.int32,
          'fingerprint': tfds.features.Text(),
        }
      ),
    )

  def _create_builder_config(self, builder_config, version):
    return builder_config  # TFDS would warn that it is not in a fixed list

  def _log_download_bytes(self):
    """Does nothing: there is no download."""

  _log_download_done = _log_download_bytes

  def _split_generators(self, dl_manager):
    return {SPLIT: self._generate_examples(dl_manager.manual_dir)}

  def _generate_examples(self, folder):
    for record in self.progress(staging.read(pathlib.Path(folder))):
      example = dataclasses.asdict(record)
      example['silhouettes'] = example.pop('frames')
      yield f'{record.subject}/{record.condition}/{record.view}', example


class CasiaB(_Silhouettes):
  """CASIA-B, aligned silhouettes: 124 subjects, 10 conditions, 11 views."""


class OuMvlp(_Silhouettes):
  """OU-MVLP, aligned silhouettes: 10,307 subjects, 2 sequences, 14 views."""


class Gait3D(_Silhouettes):
  """Gait3D, aligned silhouettes: 4,000 subjects in an indoor scene."""

  name = datasets.GAIT3D.name


class Grew(_Silhouettes):
  """GREW, aligned silhouettes: 26,000 subjects outdoors and the probes."""


class Sustech1K(_Silhouettes):
  """SUSTech1K, aligned silhouettes: 1,050 subjects."""

  name = datasets.SUSTECH1K.name


class Ccpg(_Silhouettes):
  """CCPG, aligned silhouettes: 200 subjects who change clothes."""


class Own(_Silhouettes):
  """A user's own silhouettes, with names or without."""


class SyntheticGait(_Silhouettes):
  """Rendered walkers in the layout of CASIA-B."""


@dataclasses.dataclass
class SyntheticGaitConfig(tfds.core.BuilderConfig):
  """Settings of one rendering."""

  num_subjects: int = 0
  frames: int = 0
  seed: int = 0


def make(
  name: str,
  data_dir: str | pathlib.Path,
  rendering: walker_source.WalkerSource | None = None,
) -> tfds.core.DatasetBuilder:
  """The builder `name`; `synthetic_gait` also needs its rendering."""
  if name != 'synthetic_gait':
    builders = CasiaB, OuMvlp, Gait3D, Grew, Sustech1K, Ccpg, Own
    builder = {builder.name: builder for builder in builders}[name]
    return builder(data_dir=str(data_dir))
  config = SyntheticGaitConfig(
    name=rendering.config, **dataclasses.asdict(rendering)
  )
  return SyntheticGait(config=config, data_dir=str(data_dir))


def read(builder: tfds.core.DatasetBuilder) -> Iterator[stored.Record]:
  """Yields the records of a prepared data set; frames stay compressed."""
  decoders = {'silhouettes': tfds.decode.SkipDecoding()}
  data = builder.as_dataset(split=SPLIT, decoders=decoders)
  for example in tfds.as_numpy(data):
    yield stored.Record(
      subject=example['subject'].decode(),
      condition=example['condition'].decode(),
      view=example['view'].decode(),
      num_frames=int(example['num_frames']),
      fingerprint=example['fingerprint'].decode(),
      frames=example['silhouettes'],
    )
