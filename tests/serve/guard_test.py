"""Who may ask, and what every answer carries."""

import pytest
from fastapi import testclient
from served import ADDRESS, Embedder

from selfgait_jax.serve import app, service

PATHS = (
  '/', '/nothing', '/static/page.js', '/api/people', '/openapi.json',
  '/api/jobs/none', '/people/none',
)  # fmt: skip


@pytest.fixture(scope='module')
def page(tmp_path_factory):
  """One for all tests: nothing is changed."""
  gallery = tmp_path_factory.mktemp('guard') / 'people.gallery'
  with service.Service(gallery, Embedder()) as one:
    yield one


@pytest.fixture
def open_page(page):
  """A page for every address of the machine, with a token."""

  def make(base='http://192.0.2.7:8470'):
    return testclient.TestClient(
      app.make_app(page, {'0.0.0.0'}, 'secret'),
      base_url=base,
      follow_redirects=False,
    )

  return make


@pytest.mark.parametrize('path', PATHS)
def test_every_answer_has_the_security_headers(browser, path):
  headers = browser.get(path).headers
  policy = headers['content-security-policy']
  assert "default-src 'none'" in policy and 'unsafe' not in policy
  assert headers['x-content-type-options'] == 'nosniff'
  assert headers['cross-origin-resource-policy'] == 'same-origin'
  assert headers['cache-control'] == 'no-store'


@pytest.mark.parametrize(
  'host', ['evil.example', 'evil.example:8470', '127.0.0.1.evil.example',
           'localhost@evil.example', '192.0.2.7', '', '127.0.0.1:x', '[::1',
           '[:::]', '[1.2.3.4]'],
)  # fmt: skip
def test_a_foreign_host_is_refused(browser, host):
  answer = browser.get('/', headers={'host': host})
  assert answer.status_code == 403 and 'Host' in answer.text
  assert 'content-security-policy' in answer.headers


@pytest.mark.parametrize('host', ['localhost:8470', '[::1]:8470', 'LOCALHOST'])
def test_names_of_this_machine_pass(browser, host):
  assert browser.get('/', headers={'host': host}).status_code == 200


@pytest.mark.parametrize(
  'headers',
  [
    {'origin': 'http://evil.example'},
    {'origin': 'null'},
    {'origin': 'http://127.0.0.1:9999'},
    {'origin': f'{ADDRESS}.evil.example'},
    {'origin': 'https://127.0.0.1:8470'},
    {'sec-fetch-site': 'cross-site'},
    {'sec-fetch-site': 'same-site'},
  ],
)
@pytest.mark.parametrize(
  ('method', 'path'),
  [('POST', '/people/none/forget'), ('DELETE', '/api/people/none'),
   ('POST', '/clips'), ('GET', '/api/people')],
)  # fmt: skip
def test_a_foreign_origin_is_refused(browser, method, path, headers):
  answer = browser.request(method, path, headers=headers)
  assert answer.status_code == 403 and 'of another' in answer.text


def test_a_link_from_elsewhere_opens_the_page(browser):
  headers = {'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate'}
  assert browser.get('/', headers=headers).status_code == 200
  assert browser.post('/clips', headers=headers).status_code == 403


def test_the_own_origin_passes(browser):
  own = {'origin': ADDRESS, 'sec-fetch-site': 'same-origin'}
  answer = browser.delete('/api/people/none', headers=own)
  assert answer.status_code == 404


@pytest.mark.parametrize('path', PATHS)
def test_without_the_token_nothing_is_shown(open_page, path):
  visitor = open_page()
  for headers in ({}, {'authorization': 'Bearer guess'},
                  {'cookie': 'selfgait-8470=guess'}):  # fmt: skip
    answer = visitor.get(path, headers=headers)
    assert answer.status_code == 401
  assert visitor.get(f'{path}?token=guess').status_code == 401


def test_the_token_becomes_a_cookie(open_page):
  visitor = open_page()
  answer = visitor.get('/?token=secret')
  assert answer.status_code == 303 and answer.headers['location'] == '/'
  cookie = answer.headers['set-cookie'].lower()
  assert 'httponly' in cookie and 'samesite=strict' in cookie
  assert visitor.get('/').status_code == 200
  bearer = {'authorization': 'Bearer secret'}
  assert open_page().get('/api/people', headers=bearer).status_code == 200
  assert open_page().post('/clips?token=secret').status_code == 401


def test_an_open_page_has_addresses_but_no_foreign_names(open_page):
  bearer = {'authorization': 'Bearer secret'}
  assert open_page().get('/', headers=bearer).status_code == 200
  rebound = open_page('http://rebound.example:8470')
  assert rebound.get('/', headers=bearer).status_code == 403


def test_a_large_body_is_refused(browser):
  body = b'{"name": "' + b'x' * 70_000 + b'"}'
  answer = browser.patch('/api/people/none', content=body)
  assert answer.status_code in (400, 413)
  answer = browser.post('/people/none/rename', data={'name': 'x' * 70_000})
  assert answer.status_code in (400, 413)
