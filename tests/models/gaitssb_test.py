"""GaitSSB: the head of fine-tuning."""

import jax
import numpy as np
import random_networks
from random_networks import UNOPTIMISED, drawn, error


def test_head_of_fine_tuning():
  """Unit projections times the unit columns of a matrix for each part."""
  model = random_networks.make('gaitssb', head='linear')
  _, variables, _ = drawn('gaitssb')
  rng = np.random.default_rng(2)
  kernel = rng.normal(size=(16, 6, 6)).astype(np.float32)
  params = {k: v for k, v in variables['params'].items() if k != 'predictor'}
  params['part_linear'] = {'kernel': kernel}
  found = jax.jit(model.apply, compiler_options=UNOPTIMISED)(
    variables | {'params': params}, rng.random((2, 3, 64, 8), np.float32)
  )
  assert set(found) == {'pooled', 'projection', 'embedding'}
  unit = lambda x, axis: x / np.linalg.norm(x, axis=axis, keepdims=True)
  projection = np.asarray(found['projection'])
  expected = np.einsum('bpc,pcd->bpd', unit(projection, 2), unit(kernel, 1))
  assert error(found['embedding'], expected) < 1e-5
