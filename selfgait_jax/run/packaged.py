"""The weights that come with the package, by their names."""

import pathlib

FOLDER = pathlib.Path(__file__).parents[1] / 'weights'


def find(path: str) -> pathlib.Path:
  """The folder of packaged weights if `path` is a name of some, else `path`.

  A file or folder of that name in the current folder comes first.
  """
  given = pathlib.Path(path)
  ours = FOLDER / path
  if given.name == path and not given.exists() and ours.is_dir():
    return ours
  return given
