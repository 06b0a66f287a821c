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
highlight_language = 'text'  # of blocks that name none: output
smartquotes = False  # '' is an empty text
html_title = f'selfgait_jax {version}'
html_copy_source = False
html_show_copyright = False

myst_heading_anchors = 4  # links to headings, as on GitHub
myst_enable_extensions = ['html_image']
default_role = 'code'  # docstrings are written in Markdown's way
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented_params'
napoleon_use_ivar = True
napoleon_use_rtype = False

# Those that train take minutes: shown without output, unless NOTEBOOKS=all.
nb_execution_mode = 'force'
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
if os.environ.get('NOTEBOOKS') != 'all':
  nb_execution_excludepatterns = ['notebooks/2_*', 'notebooks/3_*']


# Pages beside this folder: README.md is above the index, the others are copied.
COPIED = ('CONTRIBUTING', 'CHANGELOG', 'SECURITY')
GENERATED = {'config_keys': config_keys.text, 'help_texts': help_texts.text}


def setup(app):
  app.connect('builder-inited', _copy)
  app.connect('env-get-outdated', lambda *_: ['index', *GENERATED])
  app.connect('source-read', _complete)


def _copy(app):
  """Sphinx reads only what lies below this folder."""
  folder = ROOT / 'docs/copied'
  folder.mkdir(exist_ok=True)
  for name in COPIED:
    text = _moved((ROOT / f'{name}.md').read_text(), '../')
    (folder / f'{name}.md').write_text(text)


def _complete(app, name, source):
  """Adds to a page what is made, and leads its links to pages of the site."""
  text = source[0]
  if name == 'index':
    readme = _moved((ROOT / 'README.md').read_text(), '')
    text = readme + text[text.index('```{toctree}') :]
  if name in GENERATED:
    text = f'{text}\n{GENERATED[name]()}\n'
  up = '../' * name.count('/')
  text = text.replace(f']({up}../README.md', f']({up}index.md')
  for other in COPIED:
    text = text.replace(f']({up}../{other}.md', f']({up}copied/{other}.md')
  source[0] = text


def _moved(text, up):
  """Text from the root of the clone with its links as they are from docs/.

  Args:
    text: Markdown.
    up: '../' for each folder below docs/ in which it will stand.
  """
  text = re.sub(r'(\]\(|src=")(?![\w+.-]+:|#)', rf'\1{up}../', text)
  return text.replace(f'{up}../docs/', up)
