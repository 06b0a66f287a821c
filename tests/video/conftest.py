"""OpenCV uses one thread: other tests run on the other cores."""

import cv2
import pytest


@pytest.fixture(autouse=True, scope='module')
def one_thread():
  before = cv2.getNumThreads()
  cv2.setNumThreads(1)
  yield
  cv2.setNumThreads(before)
