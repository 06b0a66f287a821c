"""Bodies of forms become files of our own names, whatever they hold."""

import asyncio

import hypothesis
import pytest
from hypothesis import strategies as st

from selfgait_jax import errors
from selfgait_jax.serve import parts, uploads, videos

FEW = hypothesis.settings(
  max_examples=50,
  derandomize=True,
  database=None,
  deadline=None,
  suppress_health_check=list(hypothesis.HealthCheck),
)
KIND = 'multipart/form-data; boundary=cut'


def body_of(files):
  """Of (name, content) as bytes."""
  return b''.join(
    b'--cut\r\nContent-Disposition: form-data; name="files"; filename="'
    + name + b'"\r\n\r\n' + content + b'\r\n'
    for name, content in files
  ) + b'--cut--\r\n'  # fmt: skip


def receive(folder, body, kind=KIND, size=1000):
  async def stream():
    for start in range(0, len(body), size):
      yield body[start : start + size]

  return asyncio.run(uploads.receive(stream(), kind, folder))


def named(folder, *names):
  files = [(name.encode(), name.encode()) for name in names]
  return receive(folder / 'upload', body_of(files))


@pytest.mark.parametrize(
  'name',
  [
    '../../../outside/1.png',
    '..\\..\\outside\\1.png',
    '/outside/1.png',
    'C:\\outside\\1.png',
    './/outside/./1.png',
    'outside/../1.png',
  ],
)
def test_names_are_text_and_never_paths(tmp_path, name):
  upload = named(tmp_path, name)
  [item] = upload.items
  assert item.source in ('outside', uploads.UNNAMED, 'C:/outside')
  assert item.frames == ('1.png',)
  assert [path.name for path in tmp_path.iterdir()] == ['upload']
  written = [path for path in tmp_path.rglob('*') if path.is_file()]
  assert written == [upload.folder / '000000/000000.png']
  upload.remove()
  assert not list(tmp_path.iterdir())


def test_frames_of_a_folder_are_one_clip_in_their_order(tmp_path):
  upload = named(
    tmp_path, 'b/10.png', 'b/9.png', 'a2.npy', 'a10.NPZ', 'b/c/1.png', '7.png'
  )
  assert [(item.source, item.frames) for item in upload.items] == [
    ('dropped frames', ('7.png',)),
    ('a2.npy', ()),
    ('a10.NPZ', ()),
    ('b', ('9.png', '10.png')),
    ('b/c', ('1.png',)),
  ]
  first = upload.folder / '000003/000000.png'
  assert first.read_bytes() == b'b/9.png'
  assert upload.items[2].path.endswith('000002.npz')


def test_files_of_one_name_are_all_kept(tmp_path):
  upload = named(tmp_path, 'a.npy', 'a.npy', 'b/1.png', 'b/1.png')
  assert [item.source for item in upload.items] == ['a.npy', 'a.npy', 'b']
  assert upload.items[2].frames == ('1.png', '1.png')


def test_other_files_are_named_and_hidden_ones_are_not(tmp_path):
  upload = named(
    tmp_path, 'a.npy', 'x.pkl', 'x.exe', '.DS_Store', '.git/a.npy', 'a.zip'
  )
  assert [item.source for item in upload.items] == ['a.npy']
  assert upload.note.startswith('3 files left out (x.pkl, x.exe, a.zip)')
  assert videos.is_video('a.MP4')


@pytest.mark.parametrize(
  ('body', 'kind', 'status'),
  [
    (b'', KIND, 400),
    (b'nonsense', KIND, 400),
    (body_of([(b'a.npy', b'x')])[:-20], KIND, 400),
    (body_of([(b'a.txt', b'x')]), KIND, 400),
    (body_of([(b'', b'')]), KIND, 400),
    (body_of([(b'a.npy', b'x')]), 'application/json', 415),
    (body_of([(b'a.npy', b'x')]), 'multipart/form-data', 415),
    (body_of([(b'a.npy', b'x')] * 5), KIND, 413),
    (body_of([(b'a.npy', b'x' * 5000)]), KIND, 413),
    (body_of([(b'a.txt', b'x' * 5000)]), KIND, 413),
    (b'--cut\r\n' + b'x' * 9000, KIND, 400),
  ],
)
def test_bad_bodies_end_in_a_sentence_and_leave_nothing(
  tmp_path, monkeypatch, body, kind, status
):
  monkeypatch.setattr(parts, 'MOST_FILES', 4)
  monkeypatch.setattr(parts, 'MOST_BYTES', 4000)
  with pytest.raises(errors.UserError, match='expected') as caught:
    receive(tmp_path / 'upload', body, kind)
  assert caught.value.status == status
  assert not list(tmp_path.iterdir())


def test_a_full_disk_ends_in_a_sentence(tmp_path, monkeypatch):
  def full(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(uploads, '_arranged', full)
  with pytest.raises(errors.UserError, match='free space'):
    named(tmp_path, 'a.npy')
  assert not list(tmp_path.iterdir())


NAMES = st.binary(max_size=40) | st.sampled_from(
  [b'../a.png', b'a/b/1.png', b'/etc/x.npy', b'a\0.png', b'\xff.npz', b'a.png/']
)


@FEW
@hypothesis.given(
  st.lists(st.tuples(NAMES, st.binary(max_size=30)), max_size=5)
)
def test_any_names(tmp_path_factory, files):
  root = tmp_path_factory.mktemp('any')
  check(root, body_of(files))


@FEW
@hypothesis.given(st.data())
def test_any_body(tmp_path_factory, data):
  body = body_of([(b'a/1.png', b'one'), (b'a/2.png', b'two')])
  for _ in range(data.draw(st.integers(1, 3))):
    place = data.draw(st.integers(0, len(body)))
    left_out, added = data.draw(st.integers(0, 60)), st.binary(max_size=20)
    body = body[:place] + data.draw(added) + body[place + left_out :]
  check(tmp_path_factory.mktemp('any'), body)


def check(root, body):
  """Files with names of our own come out, or a sentence and no file."""
  try:
    upload = receive(root / 'upload', body, size=7)
  except errors.UserError as error:
    assert str(error).isprintable() and not list(root.iterdir())
    return
  for path in upload.folder.rglob('*'):
    assert path.name.split('.')[0].isdigit()
  for item in upload.items:
    assert item.source
  upload.remove()
  assert not list(root.iterdir())
