"""The web application: pages, API, static files, and the guard around them."""

import pathlib
from collections.abc import Iterable

import fastapi
from fastapi import exceptions, staticfiles
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from selfgait_jax import __version__, errors
from selfgait_jax.serve import api, faults, guard, pages
from selfgait_jax.serve.service import Service

_STATIC = pathlib.Path(__file__).parent / 'static'
_UPLOADS = ('/clips', '/api/clips')


def make_app(
  service: Service, hosts: Iterable[str] = (), token: str = ''
) -> guard.Guard:
  """The ASGI application.

  Args:
    service: the gallery, and its jobs.
    hosts: names and addresses that the server is bound to, beside loopback.
    token: that every request must show; '' for none.
  """
  app = fastapi.FastAPI(
    title='selfgait serve',
    version=__version__,
    docs_url=None,  # they load scripts from another host
    redoc_url=None,
  )
  app.include_router(api.make_router(service))
  app.include_router(pages.make_router(service))
  app.mount('/static', staticfiles.StaticFiles(directory=_STATIC))
  app.add_exception_handler(errors.UserError, _answer_mistake)
  app.add_exception_handler(exceptions.RequestValidationError, _answer_form)
  app.add_exception_handler(HTTPException, _answer_status)
  return guard.Guard(app, hosts, token, _UPLOADS)


def _answer_mistake(request, error):
  return _say(request, str(error), faults.status_of(error))


def _answer_form(request, error):
  first = error.errors()[0]
  field = errors.printable('.'.join(map(str, first['loc'])), 100)
  sentence = f'expected another value of {field}, found: {first["msg"]}'
  return _say(request, errors.printable(sentence, 500), 422)


def _answer_status(request, error):
  path = errors.printable(request.url.path, 100)
  sentence = f'expected an address of this page, found {path} ({error.detail})'
  return _say(request, sentence, error.status_code)


def _say(request, sentence, status):
  if request.url.path.startswith('/api/'):
    return JSONResponse({'error': sentence}, status)
  return pages.failure(sentence, status)
