"""Folders and files of masks become clips; what is bad is left out."""

import json
import os
import pathlib
import pickle
import tracemalloc
import zipfile

import cv2
import fabricated
import numpy as np
import pytest

import selfgait_jax
from selfgait_jax import errors
from selfgait_jax.data.prepare import alignment


def person(height=120, width=90, left=30):
  """A raw mask, uint8 [H, W]; the head is narrower than the body."""
  mask = np.zeros((height, width), np.uint8)
  mask[4:-4, left : left + 30] = 255
  mask[4:24, left : left + 10] = 0
  return mask


def read_one(path, **options):
  clips = selfgait_jax.read_clips(path, **options)
  assert len(clips) == 1
  return clips[0]


def write(path, frame):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(bytes(cv2.imencode('.png', frame)[1]))


def test_frames_come_in_order_of_their_numbers(tmp_path):
  frames = fabricated.silhouettes(frames=12)
  for n, frame in enumerate(frames):
    write(tmp_path / f'{n}.png', frame)
  clip = read_one(tmp_path)
  np.testing.assert_array_equal(clip.frames, frames)
  assert clip.source == str(tmp_path) and clip.left_out == ()


def test_all_clips_of_a_tree_in_order_of_numbers(tmp_path):
  frames = fabricated.silhouettes()
  for name in ('p10/a', 'p2/a', 'p2/b/deeper'):
    fabricated.write_pngs(tmp_path / name, frames)
  np.save(tmp_path / 'p2' / 'array.npy', frames)
  fabricated.write_pickle(tmp_path / 'p2' / 'nm' / '000', frames)
  np.savez(tmp_path / 'p1.npz', second=frames, first=frames)
  (tmp_path / '.hidden').mkdir()
  (tmp_path / 'empty').mkdir()
  (tmp_path / 'notes.txt').write_text('not a clip')
  clips = selfgait_jax.read_clips(tmp_path)
  found = [os.path.relpath(clip.source, tmp_path) for clip in clips]
  assert found == [
    'p1.npz:second', 'p1.npz:first', 'p2/array.npy', 'p2/a',
    'p2/b/deeper', 'p2/nm/000/000.pkl', 'p10/a',
  ]  # fmt: skip
  assert all(len(clip.frames) == 3 and not clip.left_out for clip in clips)


def test_a_part_of_the_clips_and_several_paths(tmp_path):
  for name in 'abc':
    np.save(tmp_path / f'{name}.npy', fabricated.silhouettes())
  clips = selfgait_jax.read_clips([tmp_path / 'a.npy', str(tmp_path)])
  assert [c.source[-5] for c in clips] == list('aabc')
  assert [c.source[-5] for c in clips[2:]] == ['b', 'c']
  assert clips[-1].source.endswith('c.npy')


@pytest.mark.parametrize('width', [64, 44])
def test_aligned_sizes_are_taken_as_they_are(tmp_path, width):
  frames = fabricated.silhouettes(width=width)
  np.save(tmp_path / 'a.npy', frames)
  np.testing.assert_array_equal(read_one(tmp_path).frames, frames)
  aligned = read_one(tmp_path, align='always').frames
  np.testing.assert_array_equal(
    aligned, np.stack([alignment.align(frame) for frame in frames])
  )


def test_other_sizes_are_aligned_or_left_out(tmp_path):
  masks = [person(), person(160, 200, 9)]  # two sizes in one clip
  for n, mask in enumerate(masks):
    write(tmp_path / f'{n}.png', mask)
  clip = read_one(tmp_path)
  expected = np.stack([alignment.align(mask) for mask in masks])
  np.testing.assert_array_equal(clip.frames, expected)
  clip = read_one(tmp_path, align='never')
  assert clip.frames.shape == (0, 64, 64)
  assert '120 x 90 pixels, expected 64 x 64' in clip.left_out[0]


@pytest.mark.parametrize('few', ['raw', 'ready', 'cut'])
def test_where_sizes_are_mixed_the_more_frequent_kind_decides(tmp_path, few):
  ready, cut = (
    fabricated.silhouettes(frames=1, width=width)[0] for width in (64, 44)
  )
  frames = {
    'raw': [person(), ready, ready],
    'ready': [person(), ready, person()],
    'cut': [cut, ready, ready],
  }
  for n, frame in enumerate(frames[few]):
    write(tmp_path / f'{n}.png', frame)
  clip = read_one(tmp_path)
  if few == 'ready':
    assert len(clip.frames) == 3 and not clip.left_out
  else:
    assert len(clip.frames) == 2
    assert clip.left_out == (
      '1 of 3 frames left out (0.png): of another size than the 64 x 64 '
      'pixels of most',
    )


@pytest.mark.parametrize(
  'dtype', [bool, np.uint8, np.float16, np.float32, '>f8', np.int64, np.uint16]
)
@pytest.mark.parametrize('kind', ['npy', 'npz', 'compressed', 'fortran'])
def test_masks_of_0_and_1_become_white(tmp_path, dtype, kind):
  white = fabricated.silhouettes() > 127
  array = white.astype(dtype)
  if kind == 'npy':
    np.save(tmp_path / 'a.npy', array)
  elif kind == 'fortran':
    np.save(tmp_path / 'a.npy', np.asfortranarray(array))
  else:
    save = np.savez if kind == 'npz' else np.savez_compressed
    save(tmp_path / 'a.npz', clip=array)
  np.testing.assert_array_equal(
    read_one(tmp_path).frames, white * np.uint8(255)
  )


BAD_FRAMES = {
  'blank': (np.zeros((64, 64), np.uint8), 'blank'),
  'inverted': (255 - fabricated.silhouettes(1)[0], 'make the person white'),
  'all white': (np.full((64, 64), 255, np.uint8), 'make the person white'),
  'dim': (fabricated.silhouettes(1)[0] // 3, 'brighter than 127'),
  'labels of a colour image': (
    fabricated.silhouettes(1)[0][..., None] // np.array([4, 255, 4], np.uint8),
    'brighter than 127',
  ),
  'low numbers in 16 bits': (
    fabricated.silhouettes(1)[0].astype(np.uint16),
    'brighter than 127',
  ),
}


@pytest.mark.parametrize('case', BAD_FRAMES)
def test_a_bad_frame_is_left_out_and_the_clip_goes_on(tmp_path, case):
  frames, (bad, reason) = fabricated.silhouettes(3), BAD_FRAMES[case]
  write(tmp_path / '1.png', frames[0])
  write(tmp_path / '2.png', bad)
  write(tmp_path / '3.png', frames[1])
  clip = read_one(tmp_path)
  np.testing.assert_array_equal(clip.frames, frames[:2])
  assert len(clip.left_out) == 1
  assert clip.left_out[0].startswith('1 of 3 frames left out (2.png): ')
  assert reason in clip.left_out[0]


@pytest.mark.parametrize(
  'content', [b'', b'not a PNG', b'\x89PNG\r\n\x1a\n' + bytes(40)]
)
def test_an_unreadable_frame_is_left_out(tmp_path, content):
  fabricated.write_pngs(tmp_path / 'a', fabricated.silhouettes())
  (tmp_path / 'a' / '7.png').write_bytes(content)
  clip = read_one(tmp_path)
  assert len(clip.frames) == 3 and '(7.png)' in clip.left_out[0]


def test_colour_and_16_bit_frames_are_read(tmp_path):
  frame = fabricated.silhouettes(1)[0]
  white = (frame > 127) * np.uint8(255)
  write(tmp_path / '1.png', np.repeat(white[..., None], 3, 2))
  write(tmp_path / '2.png', white.astype(np.uint16) * 257)
  clip = read_one(tmp_path)
  np.testing.assert_array_equal(clip.frames, [white, white])


def test_a_frame_of_nan_is_left_out(tmp_path):
  array = (fabricated.silhouettes() / 255).astype(np.float32)
  array[1, 5, 5] = np.nan
  np.save(tmp_path / 'a.npy', array)
  clip = read_one(tmp_path)
  assert len(clip.frames) == 2
  assert '(frame 1): values nan to nan, expected 0..1' in clip.left_out[0]


def npz(**members):
  """A .npz file of raw member contents."""

  def make(path):
    with zipfile.ZipFile(path, 'w') as archive:
      for name, content in members.items():
        archive.writestr(f'{name}.npy', content)

  return make


def saved(array, **options):
  return lambda path: np.save(path, array, **options)


def header(shape, dtype="'|u1'", fortran=False):
  text = f"{{'descr': {dtype}, 'fortran_order': {fortran}, 'shape': {shape}}}\n"
  return b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text.encode()


BAD_FILES = {
  'empty.npy': (lambda p: p.write_bytes(b''), 'not a NumPy file'),
  'text.npy': (lambda p: p.write_text('1 2 3'), 'not a NumPy file'),
  'text.npz': (lambda p: p.write_text('1 2 3'), 'not a NumPy file'),
  'folder.npz': (lambda p: p.symlink_to('/dev/null'), 'not a file'),
  'empty.npz': (np.savez, 'without arrays'),
  'object.npy': (
    saved(np.array([{'a': 1}], object), allow_pickle=True),
    'an array of shape 1, expected',
  ),
  'objects.npy': (
    saved(np.full((2, 8, 8), None), allow_pickle=True),
    'elements of type object',
  ),
  'one.npy': (saved(np.zeros((64, 64))), 'shape 64 x 64, expected [T, H, W]'),
  'scalar.npy': (saved(np.float32(1)), 'no axis'),
  'colour.npy': (
    saved(np.zeros((3, 64, 64, 3), np.uint8)),
    'colour as one channel',
  ),
  'none.npy': (saved(np.zeros((0, 64, 64), np.uint8)), '0 frames'),
  'no_width.npy': (saved(np.zeros((3, 64, 0), np.uint8)), '3 x 64 x 0'),
  'text_type.npy': (saved(np.full((2, 8, 8), 'a')), 'elements of type <U1'),
  'complex.npy': (saved(np.ones((2, 8, 8), complex)), 'complex128'),
  'grey_float.npy': (
    saved(fabricated.silhouettes().astype(np.float32)),
    'expected 0..1 or uint8',
  ),
  'negative.npy': (saved(np.full((2, 64, 64), -1)), 'expected 0..1'),
  'inverted.npy': (saved(255 - fabricated.silhouettes()), 'the person white'),
  'huge.npy': (
    lambda p: p.write_bytes(header((9000, 4096, 4096))),
    'more than 4 GiB',
  ),
  'huger.npy': (lambda p: p.write_bytes(header((10**30, 8, 8))), 'frames'),
  'wide.npy': (lambda p: p.write_bytes(header((1, 8, 10**9))), 'up to 4096'),
  'axes.npy': (lambda p: p.write_bytes(header((1,) * 500)), 'expected [T'),
  'cut_fortran.npy': (
    lambda p: p.write_bytes(header((9, 64, 64), fortran=True)),
    'ends too early',
  ),
  'nested.npy': (lambda p: p.write_bytes(header('(' * 3000)), 'not a NumPy'),
  'newer.npy': (
    lambda p: p.write_bytes(b'\x93NUMPY\x03\x00' + bytes(9)),
    'version (3, 0)',
  ),
  'bomb.npz': (npz(a=header((4000, 4096, 4096))), 'more than 4 GiB'),
  'code.pkl': (
    lambda p: p.write_bytes(b'cposix\nmkdir\n(X\1\0\0\0xtR.'),
    'posix.mkdir',
  ),
  'list.pkl': (lambda p: p.write_bytes(pickle.dumps([1])), 'list'),
  'frame.png': (lambda p: p.write_bytes(b'no'), 'not a PNG'),
}


@pytest.mark.parametrize('name', BAD_FILES)
def test_a_bad_file_is_refused_in_a_sentence_and_the_others_go_on(
  tmp_path, name
):
  make, reason = BAD_FILES[name]
  make(tmp_path / name)
  np.save(tmp_path / 'zz.npy', fabricated.silhouettes())
  clips = {c.source: c for c in selfgait_jax.read_clips(tmp_path)}
  assert len(clips.pop(str(tmp_path / 'zz.npy')).frames) == 3
  (bad,) = clips.values()
  assert bad.frames.shape == (0, 64, 64)
  (sentence,) = bad.left_out
  assert reason in sentence and sentence.isprintable()


def test_the_frames_before_a_cut_are_kept(tmp_path):
  path = tmp_path / 'a.npy'
  np.save(path, fabricated.silhouettes(6))
  path.write_bytes(path.read_bytes()[:-5000])
  clip = read_one(path)
  assert len(clip.frames) == 4
  assert '2 of 6 frames left out (frame 4, frame 5)' in clip.left_out[0]


def test_an_array_with_a_wrong_checksum_is_refused_whole(tmp_path):
  path = tmp_path / 'a.npz'
  np.savez(path, a=fabricated.silhouettes(6), b=fabricated.silhouettes(6))
  content = bytearray(path.read_bytes())
  content[3000] ^= 255
  path.write_bytes(content)
  first, second = selfgait_jax.read_clips(path)
  assert not len(first.frames) and 'CRC' in first.left_out[0]
  assert len(second.frames) == 6


def test_many_bad_frames_take_few_sentences(tmp_path):
  for n in range(30):
    (tmp_path / f'{n}.png').write_bytes(b'x' * (n % 3))
    write(tmp_path / f'size{n}.png', person(100 + n, 90))
  clip = read_one(tmp_path, align='never')
  assert not len(clip.frames) and len(clip.left_out) == 9
  assert clip.left_out[0].startswith('20 of 60 frames left out (1.png, 2.png')
  assert clip.left_out[-1].endswith('for other reasons')


@pytest.mark.parametrize(
  'name',
  [
    'ünïcode 歩', 'a "quoted" \'name\'', 'new\nline', '<b>html<i>',
    'a;b$(c)', '-rf', 'tab\t\x1b[2J', b'not utf-8 \xff\xfe'.decode(
      'utf-8', 'surrogateescape'
    ),
  ],
)  # fmt: skip
def test_any_name_is_read(tmp_path, name):
  folder = tmp_path / name
  fabricated.write_pngs(folder, [])
  write(folder / '1.png', fabricated.silhouettes(1)[0])
  (folder / f'{name}.png').write_bytes(b'bad')
  clip = read_one(tmp_path)
  assert len(clip.frames) == 1 and clip.source == str(folder)
  assert clip.left_out[0].isprintable()
  assert json.dumps(clip.source)


def test_links_are_followed_but_not_in_circles(tmp_path):
  fabricated.write_pngs(tmp_path / 'a' / 'walk', fabricated.silhouettes())
  (tmp_path / 'a' / 'walk' / 'up').symlink_to(tmp_path)
  (tmp_path / 'b').symlink_to(tmp_path / 'a' / 'walk')
  found = [clip.source for clip in selfgait_jax.read_clips(tmp_path / 'a')]
  assert found == [str(tmp_path / 'a' / 'walk')]


def test_a_named_pipe_is_not_waited_for(tmp_path):
  os.mkfifo(tmp_path / 'a.npy')
  os.mkfifo(tmp_path / 'b.png')
  for clip in selfgait_jax.read_clips(tmp_path):
    assert not len(clip.frames) and 'not a file' in clip.left_out[0]


@pytest.mark.parametrize('name', ['missing', 'file.txt', 'empty', 'others'])
def test_no_clip_at_all_is_an_error_in_one_sentence(tmp_path, name):
  (tmp_path / 'file.txt').write_text('')
  (tmp_path / 'empty').mkdir()
  (tmp_path / 'others').mkdir()
  (tmp_path / 'others' / 'a.jpg').write_text('')
  with pytest.raises(errors.UserError, match='^expected .* found .*; '):
    selfgait_jax.read_clips(tmp_path / name)


def test_an_unknown_way_to_align_is_an_error(tmp_path):
  with pytest.raises(errors.UserError, match='auto, always, never'):
    selfgait_jax.read_clips(tmp_path, align='sometimes')
  with pytest.raises(errors.UserError, match='at least one path'):
    selfgait_jax.read_clips([])


def test_memory_does_not_grow_with_the_number_of_clips(tmp_path):
  frames = fabricated.silhouettes(30)
  few, many = tmp_path / 'few.npz', tmp_path / 'many.npz'
  np.savez_compressed(few, **{f'c{n}': frames for n in range(10)})
  np.savez_compressed(many, **{f'c{n}': frames for n in range(200)})
  assert peak(many) < peak(few) + 1_000_000  # 24 MB of frames


def peak(path: pathlib.Path) -> int:
  tracemalloc.start()
  try:
    assert all(len(c.frames) == 30 for c in selfgait_jax.read_clips(path))
    return tracemalloc.get_traced_memory()[1]
  finally:
    tracemalloc.stop()
