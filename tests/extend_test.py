"""docs/extend.md, done as it stands there on a copy of the package."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Where each block of the page goes: a file, and the line that it stands before.
PLACES = (
  ('models/stripnet.py', None),
  ('models/factory.py', '}\n'),
  ('settings/networks.py', 'def _model('),
  ('losses.py', None),
  ('configs/default.py', "  s.triplet = 'all'"),
  ('settings/choices.py', "  'triplet_weight': number(),"),
  ('train/steps.py', '  return total, metrics\n\n\ndef _view_loss'),
  ('configs/mine.py', None),
)


@pytest.mark.slow
def test_the_walk_works(tmp_path):
  package = tmp_path / 'selfgait_jax'
  shutil.copytree(
    ROOT / 'selfgait_jax', package, ignore=shutil.ignore_patterns('__pycache__')
  )
  page = (ROOT / 'docs/extend.md').read_text()
  blocks = re.findall(r'```python\n(.*?)```', page, re.DOTALL)
  for (name, anchor), block in zip(PLACES, blocks, strict=True):
    _insert(package / name, anchor, block)
  _insert(package / 'models/factory.py', '  selfgait,\n', '  stripnet,\n')
  subprocess.run(
    [
      sys.executable, '-m', 'selfgait_jax.main',
      f'--config={package}/configs/mine.py', '--workdir=runs/mine',
    ],
    cwd=tmp_path,
    check=True,
  )  # fmt: skip
  metrics = (tmp_path / 'runs/mine/train/metrics.jsonl').read_text()
  assert 'centre_loss' in metrics
  assert (tmp_path / 'runs/mine/results.json').exists()


def _insert(path, anchor, block):
  """Before the anchor; at the end without one."""
  text = path.read_text() if path.exists() else ''
  if anchor is None:
    path.write_text(f'{text}\n\n{block}' if text else block)
    return
  assert anchor in text
  path.write_text(text.replace(anchor, block + anchor, 1))
