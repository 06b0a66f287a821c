"""What the page can do, for its pages and its API alike.

Short work on the gallery's file (people, rename, forget) opens the file anew,
in the thread of the request. Work with the network is a job.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
import tempfile
from collections.abc import AsyncIterable, Sequence

from selfgait_jax import errors
from selfgait_jax.gallery import facts, judged, rows, store
from selfgait_jax.gallery.gallery import Gallery
from selfgait_jax.serve import (
  faults,
  jobs,
  pictures,
  records,
  tasks,
  uploads,
)

_MOST_UPLOADS = 4  # at once


class Service:
  """A gallery that is served; use it as a context manager."""

  def __init__(self, path: pathlib.Path, embedder: judged.Embeds):
    """Makes the gallery if it is missing.

    Raises:
      UserError: it is of another checkpoint, damaged or cannot be written.
    """
    self._path = path
    self._folder = tempfile.TemporaryDirectory(prefix='selfgait-')
    self._uploads = self._received = 0
    try:
      self._jobs = jobs.Queue(_opened(path, embedder))
    except BaseException:
      self._folder.cleanup()
      raise

  def __enter__(self) -> 'Service':
    return self

  def __exit__(self, *_) -> None:
    self._jobs.close()
    self._folder.cleanup()

  def gallery(self) -> records.Gallery:
    """Who is enrolled, and the calibration."""
    with store.Store(self._path) as file:
      people, kept = file.people(), facts.read_calibration(file)
      model = file.facts().get('model', '')
    calibration = None
    if kept:
      calibration = records.Calibration(
        threshold=tasks.finite(kept.curves['nearest'].threshold),
        far=kept.far,
        people=kept.people,
        clips=kept.clips,
      )
    return records.Gallery(
      name=self._path.name,
      model=model,
      people=[records.Person(key=key_of(p.name), **vars(p)) for p in people],
      calibration=calibration,
    )

  def person(self, key: str) -> records.Person:
    """Raises Fault if nobody has this key."""
    for person in self.gallery().people:
      if person.key == key:
        return person
    raise faults.Fault(
      404,
      'expected a person of the gallery, found nobody; the person was renamed '
      'or forgotten',
    )

  def rename(self, key: str, name: str) -> records.Changed:
    """Raises UserError if the name is empty or another person's."""
    person = self.person(key)
    with store.Store(self._path) as file:
      count = file.rename(person.name, name.strip())
      erased = file.erase()
    return records.Changed(name=name.strip(), clips=count, erased=erased)

  def forget(self, key: str) -> records.Changed:
    """Removes a person and overwrites the bytes in the file."""
    person = self.person(key)
    with store.Store(self._path) as file:
      count = file.remove(person.name)
      erased = file.erase()
    return records.Changed(name=person.name, clips=count, erased=erased)

  async def drop(
    self, stream: AsyncIterable[bytes], content_type: str
  ) -> jobs.Job:
    """Writes files to disk, and adds the job that looks at them.

    Raises:
      UserError: see `uploads.receive`; too many jobs wait or uploads run.
    """
    self._jobs.expect_room()
    if self._uploads >= _MOST_UPLOADS:
      raise faults.Fault(
        503,
        f'expected at most {_MOST_UPLOADS} uploads at once, found as many; try '
        'again when one is done',
      )
    self._uploads += 1
    self._received += 1
    try:
      folder = pathlib.Path(self._folder.name) / str(self._received)
      upload = await uploads.receive(stream, content_type, folder)
    finally:
      self._uploads -= 1
    try:
      return self._jobs.submit(
        'look',
        lambda gallery, job: tasks.look(gallery, job, upload),
        upload.remove,
      )
    except BaseException:
      upload.remove()
      raise

  def enrol(
    self, look: str, name: str, numbers: Sequence[int] | None
  ) -> jobs.Job:
    """Adds the job that enrols clips of a look, by their numbers or all.

    Raises:
      UserError: the name is empty, there is no such look or clip.
    """
    name = name.strip()
    rows.check_name(name)
    clips = self._clips(look)
    chosen = range(len(clips)) if numbers is None else dict.fromkeys(numbers)
    if not chosen or not all(0 <= n < len(clips) for n in chosen):
      raise errors.UserError(
        f'expected clips out of {len(clips):,} to enrol, found '
        f'{"others" if chosen else "none"}; choose at least one'
      )
    # Files of different people may have one name, which tells clips apart.
    named = [
      dataclasses.replace(c, source=f'{c.source} (page, {look[:6]})')
      for c in (clips[number] for number in chosen)
    ]
    return self._jobs.submit(
      'enrol', lambda gallery, job: tasks.enrol(gallery, job, name, named)
    )

  def calibrate(self, look: str, far: float) -> jobs.Job:
    """Adds the job that calibrates by the clips of a look."""
    clips = self._clips(look)
    return self._jobs.submit(
      'calibrate',
      lambda gallery, job: tasks.calibrate(gallery, job, clips, far),
    )

  def job(self, id_: str) -> records.Job:
    """Raises Fault if there is none."""
    job = self._jobs.get(id_)
    result = job.result if job.state == jobs.DONE else None
    return records.Job(
      id=job.id,
      kind=job.kind,
      state=job.state,
      before=self._jobs.before(job),
      line=job.line,
      done=job.done,
      total=job.total,
      error=job.error,
      result=result.look if isinstance(result, tasks.Looked) else result,
    )

  def cancel(self, id_: str) -> None:
    self._jobs.cancel(self._jobs.get(id_))

  def look(self, id_: str) -> records.Look:
    """Raises Fault if there is no such look, or it is not done."""
    return self._looked(id_).look

  def picture(self, look: str, number: int) -> bytes:
    """The frames of a clip of a look, as PNG."""
    clips = self._clips(look)
    if not 0 <= number < len(clips):
      raise faults.Fault(
        404, f'expected a clip out of {len(clips):,}, found another number'
      )
    return pictures.png_of(clips[number].frames)

  def _clips(self, look):
    return self._looked(look).clips

  def _looked(self, id_) -> tasks.Looked:
    result = self._jobs.get(id_).result
    if not isinstance(result, tasks.Looked):
      raise faults.Fault(
        409, 'expected clips that were looked at, found a job of another state'
      )
    return result


def key_of(name: str) -> str:
  """Stands for a name in addresses, which end up in histories."""
  return hashlib.blake2b(name.encode(), digest_size=12).hexdigest()


@contextlib.contextmanager
def _opened(path, embedder):
  with Gallery.open(path, tasks.Watched(embedder)) as gallery:
    yield gallery
