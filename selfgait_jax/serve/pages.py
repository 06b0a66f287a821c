"""The pages: what a browser shows, and its forms, which need no script."""

import pathlib
from typing import Annotated

import fastapi
import jinja2
from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from selfgait_jax import errors
from selfgait_jax.gallery import rows
from selfgait_jax.serve import parts, pictures
from selfgait_jax.serve.service import Service

_FOLDER = pathlib.Path(__file__).parent / 'templates'
_CLIPS = 50  # on a page
_SUGGESTED = 200  # names


def make_router(service: Service) -> fastapi.APIRouter:
  router = fastapi.APIRouter(
    include_in_schema=False, default_response_class=HTMLResponse
  )

  @router.get('/')
  def home(said: str = ''):
    return _page('people.html', gallery=service.gallery(), said=said)

  @router.get('/people/{key}')
  def person(key: str):
    return _page('person.html', person=service.person(key))

  @router.post('/people/{key}/rename')
  def rename(key: str, name: Annotated[str, Form()] = ''):
    done = service.rename(key, name)
    return _see('/?said=' + ('renamed' if done.erased else 'left'))

  @router.post('/people/{key}/forget')
  def forget(key: str):
    done = service.forget(key)
    return _see('/?said=' + ('forgotten' if done.erased else 'left'))

  @router.post('/clips')
  async def drop(request: Request):
    kind = request.headers.get('content-type', '')
    job = await service.drop(request.stream(), kind)
    return _see(f'/jobs/{job.id}')

  @router.get('/jobs/{job}')
  def job(job: str, page: int = 1):
    found = service.job(job)
    if found.result is None:
      return _page('job.html', job=found)
    if found.result.kind != 'look':
      return _page(f'{found.result.kind}.html', result=found.result)
    clips, gallery = found.result.clips, service.gallery()
    last = max(1, -(-len(clips) // _CLIPS))
    page = min(max(page, 1), last)
    return _page(
      'look.html',
      job=found,
      look=found.result,
      clips=clips[(page - 1) * _CLIPS : page * _CLIPS],
      page=page,
      last=last,
      names=_suggested(gallery.people),
      calibrated=gallery.calibration is not None,
    )

  @router.post('/jobs/{job}/cancel')
  def cancel(job: str):
    service.cancel(job)
    return _see(f'/jobs/{job}')

  @router.post('/jobs/{look}/enrol')
  def enrol(
    look: str,
    name: Annotated[str, Form()] = '',
    clips: Annotated[list[int] | None, Form()] = None,
    all_clips: Annotated[bool, Form()] = False,
  ):
    chosen = None if all_clips else clips or []
    return _see(f'/jobs/{service.enrol(look, name, chosen).id}')

  @router.post('/jobs/{look}/calibrate')
  def calibrate(look: str, percent: Annotated[float, Form()] = 1.0):
    return _see(f'/jobs/{service.calibrate(look, percent / 100).id}')

  return router


def failure(sentence: str, status: int) -> HTMLResponse:
  """The page that says what went wrong."""
  return _page('failure.html', status, sentence=sentence)


def _page(template, status=200, **values):
  return HTMLResponse(_TEMPLATES.get_template(template).render(values), status)


def _see(path):
  return RedirectResponse(path, 303)


def _suggested(people):
  """Names that a field of a form holds as they are."""
  plain = (p.name for p in people if p.name == _shown(p.name) == p.name.strip())
  return [name for name, _ in zip(plain, range(_SUGGESTED), strict=False)]


def _shown(text):
  return errors.printable(text, 200)


def _number(value, digits=1):
  return '–' if value is None else f'{value:,.{digits}f}'


def _percent(share):
  if share is None:
    return '–'
  return '< 0.1 %' if share < 0.001 else f'{share:.1%}'.replace('%', ' %')


def _environment():
  # Every value is escaped, whatever the name of the template.
  made = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  made.filters |= {'shown': _shown, 'number': _number, 'percent': _percent}
  made.globals |= {
    'longest_name': rows.LONGEST_NAME,
    'most_frames': parts.MOST_FILES,
    'most_bytes': parts.MOST_BYTES,
    'picture': pictures,
  }
  return made


_TEMPLATES = _environment()
