"""A checkpoint as a folder of weights, manifest and card."""

import pathlib
import shutil

from selfgait_jax import errors
from selfgait_jax.export import card
from selfgait_jax.machine import files
from selfgait_jax.run import checkpointing, model_folder


def write(checkpoint: str, output: pathlib.Path, half: bool = False) -> None:
  """Writes the folder `output`, whole or not at all.

  Args:
    checkpoint: as `checkpointing.load_variables` takes it.
    output: must not exist.
    half: store the weights in half precision.

  Raises:
    UserError: there is no checkpoint, or the folder cannot be written.
  """
  variables, manifest = checkpointing.load_variables(checkpoint)
  results = _results(pathlib.Path(manifest['checkpoint']))
  text = card.text(manifest, results, half)
  partial = output.with_name(output.name + '.partial')
  try:
    shutil.rmtree(partial, ignore_errors=True)  # of an export that was killed
    partial.mkdir(parents=True)
    model_folder.write(partial, variables, _without_paths(manifest), text, half)
    partial.rename(output)
  except OSError as error:
    raise errors.UserError(
      f'expected to write {output}, found {errors.first_line(error)}; free '
      'space or change --out'
    ) from error
  finally:
    shutil.rmtree(partial, ignore_errors=True)


def _results(checkpoint):
  """The `results.json` of the run of `WORKDIR/STAGE/checkpoints/STEP`."""
  if len(checkpoint.parents) < 3:
    return None
  try:
    found = files.parse_json(
      (checkpoint.parents[2] / 'results.json').read_bytes()
    )
  except (OSError, ValueError):  # never evaluated, or damaged
    return None
  parts = ('rows', 'origins', 'data')
  whole = isinstance(found, dict) and all(
    isinstance(found.get(part), dict) for part in parts
  )
  return found if whole else None


def _without_paths(manifest):
  """The manifest without folders of this machine, which may name a person."""
  source = manifest['source']
  if source.get('start'):
    source = source | {'start': pathlib.Path(source['start']).name}
  manifest = {k: v for k, v in manifest.items() if k != 'checkpoint'}
  return manifest | {'source': source}
