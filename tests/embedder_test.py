"""The public calls: a checkpoint in, embeddings out."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import selfgait_jax
from selfgait_jax import errors
from selfgait_jax.configs import synthetic
from selfgait_jax.models import embedding, factory, pixels
from selfgait_jax.run import checkpointing, manifests
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  """(model, variables, the folder of their checkpoint)."""
  config = synthetic.get_config('smoke')
  model = factory.make_model(config.model)
  variables = factory.init_variables(model, jax.random.key(0), 44)
  optimizer = optimizers.make_optimizer(config.train)
  folder = tmp_path_factory.mktemp('run') / 'train'
  manifest = manifests.make_manifest(config, 'train')
  checkpoints = checkpointing.Checkpoints(folder, manifest, 1)
  checkpoints.save(states.create_state(variables, optimizer), None)
  checkpoints.wait()
  return model, variables, folder


@pytest.fixture(scope='module')
def clips():
  rng = np.random.default_rng(0)
  return [
    rng.integers(0, 256, (length, 64, 64), np.uint8) for length in (3, 9, 1, 4)
  ]


def test_embeds_what_the_network_embeds(saved, clips):
  model, variables, folder = saved
  embedder = selfgait_jax.load_embedder(str(folder))
  found = embedder.embed(clips)
  assert found.shape == (4, 7, 8) and found.dtype == np.float32
  assert embedder.manifest['model']['name'] == 'selfgait'
  embed = jax.jit(model.apply)
  for row, clip in enumerate(clips):
    frames = pixels.crop_frames(jnp.asarray(clip[None]))
    expected = np.asarray(embed(variables, frames)['embedding'][0])
    error = np.abs(found[row] - expected).max() / np.abs(expected).max()
    assert error < 1e-5


def test_cut_silhouettes_are_the_same_silhouettes(saved, clips):
  embedder = selfgait_jax.load_embedder(str(saved[-1]))
  cut = [clip[:, :, 10:54] for clip in clips]
  mixed = [cut[0], clips[1], cut[2], clips[3]]
  np.testing.assert_array_equal(embedder.embed(mixed), embedder.embed(clips))


def test_long_clips_pass_in_pieces_with_the_same_result(saved):
  """Longer than a device's share of `batch_frames`, among short ones."""
  rng = np.random.default_rng(1)
  clips = [rng.integers(0, 256, (n, 64, 64), np.uint8) for n in (30, 7, 8, 43)]
  whole = selfgait_jax.load_embedder(str(saved[-1])).embed(clips)
  embedder = selfgait_jax.load_embedder(str(saved[-1]), batch_frames=32)
  assert embedder._longest == 8
  found = embedder.embed(clips)
  assert found.shape == whole.shape and found.dtype == np.float32
  assert np.abs(found - whole).max() < 1e-5 * np.abs(whole).max()
  np.testing.assert_allclose(
    embedder.embed(clips[3:]), found[3:], rtol=1e-5, atol=1e-6
  )


@pytest.mark.parametrize(
  'clip',
  [
    np.zeros((4, 64, 64), np.float32),
    np.zeros((4, 128, 88), np.uint8),
    np.zeros((4, 64, 50), np.uint8),
    np.zeros((0, 64, 64), np.uint8),
    np.zeros((64, 64), np.uint8),
    np.ones((4, 64, 64), np.uint8),
  ],
)
def test_other_arrays_are_refused(saved, clips, clip):
  embedder = selfgait_jax.load_embedder(str(saved[-1]))
  with pytest.raises(errors.UserError, match='^expected .* at 1; '):
    embedder.embed([clips[0], clip])


def test_a_fingerprint_is_that_of_what_decides_the_embeddings(saved):
  _, variables, folder = saved
  loaded = selfgait_jax.load_embedder(str(folder))
  manifest = loaded.manifest
  of = lambda manifest, variables: (
    selfgait_jax.Embedder(variables, manifest, 1024).fingerprint
  )
  assert re.fullmatch('[0-9a-f]{16}', loaded.fingerprint)
  # The same weights elsewhere, and how they are computed.
  model = manifest['model']
  elsewhere = manifest | {'checkpoint': 'elsewhere', 'source': {}}
  elsewhere['model'] = model | {'dtype': 'bfloat16'}
  assert of(elsewhere, jax.device_get(variables)) == loaded.fingerprint
  older = {k: v for k, v in model.items() if k != 'embedding_norm'}
  assert of(manifest | {'model': older}, variables) == loaded.fingerprint
  # Other weights, settings or outputs.
  other = jax.tree.map(lambda x: x + 1e-6, variables)
  different = [
    (manifest, other),
    (manifest | {'model': model | {'embedding_norm': True}}, variables),
    (manifest | {'embedding': 'projection'}, variables),
  ]
  found = {of(*one) for one in different} | {loaded.fingerprint}
  assert len(found) == 4


def test_nothing_to_embed_is_an_error(saved):
  embedder = selfgait_jax.load_embedder(str(saved[-1]))
  with pytest.raises(errors.UserError, match='at least one clip'):
    embedder.embed([])


def test_a_gpu_embeds_in_full_precision_and_trains_as_before(saved):
  """TF32 would round more than the embeddings of a checkpoint may."""
  model, variables, _ = saved
  embed = functools.partial(
    embedding.embed, output='embedding', model=model, crop_width=44
  )
  learn = functools.partial(
    model.apply, train=True, method='learn', mutable=['batch_stats']
  )
  frames, mask = np.zeros((2, 3, 64, 64), np.uint8), np.ones((2, 3), bool)
  found = _precisions(embed, variables, frames, mask)
  assert len(found) > 5 and set(found) == {('HIGHEST', 'HIGHEST')}
  clips = np.zeros((2, 3, 64, 44), np.float32)
  found = _precisions(learn, variables, clips, mask)
  assert len(found) > 5 and set(found) <= {(), ('DEFAULT', 'DEFAULT')}


def _precisions(function, *inputs):
  """Of the two operands of each product and convolution, on a GPU."""
  program = jax.jit(function).trace(*inputs).lower(lowering_platforms=('cuda',))
  return [
    tuple(re.findall('HIGHEST|HIGH|DEFAULT', line))
    for line in program.as_text().splitlines()
    if re.search(r'stablehlo\.(convolution|dot_general)', line)
  ]
