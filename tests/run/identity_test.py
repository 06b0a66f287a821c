"""The hash of a config covers what changes a number, and nothing else."""

import pytest

from selfgait_jax.configs import synthetic
from selfgait_jax.run import identity


def hash_of(**changes):
  config = synthetic.get_config('smoke')
  config.update_from_flattened_dict(
    {key.replace('__', '.'): value for key, value in changes.items()}
  )
  return identity.config_hash(config)


OFF = {'log__held_out_every_steps': 0, 'data__packed_file': ''}
CHECKED = OFF | {'log__held_out_every_steps': 5, 'log__held_out_subjects': 2}
PACKED = OFF | {'data__packed_file': '/a.npz'}


@pytest.mark.parametrize(
  ('one', 'other'),
  [
    (OFF, CHECKED),  # other subjects train
    (CHECKED, CHECKED | {'log__held_out_subjects': 1}),
    (OFF, PACKED),  # grey pixels become black or white
    (OFF, OFF | {'seed': 1}),
    (OFF, OFF | {'data__min_frames': 7}),
  ],
)
def test_what_changes_a_number_is_hashed(one, other):
  assert hash_of(**one) != hash_of(**other)


@pytest.mark.parametrize(
  ('one', 'other'),
  [
    (OFF, OFF | {'log__held_out_subjects': 3}),
    (CHECKED, CHECKED | {'log__held_out_every_steps': 7}),
    (CHECKED, CHECKED | {'log__held_out_frames': 3}),
    (PACKED, PACKED | {'data__packed_file': '/b.npz'}),
    (OFF, OFF | {'data__loader': 'device', 'log__every_steps': 1}),
    (OFF, OFF | {'eval__show_people': True}),
  ],
)
def test_what_changes_no_number_is_not(one, other):
  assert hash_of(**one) == hash_of(**other)
