"""What people do on the page, by its forms and as JSON."""

import csv
import io
import pathlib
import threading

import numpy as np
import pytest
from fastapi import testclient
from served import ADDRESS, Embedder, finished, npy, npz, png

from selfgait_jax import errors
from selfgait_jax.clips import reading
from selfgait_jax.data.walkers import walkers
from selfgait_jax.gallery.gallery import Gallery
from selfgait_jax.serve import app, child, decoding, service, tasks

SCRIPT = '<script>alert(1)</script>'


@pytest.fixture(autouse=True)
def decoded_here(request, monkeypatch):
  """Starting a process for every drop would take most of the time."""

  def decode(upload, job):
    answer = io.BytesIO()
    child.answer(decoding.question(upload.items), answer)
    answer.seek(0)
    yield from decoding.read_answer(answer, upload.items)

  if request.function is not test_a_dropped_file_stays_on_no_disk:
    monkeypatch.setattr(decoding, 'decode', decode)


def walk(person, condition='nm-01'):
  return walkers.render_sequence(f'{person}', condition, '090', 26, 0)


def folder(name, frames):
  return {f'{name}/{n}.png': png(frame) for n, frame in enumerate(frames)}


@pytest.fixture
def enrol(browser, drop):
  def enrol(name, files):
    look = drop(files)
    answer = browser.post(f'/api/jobs/{look["id"]}/enrol', json={'name': name})
    return finished(browser, answer.json())['result']

  return enrol


def people(browser):
  return {p['name']: p for p in browser.get('/api/people').json()['people']}


def test_from_a_folder_to_a_name(browser, drop, enrol, tmp_path):
  first = drop(folder('anna/nm', walk(1)))
  [clip] = first['result']['clips']
  assert clip['source'] == 'anna/nm' and clip['verdict'] == 'good'
  assert clip['matches'] == []
  assert enrol('anna', folder('anna/nm', walk(1)))['clips'][0]['enrolled']
  assert enrol('ben', {'walk.npy': npy(walk(2))})['clips'][0]['enrolled']

  # Files of other people may have the same name.
  found = enrol('ben', {'walk.npy': npy(walk(3))})
  assert found['clips'][0]['enrolled']
  again = enrol('cleo', {'other.npy': npy(walk(3))})['clips'][0]
  assert not again['enrolled'] and 'enrolled already' in again['reasons'][0]

  [clip] = drop({'w.npz': npz(x=walk(1))})['result']['clips']
  assert clip['source'] == 'w.npz:x'
  assert [match['name'] for match in clip['matches']] == ['anna', 'ben']
  assert clip['matches'][0]['distance'] == pytest.approx(0, abs=1e-3)
  assert clip['matches'][0]['probability'] is None
  assert people(browser)['ben']['clips'] == 2


def test_the_page_finds_what_the_library_finds(drop, enrol, tmp_path, page):
  for person in (1, 2):
    enrol(f'p{person}', folder('x', walk(person)))
  np.save(tmp_path / 'probe.npy', walk(1, 'bg-01'))
  [clip] = drop({'probe.npy': (tmp_path / 'probe.npy').read_bytes()})['result'][
    'clips'
  ]
  with Gallery.open(tmp_path / 'people.gallery', Embedder()) as gallery:
    [matches] = gallery.search(reading.read_clips(tmp_path / 'probe.npy'))
  ours = {match['name']: match['distance'] for match in clip['matches']}
  theirs = {match.name: match.distance for match in matches}
  assert list(ours) == list(theirs)
  assert ours == pytest.approx(theirs, abs=1e-3)


def test_refused_files_are_shown_with_reasons(browser, drop):
  look = drop(
    {
      'blank.npy': npy(np.zeros((30, 64, 64), np.uint8)),
      'noise.npy': npy(
        np.random.default_rng(0).integers(0, 255, (30, 64, 44), np.uint8)
      ),
      'notes.txt': b'x',
    }
  )
  blank, noise = look['result']['clips']
  assert blank['verdict'] == noise['verdict'] == 'refused'
  assert 'blank' in blank['reasons'][0] and not blank['kept']
  assert 'notes.txt' in look['result']['note']
  text = browser.get(f'/jobs/{look["id"]}').text
  assert text.count('A refused clip is not searched.') == 2
  assert 'name="clips"' not in text
  address = f'/api/jobs/{look["id"]}/clips/{{}}.png'
  answer = browser.get(address.format(0))
  assert answer.content.startswith(b'\x89PNG')
  for wrong in (2, -1, 'x'):
    assert browser.get(address.format(wrong)).status_code in (404, 422)


def test_the_forms_need_no_script(browser):
  sent = [('files', item) for item in folder('anna', walk(1)).items()]
  answer = browser.post('/clips', files=sent)
  assert answer.status_code == 303
  job = answer.headers['location']
  finished(browser, browser.get(f'/api{job}').json())
  text = browser.get(job).text
  assert 'agreed to it' in text and 'anna' in text
  answer = browser.post(f'{job}/enrol', data={'name': ' anna ', 'clips': 0})
  done = answer.headers['location']
  finished(browser, browser.get(f'/api{done}').json())
  assert 'anna: 1 of 1 clips enrolled' in browser.get(done).text
  key = people(browser)['anna']['key']
  assert 'anna' not in key
  answer = browser.post(f'/people/{key}/rename', data={'name': 'zoë'})
  assert 'another name now' in browser.get(answer.headers['location']).text
  key = people(browser)['zoë']['key']
  assert 'zoë' in browser.get(f'/people/{key}').text
  answer = browser.post(f'/people/{key}/forget')
  assert 'Nobody yet' in browser.get(answer.headers['location']).text
  for path in (f'/people/{key}', f'/people/{key}x'):
    assert browser.get(path).status_code == 404


def test_nothing_of_a_forgotten_person_stays(browser, enrol, tmp_path):
  for name, person in (('a person', 1), ('Umberto', 2)):
    enrol(name, folder('x', walk(person)))
  key = people(browser)['Umberto']['key']
  assert browser.delete(f'/api/people/{key}').json() == {
    'name': 'Umberto', 'clips': 1, 'erased': True,
  }  # fmt: skip
  for path in tmp_path.glob('people.gallery*'):
    assert b'Umberto' not in path.read_bytes()
  [match] = enrol('x', folder('y', walk(2)))['clips']
  assert match['enrolled']


def test_names_are_shown_as_text(browser, drop, enrol):
  for name, person in ((SCRIPT, 1), ('=HYPERLINK("x")', 2), ('\u202ea\nb', 3)):
    enrol(name, folder('x', walk(person)))
  look = drop(folder(f'{SCRIPT}/{SCRIPT}', walk(1)))
  for path in ('/', f'/jobs/{look["id"]}'):
    text = browser.get(path).text
    assert '<script>' not in text and '&lt;script&gt;' in text
  for one in people(browser).values():
    assert '<script>' not in browser.get(f'/people/{one["key"]}').text
  for path in ('/api/people.csv', f'/api/jobs/{look["id"]}/table.csv'):
    answer = browser.get(path)
    assert answer.headers['content-disposition'].startswith('attachment')
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert any("'=HYPERLINK" in cell for row in rows for cell in row)
    assert any('\\u202ea\\nb' in row for row in rows)
  assert '<script>' not in browser.get(f'/{SCRIPT}').text


def test_calibrate_then_probabilities(browser, drop, enrol):
  pytest.importorskip('sklearn')
  enrol('p1', folder('x', walk(1)))
  files = {
    f'known/p{person}/{condition}.npy': npy(walk(person, condition))
    for person in range(1, 5)
    for condition in ('nm-01', 'nm-02', 'nm-03')
  }
  known = drop(files | {'film.mp4': b'x'})['id']
  bad = browser.post(f'/api/jobs/{known}/calibrate', json={'far': 0.01})
  assert '100 comparisons' in finished(browser, bad.json())['error']
  answer = browser.post(f'/jobs/{known}/calibrate', data={'percent': 10})
  job = answer.headers['location']
  result = finished(browser, browser.get(f'/api{job}').json())['result']
  assert result['people'] == 4 and result['clips'] == 12
  assert 'Calibrated' in browser.get(job).text
  assert '10 %' in browser.get('/').text
  [clip] = drop(folder('x', walk(1, 'nm-02')))['result']['clips']
  assert 0 <= clip['matches'][0]['probability'] <= 1
  assert clip['matches'][0]['accepted'] in (True, False)


@pytest.mark.parametrize(
  ('body', 'words'),
  [
    ({'name': ''}, 'a name of 1 to'),
    ({'name': 'x' * 1001}, 'a name of 1 to'),
    ({'name': 'x', 'clips': []}, 'choose at least one'),
    ({'name': 'x', 'clips': [1]}, 'found others'),
    ({'name': 'x', 'clips': [-1]}, 'found others'),
    ({'name': 1}, 'body.name'),
    ({}, 'body.name'),
  ],
)
def test_bad_requests_are_sentences(browser, drop, body, words):
  look = drop({'a.npy': npy(walk(1))})['id']
  answer = browser.post(f'/api/jobs/{look}/enrol', json=body)
  assert answer.status_code in (400, 422)
  assert words in answer.json()['error']
  assert people(browser) == {}


def test_a_name_that_is_taken_is_refused(browser, enrol):
  for name, person in (('a', 1), ('b', 2)):
    enrol(name, folder('x', walk(person)))
  key = people(browser)['a']['key']
  answer = browser.patch(f'/api/people/{key}', json={'name': 'b'})
  assert answer.status_code == 400 and 'nobody has' in answer.json()['error']
  answer = browser.post(f'/people/{key}/rename', data={'name': ''})
  assert answer.status_code == 400 and 'name of 1 to' in answer.text


def test_a_dropped_file_stays_on_no_disk(drop, page):
  drop({'a.npy': npy(walk(1))})
  assert not list(pathlib.Path(page._folder.name).iterdir())


def test_two_sessions_share_the_queue(page, browser, monkeypatch):
  go = threading.Event()
  look = tasks.look
  monkeypatch.setattr(
    tasks, 'look', lambda *given: (go.wait(20), look(*given))[1]
  )
  other = testclient.TestClient(app.make_app(page), base_url=ADDRESS)
  body = [('files', ('a.npy', npy(walk(1))))]
  first = browser.post('/api/clips', files=body).json()
  second = other.post('/api/clips', files=body).json()
  assert second['state'] == 'waiting' and second['before'] == 1
  text = other.get(f'/jobs/{second["id"]}').text
  assert 'waiting, 1 before this' in text
  third = other.post('/api/clips', files=body).json()
  browser.post(f'/jobs/{third["id"]}/cancel')
  assert other.get(f'/api/jobs/{third["id"]}').json()['state'] == 'cancelled'
  go.set()
  for session, job in ((browser, first), (other, second)):
    assert finished(session, job)['state'] == 'done'


def test_cancelled_while_embedding_nothing_is_enrolled(tmp_path, monkeypatch):
  monkeypatch.setattr(tasks, '_FRAMES', 30)  # a clip at once
  go, started = threading.Event(), threading.Event()

  class Slow(Embedder):
    def embed(self, clips):
      started.set()
      assert len(clips) == 1 and go.wait(20)
      return super().embed(clips)

  with service.Service(tmp_path / 'slow.gallery', Slow()) as page:
    browser = testclient.TestClient(app.make_app(page), base_url=ADDRESS)
    body = [('files', ('a.npz', npz(a=walk(1), b=walk(2))))]
    go.set()
    look = finished(browser, browser.post('/api/clips', files=body).json())
    go.clear()
    started.clear()
    job = browser.post(
      f'/api/jobs/{look["id"]}/enrol', json={'name': 'x'}
    ).json()
    assert started.wait(20)
    browser.delete(f'/api/jobs/{job["id"]}')
    go.set()
    job = finished(browser, job)
    assert job['state'] == 'cancelled' and (job['done'], job['total']) == (
      26,
      52,
    )
    assert people(browser) == {}


def test_what_another_process_enrols_is_found(drop, tmp_path, page):
  with Gallery.open(tmp_path / 'people.gallery', Embedder()) as gallery:
    gallery.enrol('otto', [walk(1)])
  [clip] = drop({'a.npy': npy(walk(1))})['result']['clips']
  assert clip['matches'][0]['name'] == 'otto'


def test_every_call_has_a_schema(browser):
  schema = browser.get('/openapi.json').json()
  for path, calls in schema['paths'].items():
    assert path.startswith('/api/')
    for call in calls.values():
      good = min(call['responses'])
      assert call['description']
      content = call['responses'][good]['content']
      assert all(kind['schema'] for kind in content.values())


def test_pages_ask_nothing_of_other_hosts(browser, drop):
  look = drop({'a.npy': npy(walk(1))})['id']
  for path in ('/', f'/jobs/{look}', '/static/page.js', '/static/style.css'):
    text = browser.get(path).text
    assert 'http://' not in text and 'https://' not in text
    assert ' style=' not in text and ' onclick=' not in text


def test_a_gallery_of_another_network_is_refused(tmp_path):
  class Other(Embedder):
    fingerprint = 'others'

  path = tmp_path / 'people.gallery'
  with service.Service(path, Embedder()):
    pass
  with pytest.raises(errors.UserError, match='of this checkpoint'):
    service.Service(path, Other())
