"""Files written whole or not at all, JSON from anywhere, room on the disk."""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from selfgait_jax import errors


@contextlib.contextmanager
def whole(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields a path to write to; it becomes `path` when the block succeeds.

  A block that fails, or a kill, leaves `path` as it was. The folder must exist.
  """
  partial = path.with_name(path.name + '.partial')
  try:
    yield partial
    os.replace(partial, path)
  finally:
    with contextlib.suppress(OSError):  # gone, unless something failed
      partial.unlink()


@contextlib.contextmanager
def output(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """As `whole`, for a file that --out names.

  Raises:
    errors.UserError: it cannot be written.
  """
  try:
    with whole(path) as partial:
      yield partial
  except OSError as error:
    raise errors.UserError(
      f'expected to write {errors.printable(path)}, found '
      f'{errors.first_line(error)}; free space or change --out'
    ) from error


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes UTF-8 text, whole or not at all."""
  with whole(path) as partial:
    partial.write_text(text, encoding='utf-8')


def write_json(path: pathlib.Path, content: Any) -> None:
  """Writes JSON, whole or not at all."""
  write_text(path, json.dumps(content, indent=1))


def parse_json(text: str | bytes) -> Any:
  """JSON that may be damaged or hostile; raises ValueError alone."""
  try:
    return json.loads(text)
  except RecursionError as error:
    raise ValueError('brackets nested too deeply') from error


def expect_room(
  folder: pathlib.Path, needed: int, what: str, remedy: str
) -> None:
  """Raises UserError unless the disk of `folder` has `needed` bytes free.

  Args:
    folder: where it is to be written; it must exist.
    needed: bytes.
    what: is to be written, such as 'a checkpoint'.
    remedy: what to change; the end of the sentence.
  """
  free = shutil.disk_usage(folder).free
  if free < needed:
    raise errors.UserError(
      f'expected to write {what} of {needed / 1e6:.3g} MB to {folder}, found '
      f'{free / 1e6:.3g} MB free; {remedy}'
    )
