"""Every imported network against what the original program computes."""

import golden_weights
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import UNOPTIMISED, error

from selfgait_jax.models import factory, layers

# Golden files with figures for running statistics and for those of the batch.
# SelfGait's are compared in selfgait_test.py.
FILES = (
  'deepgaitv2_p3d_casiab',
  'gaitbase_casiab',
  'gaitgl_casiab',
  'gaitpart_casiab',
  'gaitset_casiab',
  'gaitset_original',
)
SLOW_FILES = (
  'deepgaitv2_2d_casiab',
  'deepgaitv2_3d_casiab',
  'deepgaitv2_p3d_gait3d',
  'gaitset_oumvlp',
  'gaitssb_pretrain',
)
NOT_COMPUTED = {'seed', 'input'} | {f'train_softmax{i}_labels' for i in (1, 2)}


@pytest.mark.parametrize(
  'name',
  [*FILES, *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW_FILES)],
)
def test_equals_the_original(name):
  """Embeddings and logits, with running and with batch statistics.

  With those of the batch, rounding is divided by the small deviation of three
  clips; hence the wider tolerance.
  """
  figures, section, rules, variables = golden_weights.imported(name)
  found = _outputs(factory.make_model(section), variables, figures['input'])
  compared = set(figures) - NOT_COMPUTED
  for output in compared:
    expected = figures[output]
    if name == 'gaitset_original':  # parts are in another place and order
      expected = rules[-1].layout.ours(expected.swapaxes(0, 1)).swapaxes(0, 1)
    elif 'softmax' not in output:
      expected = expected.swapaxes(1, 2)
    actual = np.asarray(found[output])
    assert actual.shape == expected.shape and actual.dtype == np.float32
    tolerance = 1e-4 if output.startswith('eval') else 1e-3
    assert error(actual, expected) < tolerance, output
    # Without the mean over clips, which may be most of it.
    apart = actual - actual.mean(0), expected - expected.mean(0)
    assert error(*apart) < 1e-2, output
  assert 'eval_embeddings' in compared


@pytest.mark.slow
def test_contrastive_cosines_in_double_precision():
  """Without our own rounding: the original's float32 rounding is left."""
  figures, section, _, variables = golden_weights.imported('gaitssb_pretrain')
  with jax.enable_x64(True):
    model = factory.make_model(section | {'dtype': 'float64'})
    found = _cosines(model, variables, figures['input'] / 255)
    assert {x.dtype for x in found.values()} == {jnp.dtype('float64')}
  for name, actual in found.items():
    assert error(actual, figures[name]) < 3e-4, name


def _outputs(model, variables, pixels):
  """{name in a golden file: output} for uint8 clips [B, T, H, W]."""

  def run(variables, clips):
    found = {'eval': model.apply(variables, clips)}
    if not contrastive:
      found['train'], _ = model.apply(
        variables, clips, train=True, mutable=['batch_stats']
      )
    return {
      f'{state}_{name}': outputs[key]
      for state, outputs in found.items()
      for name, key in (('embeddings', 'embedding'), ('logits', 'logits'))
      if key in outputs
    }

  contrastive = getattr(model, 'head', '') == 'predictor'
  clips = pixels / np.float32(255)
  found = jax.jit(run, compiler_options=UNOPTIMISED)(variables, clips)
  return found | (_cosines(model, variables, clips) if contrastive else {})


def _cosines(model, variables, clips):
  """Cosines of each view's predictions with the other view's projections.

  The views are the clips and their mirror images.
  """

  def run(variables, clips):
    views = jnp.stack([clips, clips[..., ::-1]], 1)
    out, _ = model.apply(
      variables, views, method='online_views', mutable=['batch_stats']
    )
    u, z = (layers.unit_length(out[n]) for n in ('prediction', 'projection'))
    compare = lambda view: jnp.einsum(
      'ipc,jpc->ijp', u[:, view], z[:, 1 - view]
    )
    return {f'train_softmax{v + 1}_logits': compare(v) for v in (0, 1)}

  return jax.jit(run, compiler_options=UNOPTIMISED)(variables, clips)
