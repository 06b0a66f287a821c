"""Tracks go on by overlap, and end where it is not sure who is who."""

import numpy as np

from selfgait_jax.video import people, tracks

HEIGHT, WIDTH = 360, 900


def blobs_at(*places, height=200, width=60):
  """People whose left edges are at these columns; None for a missing one."""
  mask = np.zeros((HEIGHT, WIDTH), np.uint8)
  for left in places:
    if left is not None:
      mask[100 : 100 + height, max(left, 0) : left + width] = 255
  return people.find(mask)


def run(frames):
  """(tracker, (number of the frame, track) of each end)."""
  tracker, ended = tracks.Tracker(), []
  for number, blobs in enumerate(frames):
    ended += [(number, track) for track in tracker.follow(blobs)]
  return tracker, ended


def test_one_person_is_one_track():
  tracker, ended = run(blobs_at(100 + 6 * n) for n in range(60))
  assert not ended and [track.seen for track in tracker.tracks] == [60]


def test_a_fast_person_is_followed_by_the_motion_so_far():
  tracker, ended = run(blobs_at(100 + n * n // 2) for n in range(35))
  assert not ended and len(tracker.tracks) == 1


def test_a_short_gap_is_bridged_and_a_long_one_is_not():
  gap = lambda first, last: run(
    blobs_at(None if first <= n < last else 100 + 6 * n) for n in range(40)
  )
  tracker, ended = gap(20, 25)
  assert not ended and tracker.tracks[0].seen == 35
  tracker, ended = gap(20, 27)
  assert [(n, track.end) for n, track in ended] == [(25, tracks.LOST)]
  assert [track.seen for track in tracker.tracks] == [13]


def test_who_leaves_at_an_edge_ends_at_once():
  _, ended = run(blobs_at(WIDTH - 120 + 8 * n) for n in range(30))
  assert [track.end for _, track in ended] == [tracks.LEFT]


def test_two_who_pass_far_from_each_other_stay_themselves():
  frames = [blobs_at(100 + 6 * n, 600 + 6 * n) for n in range(40)]
  tracker, ended = run(frames)
  assert not ended and len(tracker.tracks) == 2
  left, right = sorted(tracker.tracks, key=lambda track: track.blob.box[1])
  assert left.blob.box[1] == 334 and right.blob.box[1] == 834


def test_tracks_end_where_people_touch_and_start_anew():
  frames = [blobs_at(100 + 6 * n, 500 - 6 * n) for n in range(70)]
  tracker, ended = run(frames)
  touched = [(n, track) for n, track in ended if track.end == tracks.TOUCHED]
  first = next(n for n, blobs in enumerate(frames) if len(blobs) == 1)
  assert [n for n, _ in touched] == [first, first] and len(ended) == 3
  assert ended[-1][1].crowd and ended[-1][1].end == tracks.PARTED
  apart = ended[-1][0]
  assert len(frames[apart]) == 2 > len(frames[apart - 1])
  assert not any(track.crowd for track in tracker.tracks)
  assert [track.seen for track in tracker.tracks] == [70 - apart] * 2


def test_one_touch_of_one_frame_ends_both():
  both = blobs_at(100, 170), blobs_at(100, width=130)
  _, ended = run([both[0]] * 10 + [both[1]] + [both[0]] * 3)
  assert [(n, t.end) for n, t in ended[:2]] == [(10, tracks.TOUCHED)] * 2


def test_a_third_who_touches_two_at_once_is_not_followed():
  alone = blobs_at(100, 170, 240)
  pair, three = blobs_at(100, width=130), blobs_at(100, width=200)
  third = blobs_at(240)
  tracker, ended = run([alone] * 10 + [pair + third, three, three, three])
  assert [track.end for _, track in ended[:3]] == [tracks.TOUCHED] * 3
  assert all(track.crowd for track in tracker.tracks)


def test_a_pair_that_comes_as_one_is_known_when_it_parts():
  frames = [
    blobs_at(100 + 6 * n, 140 + 6 * n + 3 * max(0, n - 20)) for n in range(60)
  ]
  _, ended = run(frames)
  (first,) = (track for _, track in ended)
  assert first.end == tracks.PARTED and not first.crowd


def test_a_pillar_before_a_person_does_not_part_it():
  frames = []
  for n in range(60):
    (blob,) = blobs_at(100 + 6 * n)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    top, left, bottom, right = blob.box
    mask[top:bottom, left:right] = 255
    mask[:, 290:302] = 0
    frames.append(people.find(mask))
  tracker, ended = run(frames)
  assert tracks.PARTED not in [track.end for _, track in ended]


def test_a_body_in_an_upper_and_a_lower_part_is_not_two_people():
  frames = [blobs_at(100 + 6 * n) for n in range(20)]
  mask = np.zeros((HEIGHT, WIDTH), np.uint8)
  mask[100:170, 220:280] = mask[215:300, 220:280] = 255
  frames.append(people.find(mask))
  assert len(frames[-1]) == 2
  _, ended = run(frames)
  assert [track.end for _, track in ended] == [tracks.CHANGED]


def test_a_jump_of_size_ends_a_track():
  frames = [blobs_at(100 + 6 * n) for n in range(20)]
  frames += [blobs_at(90 + 6 * n, width=110) for n in range(20, 30)]
  _, ended = run(frames)
  assert [(n, track.end) for n, track in ended] == [(20, tracks.CHANGED)]


def test_an_empty_video():
  tracker, ended = run([[]] * 5)
  assert not tracker.tracks and not ended
