"""Long work in its order: one job runs, the others wait.

One thread does all of it, which opens the gallery (SQLite wants one thread) and
runs the network.
"""

import collections
import contextlib
import secrets
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any, Final

from absl import logging

from selfgait_jax import errors
from selfgait_jax.machine import progress
from selfgait_jax.serve import faults, records

MOST_WAITING = 8
_MOST_KEPT = 100  # finished jobs
_MOST_FRAMES = 60_000  # that results of jobs hold, 246 MB

WAITING: Final = 'waiting'
RUNNING: Final = 'running'
DONE: Final = 'done'
FAILED: Final = 'failed'
CANCELLED: Final = 'cancelled'


class Cancelled(Exception):
  """The user cancelled the job."""


class Job:
  """One piece of work, seen by several threads.

  Attributes:
    id: not to be guessed.
    kind: what is done, such as 'look'.
    state: WAITING, RUNNING, DONE, FAILED or CANCELLED.
    done, total: how much of the present step is done.
    line: the same in words.
    result: of the work, if it is DONE.
    error: a sentence, if it is FAILED.
    frames: that the result holds in memory.
  """

  def __init__(
    self, kind: records.Kind, work: Callable, undo: Callable[[], None]
  ):
    self.id, self.kind = secrets.token_urlsafe(9), kind
    self.state: records.State = WAITING
    self.line = self.error = ''
    self.done = self.total = self.frames = 0
    self.result: Any = None
    self._work, self._undo = work, undo
    self._counter: progress.Counter | None = None
    self._cancelled = threading.Event()
    self._stop: Callable[[], None] | None = None

  @property
  def is_over(self) -> bool:
    return self.state in (DONE, FAILED, CANCELLED)

  def begin(self, line: str, total: int = 0, unit: str = '') -> None:
    """Starts a step of the work; `total` is 0 if it cannot be counted."""
    self.check()
    self.line, self.done, self.total = line, 0, total
    self._counter = progress.Counter(total, unit, every=0) if total else None

  def add(self, count: int) -> None:
    """Counts what is done of the step."""
    self.done += count
    if self._counter:
      self.line = self._counter.add(count) or self.line
    self.check()

  def check(self) -> None:
    """Raises Cancelled if the job was cancelled."""
    if self._cancelled.is_set():
      raise Cancelled

  def on_cancel(self, stop: Callable[[], None] | None) -> None:
    """Sets what ends the present step at once, if there is such a thing."""
    self._stop = stop
    if stop and self._cancelled.is_set():
      stop()

  def cancel(self) -> None:
    """Ends the job as soon as it can; does nothing if it is over."""
    self._cancelled.set()
    if stop := self._stop:
      stop()

  def run(self, gallery: Any) -> None:
    """Does the work, in the thread of the queue; raises nothing."""
    self.state = RUNNING
    try:
      self.check()
      self.result = self._work(gallery, self)
      self.state = DONE
    except Cancelled:
      self.state = CANCELLED
    except errors.UserError as error:
      self.state, self.error = FAILED, str(error)
    except Exception:
      logging.exception('a job failed')
      self.state = FAILED
      self.error = 'the work failed; the terminal of `selfgait serve` says why'
    finally:
      self._work = lambda *_: None  # it holds frames
      self._undo()


class Queue:
  """The jobs, and the thread that does them."""

  def __init__(self, opened: contextlib.AbstractContextManager):
    """`opened` is entered in the thread; jobs get what it gives.

    Raises:
      UserError: it cannot be entered.
    """
    self._jobs: dict[str, Job] = {}
    self._waiting: collections.deque[Job] = collections.deque()
    self._changed = threading.Condition()
    self._closed = False
    started: futures.Future = futures.Future()
    self._thread = threading.Thread(
      target=self._work, args=(opened, started), daemon=True
    )
    self._thread.start()
    started.result()

  def submit(
    self,
    kind: records.Kind,
    work: Callable,
    undo: Callable[[], None] = lambda: None,
  ) -> Job:
    """Adds `work(gallery, job)`; `undo` is called when it is over.

    Raises:
      Fault: too many jobs wait.
    """
    self.expect_room()
    job = Job(kind, work, undo)
    with self._changed:
      self._jobs[job.id] = job
      self._waiting.append(job)
      self._changed.notify()
    return job

  def expect_room(self) -> None:
    """Raises Fault if too many jobs wait."""
    if len(self._waiting) >= MOST_WAITING:
      raise faults.Fault(
        503,
        f'expected at most {MOST_WAITING} jobs to wait, found as many; try '
        'again when one is done',
      )

  def get(self, id_: str) -> Job:
    """Raises Fault if there is no such job, or none any more."""
    try:
      return self._jobs[id_]
    except KeyError:
      raise faults.Fault(
        404,
        'expected a result that is still kept, found none; drop the files '
        'again',
      ) from None

  def before(self, job: Job) -> int:
    """How many jobs are done before this one."""
    with self._changed:
      if job not in self._waiting:
        return 0
      running = any(j.state == RUNNING for j in self._jobs.values())
      return self._waiting.index(job) + running

  def cancel(self, job: Job) -> None:
    """Ends a job; one that waits is over at once."""
    job.cancel()
    with self._changed:
      waits = job in self._waiting
      if waits:
        self._waiting.remove(job)
    if waits:
      job.run(None)

  def close(self) -> None:
    """Cancels all jobs and waits for the thread."""
    with self._changed:
      self._closed = True
      self._changed.notify()
    for job in list(self._jobs.values()):
      self.cancel(job)
    self._thread.join(10)

  def _work(self, opened, started):
    with contextlib.ExitStack() as stack:
      try:
        gallery = stack.enter_context(opened)
      except BaseException as error:
        started.set_exception(error)
        return
      started.set_result(None)
      while (job := self._next()) is not None:
        job.run(gallery)
        self._forget()

  def _next(self):
    """The next job; None at the end."""
    with self._changed:
      self._changed.wait_for(lambda: self._waiting or self._closed)
      return self._waiting.popleft() if self._waiting else None

  def _forget(self):
    """Drops the oldest results that are too many or too large."""
    with self._changed:
      over = [job for job in self._jobs.values() if job.is_over]
      while len(over) > 1 and (
        len(over) > _MOST_KEPT or _frames(over) > _MOST_FRAMES
      ):
        del self._jobs[over.pop(0).id]


def _frames(over):
  """That results hold; failed and cancelled jobs hold none."""
  return sum(job.frames for job in over if job.result is not None)
