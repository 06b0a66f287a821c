"""The page in a browser, by two people at once."""

import functools
import http.server
import os
import shutil
import socket
import threading

import numpy as np
import pytest
import served
from fabricated import write_pngs

from selfgait_jax.data.walkers import walkers
from selfgait_jax.gallery.gallery import Gallery
from selfgait_jax.serve import app, service

sync_api = pytest.importorskip('playwright.sync_api')
uvicorn = pytest.importorskip('uvicorn')

NAMES = 'chromium', 'chromium-browser', 'google-chrome'
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
SCRIPT = '<img src=x onerror=alert(1)><script>alert(1)</script>'
pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(not BROWSER, reason='no Chromium on this machine'),
]


@pytest.fixture
def address(tmp_path):
  """Of a page that is served for real."""
  with (
    service.Service(tmp_path / 'people.gallery', served.Embedder()) as one,
    socket.create_server(('127.0.0.1', 0)) as bound,
  ):
    config = uvicorn.Config(app.make_app(one), log_level='warning', ws='none')
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    yield f'http://127.0.0.1:{bound.getsockname()[1]}'
    server.should_exit = True
    thread.join()


@pytest.fixture
def chromium():
  with sync_api.sync_playwright() as playwright:
    # Chromium's own sandbox does not start as root.
    flags = [] if os.getuid() else ['--no-sandbox']
    browser = playwright.chromium.launch(executable_path=BROWSER, args=flags)
    yield browser
    browser.close()


@pytest.fixture
def sessions(chromium):
  """Two browsers of two people; nothing may go wrong in them."""
  wrong, pages = [], []
  for width in (1280, 390):
    size = {'width': width, 'height': 800}
    page = chromium.new_context(viewport=size).new_page()
    page.on('dialog', lambda found: wrong.append(found.message))
    page.on('pageerror', lambda found: wrong.append(str(found)))
    page.on('console', lambda m: m.type == 'error' and wrong.append(m.text))
    pages.append(page)
  yield pages
  assert not wrong


@pytest.fixture
def elsewhere(tmp_path):
  """The address of a page of another origin, whose HTML is to be written."""
  folder = tmp_path / 'elsewhere'
  folder.mkdir()

  class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
      pass

  handler = functools.partial(Quiet, directory=folder)
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
    threading.Thread(target=server.serve_forever).start()
    yield folder, f'http://localhost:{server.server_port}'
    server.shutdown()


def test_two_people_click_through_the_page(address, sessions, tmp_path):
  first, second = sessions
  for person in (1, 2):
    for condition in ('nm-01', 'nm-02'):
      frames = walkers.render_sequence(f'{person}', condition, '090', 30, 0)
      write_pngs(tmp_path / f'p{person}' / condition, frames)
  np.save(tmp_path / 'blank.npy', np.zeros((30, 64, 64), np.uint8))

  first.goto(address)
  second.goto(address)
  choose(first, tmp_path / 'p1')
  first.get_by_role('heading', name='2 clips').wait_for()
  picture = first.get_by_role('img', name='Frames of p1/nm-01').first
  assert picture.evaluate('image => image.naturalWidth') == 396
  first.get_by_label('Name of the person').fill(SCRIPT)
  first.get_by_role('button', name='Enrol').click()
  first.get_by_text('2 of 2 clips enrolled').wait_for()

  drop_files(
    second, [tmp_path / 'blank.npy', tmp_path / 'p1/nm-01/nm-01-003.png']
  )
  second.get_by_role('heading', name='2 clips').wait_for()
  assert second.get_by_text('refused', exact=True).count() == 2
  second.get_by_role('link', name='Drop other clips').click()
  choose(second, tmp_path / 'p2')
  second.get_by_role('heading', name='2 clips').wait_for()
  row = second.get_by_role('row', name=SCRIPT).first
  assert SCRIPT in row.inner_text()
  second.get_by_label('Enrol this clip p2/nm-01').uncheck()
  second.get_by_label('Name of the person').fill('ben')
  second.keyboard.press('Enter')
  second.get_by_text('1 of 1 clips enrolled').wait_for()

  first.goto(address)
  with first.expect_download() as download:
    first.get_by_role('link', name='Save the table').click()
  assert 'ben' in open(download.value.path(), encoding='utf-8').read()
  first.get_by_role('link', name=SCRIPT).click()
  first.get_by_label('New name').fill('anna')
  first.get_by_role('button', name='Rename').click()
  first.get_by_role('link', name='anna', exact=True).click()
  first.get_by_role('button', name='Forget').click()  # not yet ticked
  assert '/people/' in first.url
  first.get_by_label('Yes, forget').check()
  first.get_by_role('button', name='Forget').click()
  first.get_by_text('is forgotten').wait_for()
  second.goto(address)
  assert second.get_by_role('row').count() == 2  # the titles, and ben
  for page in sessions:
    wide = 'document.documentElement.scrollWidth - innerWidth'
    assert page.evaluate(wide) <= 0


def test_an_attack_from_another_page_does_nothing(
  address, chromium, elsewhere, tmp_path
):
  walk = walkers.render_sequence('1', 'nm-01', '090', 30, 0)
  with Gallery.open(tmp_path / 'people.gallery', served.Embedder()) as gallery:
    gallery.enrol('anna', [walk])
    target = f'{address}/people/{service.key_of("anna")}/forget'
    folder, attack = elsewhere
    (folder / 'form.html').write_text(
      f'<form method="post" action="{target}"></form>'
      '<script>document.forms[0].submit()</script>'
    )
    (folder / 'fetch.html').write_text(
      '<p>trying<p><script>Promise.allSettled(['
      f'fetch("{target}", {{method: "POST", mode: "no-cors"}}),'
      f'fetch("{address}/api/people").then((found) => found.text())'
      ']).then((found) => { document.querySelector("p").textContent ='
      ' "tried " + found[1].status; })</script>'
    )
    page = chromium.new_page()
    page.goto(f'{attack}/form.html')
    page.get_by_text('found one of another').wait_for()
    page.goto(f'{attack}/fetch.html')
    page.get_by_text('tried rejected').wait_for()
    assert [person.name for person in gallery.people()] == ['anna']


def choose(page, folder):
  page.locator('input[webkitdirectory]').set_input_files(folder)


def drop_files(page, paths):
  """Drops files as a hand does; a script cannot drop folders."""
  held = page.evaluate_handle(
    """async (files) => {
      const held = new DataTransfer();
      for (const [name, bytes] of files) {
        held.items.add(new File([new Uint8Array(bytes)], name));
      }
      return held;
    }""",
    [[path.name, list(path.read_bytes())] for path in paths],
  )
  page.dispatch_event('.drop', 'drop', {'dataTransfer': held})
