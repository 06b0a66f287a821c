"""Files that appear whole or not at all."""

import json
import os
import pathlib


def write_json(path: pathlib.Path, content) -> None:
  """As `write_text`."""
  write_text(path, json.dumps(content, indent=1))


def write_text(path: pathlib.Path, text: str) -> None:
  """Whole or not at all: a kill leaves the file as it was."""
  partial = path.with_name(path.name + '.partial')
  partial.write_text(text, encoding='utf-8')
  os.replace(partial, path)
