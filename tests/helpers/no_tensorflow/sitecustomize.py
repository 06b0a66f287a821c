"""A Python in which TensorFlow is not installed, for the tests' child runs."""

import importlib.machinery

_HIDDEN = ('tensorflow', 'tensorflow_datasets', 'tensorboard', 'keras')
_find_spec = importlib.machinery.PathFinder.find_spec


def _find_others(name, *arguments):
  return None if name in _HIDDEN else _find_spec(name, *arguments)


importlib.machinery.PathFinder.find_spec = _find_others
