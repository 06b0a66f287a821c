"""Generators that depend on nothing but their name."""

from selfgait_jax.data import draws


def test_a_generator_is_a_function_of_its_words():
  words = [(0, 'a', 1), (0, 'a', 2), (0, 'b', 1), (1, 'a', 1), (-1, 'a', 1)]
  drawn = [draws.generator(*w).random() for w in words]
  assert len(set(drawn)) == len(words)
  assert drawn == [draws.generator(*w).random() for w in words]


def test_the_numbers_drawn_do_not_change():
  # Rendered walkers, batches and subsets of subjects all come from these.
  drawn = draws.generator(3, 'pretrain', 7).integers(1000, size=4)
  assert drawn.tolist() == [118, 872, 42, 837]
