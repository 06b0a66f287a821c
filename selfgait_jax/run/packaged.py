"""The weights that come with the package, by their names."""

import pathlib

FOLDER = pathlib.Path(__file__).parents[1] / 'weights'


def find(path: str) -> pathlib.Path:
  """The folder of packaged weights if `path` is a name of some, else `path`.

  A folder of that name here is './walkers', not 'walkers'.
  """
  given, ours = pathlib.Path(path), FOLDER / path
  return ours if given.name == path and ours.is_dir() else given
