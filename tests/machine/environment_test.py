"""A program that starts anew under other settings of the C library, once."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from selfgait_jax import environment
assert 'jax' not in sys.modules  # nothing large is loaded twice
environment.prepare()
print(os.getpid(), os.environ.get('GLIBC_TUNABLES'), sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='of Linux')
@pytest.mark.parametrize('given', [None, '', 'glibc.malloc.check=0'])
def test_starts_anew_unless_told_otherwise(given):
  environment = {k: v for k, v in os.environ.items() if k != 'GLIBC_TUNABLES'}
  if given is not None:
    environment['GLIBC_TUNABLES'] = given
  process = subprocess.Popen(
    [sys.executable, '-c', PROGRAM, 'one', '--two=3'],
    env=environment,
    stdout=subprocess.PIPE,
    text=True,
  )
  said, _ = process.communicate()
  assert process.returncode == 0
  expected = given
  if given is None:
    expected = 'glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:'
    expected += 'glibc.malloc.trim_threshold=1000000000000'
  # Still the same process, with its arguments.
  assert said == f"{process.pid} {expected} ['one', '--two=3']\n"
