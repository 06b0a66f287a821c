"""The private parts of JAX are where the program looks for them."""

import pytest

from selfgait_jax import errors
from selfgait_jax.machine import jax_private


def test_they_are_there():
  assert jax_private.process_id() == 0
  assert jax_private.process_count() == 1
  assert jax_private.coordination_client() is None
  assert jax_private.cluster_size() == 1


@pytest.mark.parametrize('place', [('moved', 'x'), ('distributed', 'moved')])
def test_a_part_that_jax_moved_is_an_error(place):
  with pytest.raises(
    errors.UserError, match='expected jax._src.*in JAX.*; ins'
  ):
    jax_private._find(*place)
