"""Messages are one printable line of bounded length, whatever they quote."""

import pickle

import pytest

from selfgait_jax import errors


@pytest.mark.parametrize(
  ('text', 'shown'),
  [
    ('nm-01/090.png', 'nm-01/090.png'),
    ('Grüße, 步态', 'Grüße, 步态'),
    ('x\nerror: all fine', r'x\nerror: all fine'),
    ('\x1b[2J\x00\r\t\x7f', r'\x1b[2J\x00\r\t\x7f'),
    ('\u2028\u202e\ufeff', r'\u2028\u202e\ufeff'),
    (b'\xff\xfe.png'.decode('utf-8', 'surrogateescape'), r'\udcff\udcfe.png'),
    (7, '7'),
  ],
)
def test_what_cannot_be_printed_is_escaped(text, shown):
  assert errors.printable(text) == shown
  assert str(errors.UserError(text)) == shown
  shown.encode()  # any UTF-8 terminal takes it


@pytest.mark.parametrize('character', ['a', '\n', '\U000e0001'])
@pytest.mark.parametrize('length', [199, 200, 201, 400, 401, 20_000_000])
def test_length_is_bounded_and_both_ends_are_shown(character, length):
  text = 'begin' + (length - 8) * character + 'end'
  shown = errors.printable(text)
  assert len(shown) <= 200
  assert shown.startswith('begin') and shown.endswith('end')
  assert ('...' in shown) == (character != 'a' or length > 200)


def test_an_error_survives_the_way_out_of_a_worker():
  error = errors.UserError('a\\b\n' + 5000 * 'x')
  again = pickle.loads(pickle.dumps(error))
  assert str(again) == str(error)
  assert len(str(error)) <= errors.LONGEST_MESSAGE
