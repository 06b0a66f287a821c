"""One job runs, the others wait, and each can be cancelled."""

import contextlib
import threading
import time

import pytest

from selfgait_jax import errors
from selfgait_jax.serve import jobs


@pytest.fixture
def queue():
  made = jobs.Queue(contextlib.nullcontext('gallery'))
  yield made
  made.close()


@pytest.fixture
def gate(queue):
  """A job that runs until it is let go."""
  go, started = threading.Event(), threading.Event()

  def work(gallery, job):
    job.begin('waiting', 2, 'frames')
    started.set()
    while not go.wait(0.01):
      job.check()
    job.add(2)
    return gallery

  job = queue.submit('look', work)
  assert started.wait(10)
  job.go = go
  yield job
  go.set()


def over(job):
  until = time.monotonic() + 20
  while not job.is_over:
    assert time.monotonic() < until
    time.sleep(0.005)
  return job.state


def test_one_runs_and_the_others_wait_in_order(queue, gate):
  order = []
  more = [
    queue.submit('look', lambda gallery, job, n=n: order.append(n))
    for n in range(3)
  ]
  assert gate.state == jobs.RUNNING
  assert [job.state for job in more] == [jobs.WAITING] * 3
  assert [queue.before(job) for job in more] == [1, 2, 3]
  gate.go.set()
  assert [over(job) for job in [gate, *more]] == [jobs.DONE] * 4
  assert order == [0, 1, 2] and gate.result == 'gallery'
  assert gate.done == gate.total == 2 and gate.line.startswith('2/2 frames')


def test_a_job_that_waits_is_cancelled_at_once(queue, gate):
  undone = []
  job = queue.submit('look', None, lambda: undone.append(1))
  queue.cancel(job)
  assert job.state == jobs.CANCELLED and undone == [1]
  assert gate.state == jobs.RUNNING


def test_a_running_job_is_cancelled_soon(queue, gate):
  queue.cancel(gate)
  assert over(gate) == jobs.CANCELLED
  queue.cancel(gate)  # does nothing more
  after = queue.submit('look', lambda gallery, job: 1)
  assert over(after) == jobs.DONE


def test_failures_are_sentences(queue):
  def fail(gallery, job):
    raise errors.UserError('expected one, found two')

  job = queue.submit('look', fail)
  assert over(job) == jobs.FAILED and job.error == 'expected one, found two'
  job = queue.submit('look', lambda gallery, job: 1 / 0)
  assert over(job) == jobs.FAILED and 'terminal' in job.error


def test_too_many_do_not_wait(queue, gate):
  for _ in range(jobs.MOST_WAITING):
    queue.submit('look', lambda gallery, job: 1)
  with pytest.raises(errors.UserError, match='try again') as caught:
    queue.submit('look', lambda gallery, job: 1)
  assert caught.value.status == 503


def test_old_results_are_forgotten(queue, monkeypatch):
  monkeypatch.setattr(jobs, '_MOST_FRAMES', 100)

  def work(gallery, job):
    job.frames = 60
    return 1

  first, second = (queue.submit('look', work) for _ in range(2))
  over(second)
  over(queue.submit('look', lambda gallery, job: 1))
  assert queue.get(second.id) is second
  with pytest.raises(errors.UserError, match='still kept'):
    queue.get(first.id)


def test_a_gallery_that_cannot_be_opened_is_said():
  @contextlib.contextmanager
  def broken():
    raise errors.UserError('expected a gallery')
    yield

  with pytest.raises(errors.UserError, match='expected a gallery'):
    jobs.Queue(broken())
