"""The files in the body of a form, written as they come, with their names."""

import pathlib
import re
from collections.abc import AsyncIterable
from typing import Any

import python_multipart
from python_multipart import multipart

from selfgait_jax.data.prepare import silhouettes
from selfgait_jax.serve import faults, videos

MOST_BYTES = 200 * 10**6
MOST_FILES = silhouettes.MOST_FRAMES
_LONGEST_PART = 200  # characters of a folder's or file's name
# Pickles are left out, though `read_clips` reads some safely.
_SUFFIXES = ('.png', '.npy', '.npz', *videos.SUFFIXES)


async def write(
  stream: AsyncIterable[bytes], boundary: bytes, folder: pathlib.Path
) -> 'Parts':
  """Writes the n-th file that is wanted to `folder`/n.

  Raises:
    Fault: too many files or bytes.
    FormParserError: the body is damaged.
    OSError: the disk has no room.
  """
  parts = Parts(folder)
  callbacks: Any = {
    f'on_{name}': getattr(parts, name)
    for name in (
      'part_begin', 'header_field', 'header_value', 'header_end',
      'headers_finished', 'part_data', 'part_end',
    )
  }  # fmt: skip
  parser = python_multipart.MultipartParser(boundary, callbacks)
  try:
    async for chunk in stream:
      parser.write(chunk)
    parser.finalize()
  finally:
    parts.close()
  return parts


def parts_of(name: str) -> list[str]:
  """Folders and file of a name: a path of any system, as text.

  Steps up, empty steps and roots are left out.
  """
  parts = (part.strip() for part in re.split(r'[/\\]', name))
  return [p[:_LONGEST_PART] for p in parts if p not in ('', '.', '..')]


def suffix_of(name: str) -> str:
  """Of a file that is wanted; '' for others."""
  return next((s for s in _SUFFIXES if name.lower().endswith(s)), '')


class Parts:
  """Answers the calls of the parser.

  Attributes:
    received: folders and name of each file, by its number.
    others: names of files of kinds that are not wanted.
  """

  def __init__(self, folder: pathlib.Path):
    self._folder, self._file = folder, None
    self._header = self._value = self._disposition = b''
    self._count = self._bytes = 0
    self.received: list[list[str]] = []
    self.others: list[str] = []

  def part_begin(self):
    self._disposition = b''

  def header_field(self, data, start, end):
    self._header += data[start:end]

  def header_value(self, data, start, end):
    self._value += data[start:end]

  def header_end(self):
    if self._header.lower() == b'content-disposition':
      self._disposition = self._value
    self._header = self._value = b''

  def headers_finished(self):
    _, parameters = multipart.parse_options_header(self._disposition)
    if b'filename' not in parameters:
      return  # a field of a form
    self._count += 1
    if self._count > MOST_FILES:
      raise faults.Fault(
        413,
        f'expected at most {MOST_FILES:,} files at once, found more; drop them '
        'in parts',
      )
    name = parts_of(parameters[b'filename'].decode('utf-8', 'backslashreplace'))
    if not name or any(part.startswith('.') for part in name):
      return  # hidden, or a form without a file
    if not suffix_of(name[-1]):
      self.others.append(name[-1])
      return
    self._file = open(self._folder / str(len(self.received)), 'xb')
    self.received.append(name)

  def part_data(self, data, start, end):
    self._bytes += end - start
    if self._bytes > MOST_BYTES:
      raise faults.Fault(
        413,
        f'expected at most {MOST_BYTES // 10**6} MB at once, found more; drop '
        'the files in parts',
      )
    if self._file:
      self._file.write(data[start:end])

  def part_end(self):
    self.close()

  def close(self):
    if self._file:
      self._file.close()
      self._file = None
