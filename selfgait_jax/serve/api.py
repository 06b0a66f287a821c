"""The calls as JSON, under /api; their schema is at /openapi.json."""

from typing import Any

import fastapi
from fastapi import Request, Response

from selfgait_jax.serve import records, tables
from selfgait_jax.serve.service import Service

_FILES: dict[str, Any] = {  # schema of an upload, whose body is streamed
  'requestBody': {
    'required': True,
    'content': {
      'multipart/form-data': {
        'schema': {
          'type': 'object',
          'properties': {
            'files': {
              'type': 'array',
              'items': {'type': 'string', 'format': 'binary'},
              'description': 'PNG frames, .npy, .npz or videos; the names of '
              'files may have folders, as in anna/nm-01/000.png.',
            }
          },
        }
      }
    },
  }
}


def _answers_with(kind) -> dict[str, Any]:
  """Of a route that answers with a file."""
  content = {kind: {'schema': {'type': 'string'}}}
  return {'response_class': Response, 'responses': {200: {'content': content}}}


_TABLE, _PICTURE = _answers_with('text/csv'), _answers_with('image/png')


def make_router(service: Service) -> fastapi.APIRouter:
  router = fastapi.APIRouter(
    prefix='/api',
    responses={'4XX': {'model': records.Failure}},
  )

  @router.get('/people')
  def people() -> records.Gallery:
    """Who is enrolled, and the calibration."""
    return service.gallery()

  @router.patch('/people/{key}')
  def rename(key: str, body: records.NewName) -> records.Changed:
    """Gives a person another name, which nobody has."""
    return service.rename(key, body.name)

  @router.delete('/people/{key}')
  def forget(key: str) -> records.Changed:
    """Removes a person, with every byte."""
    return service.forget(key)

  @router.post('/clips', status_code=202, openapi_extra=_FILES)
  async def drop(request: Request) -> records.Job:
    """Takes files, and starts the job that looks at their clips."""
    kind = request.headers.get('content-type', '')
    job = await service.drop(request.stream(), kind)
    return service.job(job.id)

  @router.get('/jobs/{job}')
  def job(job: str) -> records.Job:
    """How far a job is, and its result."""
    return service.job(job)

  @router.delete('/jobs/{job}')
  def cancel(job: str) -> records.Job:
    """Cancels a job; one that is over stays as it is."""
    service.cancel(job)
    return service.job(job)

  @router.post('/jobs/{look}/enrol', status_code=202)
  def enrol(look: str, body: records.ToEnrol) -> records.Job:
    """Starts a job that enrols clips of a person who has agreed to it."""
    return service.job(service.enrol(look, body.name, body.clips).id)

  @router.post('/jobs/{look}/calibrate', status_code=202)
  def calibrate(look: str, body: records.ToCalibrate) -> records.Job:
    """Starts a job that finds a threshold and probabilities.

    The clips must lie in folders NAME/CLIP or NAME/CONDITION/CLIP of people who
    were not in the training data.
    """
    return service.job(service.calibrate(look, body.far).id)

  @router.get('/jobs/{look}/clips/{number}.png', **_PICTURE)
  def picture(look: str, number: int) -> Response:
    """Twelve frames of a clip, as they are seen."""
    return Response(service.picture(look, number), media_type='image/png')

  @router.get('/jobs/{look}/table.csv', **_TABLE)
  def table(look: str) -> Response:
    """The nearest people of each clip."""
    return _file(tables.of_look(service.look(look)), 'clips.csv')

  @router.get('/people.csv', **_TABLE)
  def people_table() -> Response:
    """Who is enrolled."""
    return _file(tables.of_people(service.gallery().people), 'people.csv')

  return router


def _file(text, name):
  """An answer that browsers save."""
  return Response(
    text,
    media_type='text/csv; charset=utf-8',
    headers={'content-disposition': f'attachment; filename="{name}"'},
  )
