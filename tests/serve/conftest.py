"""A served gallery, and browsers for it."""

import pytest
import served

pytest.importorskip('fastapi')

from fastapi import testclient

from selfgait_jax.serve import app, service


@pytest.fixture
def page(tmp_path):
  gallery = tmp_path / 'people.gallery'
  with service.Service(gallery, served.Embedder()) as one:
    yield one


@pytest.fixture
def browser(page):
  return testclient.TestClient(
    app.make_app(page), base_url=served.ADDRESS, follow_redirects=False
  )


@pytest.fixture
def drop(browser):
  """Sends {name: bytes}; returns the job when it is over."""

  def drop(files):
    sent = [('files', item) for item in files.items()]
    answer = browser.post('/api/clips', files=sent)
    assert answer.status_code == 202, answer.text
    return served.finished(browser, answer.json())

  return drop
