"""The site: `sphinx-build -W docs build/site` (CONTRIBUTING.md)."""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'docs/site')]
# Notebooks run in other processes and folders, and use this clone, too.
os.environ['PYTHONPATH'] = os.pathsep.join(
  filter(None, (str(ROOT), os.environ.get('PYTHONPATH')))
)
os.environ.setdefault('JAX_PLATFORMS', 'cpu')

import config_keys
import help_texts

import selfgait_jax

project = 'selfgait_jax'
version = release = selfgait_jax.__version__
extensions = ['sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'myst_nb']
exclude_patterns = ['site']

html_theme = 'furo'
html_title = f'selfgait_jax {version}'
html_copy_source = False

myst_heading_anchors = 4  # links to headings, as on GitHub
myst_enable_extensions = ['html_image']
default_role = 'code'  # docstrings are written in Markdown's way
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
napoleon_use_rtype = False

# Those that train take minutes: shown without output, unless NOTEBOOKS=all.
nb_execution_mode = 'force'
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
if os.environ.get('NOTEBOOKS') != 'all':
  nb_execution_excludepatterns = ['notebooks/2_*', 'notebooks/3_*']


def setup(app):
  app.connect('source-read', _fill)
  app.connect('env-get-outdated', lambda *_: list(_GENERATED))


def _fill(app, name, source):
  """Adds what is made to a page, and leads links to README.md to the start."""
  if name in _GENERATED:
    source[0] = _GENERATED[name](source[0])
  source[0] = re.sub(r'\]\((\.\./)+README\.md(#[^)]*)?\)', _start(name), source[0])


def _start(name):
  return '](' + '../' * name.count('/') + 'index.md)'


def _readme(page):
  """README.md, its links as they are from docs/, above the lists of pages."""
  text = (ROOT / 'README.md').read_text()
  text = re.sub(r'(\]\(|src=")(?!\w+:|#)', r'\1../', text)
  text = text.replace('../docs/', '')
  return text + page[page.index('```{toctree}') :]


_GENERATED = {
  'index': _readme,
  'config_keys': lambda page: f'{page}\n{config_keys.text()}\n',
  'help_texts': lambda page: f'{page}\n{help_texts.text()}\n',
}
