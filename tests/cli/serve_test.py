"""The command that serves a gallery: what it prints, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest
import small_run

from selfgait_jax.cli import command


@pytest.fixture
def serve(capsys, tmp_path):
  """The complaint of a `selfgait serve` that cannot start."""

  def serve(*options, gallery=tmp_path / 'people.gallery'):
    assert command.main(['serve', str(gallery), *options]) == 1
    return capsys.readouterr().err

  return serve


def test_an_address_that_cannot_be_had_is_said(serve):
  with socket.create_server(('127.0.0.1', 0)) as taken:
    said = serve(f'--port={taken.getsockname()[1]}')
  assert 'change --host or --port' in said
  assert 'change --host or --port' in serve('--host=192.0.2.1')
  assert 'change --host or --port' in serve('--host=.x')
  assert 'from 0 to 65535' in serve('--port=99999')


def test_a_gallery_that_cannot_be_made_is_said(serve, tmp_path):
  assert 'a folder' in serve(gallery=tmp_path)
  (tmp_path / 'x').write_bytes(b'no gallery' * 1000)
  assert 'gallery' in serve('--port=0', gallery=tmp_path / 'x')


def test_a_missing_package_is_said(serve, monkeypatch):
  monkeypatch.setitem(sys.modules, 'uvicorn', None)
  assert 'pip install "selfgait_jax[serve]"' in serve()


@pytest.mark.slow
@pytest.mark.parametrize(
  ('options', 'asked', 'status'),
  [((), signal.SIGINT, 130), (('--host=0.0.0.0',), signal.SIGTERM, 143)],
)
def test_it_serves_until_it_is_asked_to_end(tmp_path, options, asked, status):
  program = (
    'import sys; from selfgait_jax.cli import command; sys.exit(command.main())'
  )
  folder = tmp_path / 'temporary'
  folder.mkdir()
  process = subprocess.Popen(
    [sys.executable, '-c', program, 'serve', tmp_path / 'a', '--port=0']
    + list(options),
    cwd=small_run.ROOT,
    env=os.environ | {'TMPDIR': str(folder)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  try:
    said = process.stdout.readline()
    port = re.search(r':(\d+)/', said)[1]
    token = re.search(r'token=(\S+)', said)
    assert bool(token) == bool(options)
    address = f'http://127.0.0.1:{port}'
    bearer = {'authorization': f'Bearer {token[1]}'} if token else {}
    assert 'Nobody yet' in httpx.get(address, headers=bearer).text
    if token:
      assert httpx.get(address).status_code == 401
    assert any(folder.glob('selfgait-*'))
    process.send_signal(asked)
    assert process.wait(20) == status
    assert not any(folder.glob('selfgait-*'))
    assert 'Traceback' not in process.stderr.read()
  finally:
    process.kill()
    process.communicate()
