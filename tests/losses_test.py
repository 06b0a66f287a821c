"""Losses against the originals' figures, brute force and limiting cases."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import error

from selfgait_jax import losses

GOLDEN = pathlib.Path(__file__).parent / 'golden'

triplet_loss = jax.jit(losses.triplet_loss, static_argnames='mode')
multi_view_consistency_loss = jax.jit(losses.multi_view_consistency_loss)


def _value_and_grad(loss):
  return jax.jit(jax.value_and_grad(loss, has_aux=True))


def _golden(name):
  return np.load(GOLDEN / f'{name}.npz')


def _brute_force(embeddings, labels, margin, gamma=0.0):
  """Loss and number of active triplets of each part, in float64."""
  x = embeddings.astype(np.float64).transpose(1, 0, 2)
  score = np.linalg.norm(x[:, :, None] - x[:, None], axis=-1) ** (1 + gamma)
  same = labels[:, None] == labels[None]
  hinge = margin + score[:, :, :, None] - score[:, :, None, :]
  hinge = np.maximum(hinge, 0) * same[:, :, None] * ~same[:, None, :]
  active = (hinge > 0).sum(axis=(1, 2, 3))
  return hinge.sum(axis=(1, 2, 3)) / np.maximum(active, 1), active


@pytest.mark.parametrize('scale', ['0.05', '1.0'])
@pytest.mark.parametrize(
  'name, margin, gamma',
  [
    ('triplet_m02', 0.2, 0.0),
    ('mcl_m06_g06', 0.6, 0.6),
    ('mcl_m06_g0', 0.6, 0),
  ],
)
def test_opengait_figures(scale, name, margin, gamma):
  golden = _golden('losses')
  stem = f'scale_{scale}_'
  embeddings = golden[stem + 'embeddings'].transpose(0, 2, 1)
  labels = golden[stem + 'labels']

  def loss(x):
    if name == 'triplet_m02':
      return triplet_loss(x, labels, margin)
    return multi_view_consistency_loss(x, labels, margin, gamma)

  (value, _), gradient = _value_and_grad(loss)(embeddings)
  assert error(value, golden[stem + name].mean()) < 1e-5
  expected = golden[stem + name + '_grad'].transpose(0, 2, 1)
  # At the small scale the original loses digits to cancellation.
  assert error(gradient, expected) < (1e-6 if scale == '1.0' else 2e-4)

  parts = range(embeddings.shape[1])
  by_part = [loss(embeddings[:, p : p + 1]) for p in parts]
  values = np.array([value for value, _ in by_part])
  assert error(values, golden[stem + name]) < 2e-5
  active = np.array([metrics['active_triplets'] for _, metrics in by_part])
  np.testing.assert_array_equal(active, golden[stem + name + '_active'])
  hardest = np.array([metrics['hardest'] for _, metrics in by_part])
  assert error(hardest, golden[stem + name + '_hard']) < 1e-5


@pytest.mark.parametrize(
  'name, scale, label_smoothing',
  [('ce_s16_smooth', 16.0, 0.1), ('ce_s1', 1.0, 0.0)],
)
def test_cross_entropy_figures(name, scale, label_smoothing):
  golden = _golden('losses')
  labels = golden['logit_labels']

  def loss(x):
    return losses.cross_entropy_loss(x, labels, scale, label_smoothing)[0]

  logits = golden['logits'].transpose(0, 2, 1)
  value, gradient = jax.value_and_grad(loss)(logits)
  assert error(value, golden[name]) < 1e-6
  expected = golden[name + '_grad'].transpose(0, 2, 1)
  assert error(gradient, expected) < 1e-6


def test_selfgait_triplet_figures():
  golden = _golden('selfgait')
  embeddings = golden['triplet_input'].transpose(1, 0, 2)
  labels = golden['triplet_labels']

  def loss(x):
    return triplet_loss(x, labels)

  (value, metrics), gradient = _value_and_grad(loss)(embeddings)
  hard, _ = triplet_loss(embeddings, labels, mode='hard')
  gradient = np.asarray(gradient).transpose(1, 0, 2)
  assert error(gradient, golden['triplet_full_grad']) < 1e-5
  for actual, name in [
    (value, 'full'),
    (hard, 'hard'),
    (metrics['mean_distance'], 'mean_distance'),
    (metrics['active_triplets'], 'active'),
  ]:
    assert error(actual, golden[f'triplet_{name}'].mean()) < 1e-5, name


@pytest.mark.parametrize('over_parts', [False, True])
def test_selfgait_byol_figures(over_parts):
  golden = _golden('selfgait')
  total = sum(
    losses.byol_loss(
      golden[f'prediction_train_view_{online}'],
      golden[f'target_train_view_{target}'],
      over_parts,
    )
    for online, target in [(1, 2), (2, 1)]
  )
  axis = 'parts' if over_parts else 'features'
  assert error(total, golden[f'byol_loss_cosine_over_{axis}']) < 1e-6


@pytest.mark.parametrize('gamma', [0.0, 0.6])
def test_unequal_label_counts_match_brute_force(gamma):
  rng = np.random.default_rng(0)
  embeddings = rng.normal(size=(13, 3, 8)).astype(np.float32)
  labels = np.array([0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 0, 1])
  value, metrics = multi_view_consistency_loss(embeddings, labels, 0.3, gamma)
  expected, active = _brute_force(embeddings, labels, 0.3, gamma)
  np.testing.assert_allclose(value, expected.mean(), rtol=1e-5)
  np.testing.assert_allclose(metrics['active_triplets'], active.mean())


def test_a_hinge_of_exactly_zero_is_not_active():
  # Partners lie 1 apart, the nearest stranger 2: 1 + 1 - 2 without rounding.
  line = np.array([0, 1, 3, 4], np.float32)[:, None, None]
  value, metrics = triplet_loss(line, np.array([0, 0, 1, 1]), margin=1.0)
  assert value == 0
  assert metrics['active_triplets'] == 0


def test_close_embeddings_far_from_the_origin_keep_their_digits():
  rng = np.random.default_rng(0)
  near = rng.normal(size=(12, 2, 16)).astype(np.float32) * 1e-3
  labels = np.arange(12) // 3
  value, _ = triplet_loss(near + np.float32(5), labels, 1e-3)
  expected, _ = _brute_force(near + np.float32(5), labels, 1e-3)
  np.testing.assert_allclose(value, expected.mean(), rtol=1e-3)


@pytest.mark.parametrize('fill', [0.0, 1.0])
@pytest.mark.parametrize('mode', ['all', 'hard'])
def test_equal_embeddings_give_the_margin_and_no_gradient(fill, mode):
  def loss(x):
    return triplet_loss(x, jnp.arange(8) // 2, 0.2, mode)

  embeddings = jnp.full((8, 3, 4), fill)
  (value, metrics), gradient = _value_and_grad(loss)(embeddings)
  np.testing.assert_allclose(value, 0.2, rtol=1e-6)
  np.testing.assert_array_equal(gradient, 0)
  assert metrics['active_share'] == 1


def test_a_repeated_sample_leaves_the_gradient_finite():
  rng = np.random.default_rng(0)
  embeddings = rng.normal(size=(8, 2, 4)).astype(np.float32)
  embeddings[1] = embeddings[0]
  labels = np.array([0, 0, 0, 1, 1, 1, 2, 2])
  for gamma in (0.0, 0.6):
    gradient = jax.grad(
      lambda x, g=gamma: multi_view_consistency_loss(x, labels, 2, g)[0]
    )(embeddings)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize('mode', ['all', 'hard'])
def test_nothing_to_learn_is_zero(mode):
  clusters = np.repeat(np.eye(3, 4, dtype=np.float32) * 9, 4, axis=0)
  far_apart = triplet_loss(clusters[:, None], np.arange(12) // 4, 0.2, mode)
  one_identity = triplet_loss(clusters[:, None], np.zeros(12), 0.2, mode)
  for value, metrics in (far_apart, one_identity):
    assert value == 0
    assert metrics['active_share'] == 0


def test_an_unknown_mode_is_refused():
  with pytest.raises(ValueError, match='soft'):
    triplet_loss(np.ones((4, 1, 2)), np.arange(4), mode='soft')


def test_triplets_are_never_held_at_once():
  samples, parts = 256, 4

  def loss(x):
    return triplet_loss(x, jnp.arange(samples) // 8)[0]

  shape = jax.ShapeDtypeStruct((samples, parts, 16), jnp.float32)
  compiled = jax.jit(jax.value_and_grad(loss)).lower(shape).compile()
  temporary = compiled.memory_analysis().temp_size_in_bytes
  assert temporary < samples**3 / 1.5  # below a byte a triplet of one part


def test_byol_teaches_the_prediction_only():
  rng = np.random.default_rng(0)
  prediction, target = rng.normal(size=(2, 4, 3, 8)).astype(np.float32)
  gradient = jax.jit(jax.grad(losses.byol_loss, argnums=(0, 1)))
  gradients = gradient(prediction, target)
  assert np.abs(gradients[0]).max() > 0
  np.testing.assert_array_equal(gradients[1], 0)
  np.testing.assert_allclose(
    losses.byol_loss(prediction, 3 * prediction), 0, atol=1e-6
  )
  np.testing.assert_allclose(losses.byol_loss(prediction, -prediction), 2)


def test_zero_vectors_have_a_small_gradient():
  ones, zeros = jnp.ones((4, 2, 8)), jnp.zeros((4, 2, 8))
  for loss in (losses.byol_loss, lambda q, k: losses.infonce_loss(q, k)[0]):
    assert np.abs(jax.jit(jax.grad(loss))(zeros, ones)).max() < 1


def test_infonce_matches_its_definition():
  rng = np.random.default_rng(0)
  query, key = rng.normal(size=(2, 6, 3, 8))
  key = query + 0.3 * key
  value, metrics = losses.infonce_loss(query, key, 0.1)
  expected, hits = [], []
  for p in range(3):
    q, k = (
      x[:, p] / np.linalg.norm(x[:, p], axis=1)[:, None] for x in (query, key)
    )
    odds = np.exp(q @ k.T / 0.1)
    expected.append(-np.log(np.diag(odds) / odds.sum(axis=1)))
    hits.append(odds.argmax(axis=1) == np.arange(6))
  np.testing.assert_allclose(value, np.mean(expected), rtol=1e-5)
  np.testing.assert_allclose(metrics['accuracy'], np.mean(hits))


def _contrast(query, key, temperature, smoothing, counts):
  """The loss and accuracy by plain loops; counts: bool [B, B]."""
  terms, hits = [], []
  for q in range(len(query)):
    for p in range(query.shape[1]):
      unit = lambda x: x / np.linalg.norm(x)
      keys = [k for k in range(len(key)) if counts[q, k] or k == q]
      cosine = [unit(query[q, p]) @ unit(key[k, p]) for k in keys]
      logits = np.array(cosine) / temperature
      chances = -(logits - np.log(np.exp(logits).sum()))
      own = keys.index(q)
      terms.append((1 - smoothing) * chances[own] + smoothing * chances.mean())
      hits.append(logits.argmax() == own)
  return np.mean(terms), np.mean(hits)


@pytest.mark.parametrize('smoothing', [0.0, 0.3])
def test_infonce_counts_only_what_is_allowed(smoothing):
  rng = np.random.default_rng(0)
  query, noise = rng.normal(size=(2, 6, 3, 8))
  key = query + 1.5 * noise
  cameras = np.array([0, 0, 0, 1, 1, 2])  # the last one has no negative
  allowed = cameras[:, None] == cameras
  allowed[0, 1] = allowed[4, 4] = False  # one direction; the positive counts

  def loss(query, allowed):
    return losses.infonce_loss(query, key, 0.1, smoothing, allowed)

  (value, metrics), slope = _value_and_grad(loss)(query, allowed)
  expected, hits = _contrast(query, key, 0.1, smoothing, allowed)
  np.testing.assert_allclose(value, expected, rtol=1e-5)
  np.testing.assert_allclose(metrics['accuracy'], hits)
  assert np.isfinite(slope).all() and slope[:5].any(axis=(1, 2)).all()
  assert not slope[5].any()

  everything = np.ones((6, 6), bool)
  all_keys = losses.infonce_loss(query, key, 0.1, smoothing)
  np.testing.assert_allclose(loss(query, everything)[0], all_keys[0], rtol=1e-6)


@pytest.mark.parametrize('smoothing', [0.0, 0.3])
@pytest.mark.parametrize('by_camera', [False, True])
@pytest.mark.parametrize('share', [0.1, 0.5, 0.999])
def test_infonce_ignores_the_nearest_negatives(share, by_camera, smoothing):
  rng = np.random.default_rng(0)
  query, noise = rng.normal(size=(2, 9, 3, 8))
  key = query + 1.5 * noise
  cameras = np.arange(9) // 4 * by_camera
  allowed = cameras[:, None] == cameras
  unit = lambda x: x / np.linalg.norm(x, axis=2, keepdims=True)
  cosine = np.einsum('bpd,kpd->bk', unit(query), unit(key)) / 3
  counts = allowed.copy()
  for row in range(9):
    others = [k for k in range(9) if allowed[row, k] and k != row]
    nearest = sorted(others, key=lambda k: -cosine[row, k])
    counts[row, nearest[: round(share * len(others))]] = False
  assert (counts != allowed).any() == (not by_camera or share > 0.1)
  value, metrics = losses.infonce_loss(
    query, key, 0.1, smoothing, allowed if by_camera else None, share
  )
  expected, hits = _contrast(query, key, 0.1, smoothing, counts)
  np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(metrics['accuracy'], hits)


def test_bfloat16_is_computed_in_float32():
  rng = np.random.default_rng(0)
  embeddings = jnp.asarray(rng.normal(size=(8, 2, 64)), jnp.bfloat16)
  labels = np.arange(8) // 2
  rounded = np.asarray(embeddings, np.float32)
  value, _ = triplet_loss(embeddings, labels)
  assert value.dtype == jnp.float32
  np.testing.assert_allclose(
    value, _brute_force(rounded, labels, 0.2)[0].mean(), rtol=1e-5
  )
