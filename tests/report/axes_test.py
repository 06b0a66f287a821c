"""Axes place points where they belong, and labels tell values apart."""

import re

import numpy as np
import pytest

from selfgait_jax.report import axes


def panel(x=(0, 10), y=(0, 100), **options):
  return axes.Axes(x, y, 'x', 'y', **options)


def places(svg, css):
  """Points of the paths of a class, [n, 2]."""
  paths = re.findall(rf'<path class="{css}" d="([^"]*)"', svg)
  numbers = [re.findall(r'[ML](-?[\d.]+) (-?[\d.]+)', path) for path in paths]
  return [np.array(path, float) for path in numbers]


@pytest.mark.parametrize(
  ('low', 'high', 'words'),
  [
    (0, 100, ['0', '20', '40', '60', '80', '100']),
    (0, 0.001, ['0.0000', '0.0002', '0.0004', '0.0006', '0.0008', '0.0010']),
    (48.06, 48.99, ['48.2', '48.4', '48.6', '48.8']),
    (-1.2, 1.2, ['-1.0', '-0.5', '0.0', '0.5', '1.0']),
    (0, 3e6, ['0', '5e+05', '1e+06', '1.5e+06', '2e+06', '2.5e+06', '3e+06']),
  ],
)
def test_ticks_are_round_and_tell_values_apart(low, high, words):
  assert [word for _, word in axes.ticks(low, high)] == words


def test_whole_ticks_have_no_fractions():
  assert [word for _, word in axes.ticks(1, 4, whole=True)] == list('1234')


def test_a_line_goes_through_its_points():
  chart = panel()
  chart.line(np.array([[0, 0], [5, 50], [10, 100]]), 'c0')
  (found,) = places(chart.svg('line'), 'series c0')
  steps = np.diff(found, axis=0)
  np.testing.assert_allclose(steps[0], steps[1], atol=0.11)
  assert steps[0][0] > 100 and steps[0][1] < -50  # to the right and up


def test_decades_are_equally_wide():
  chart = panel(x=(0.01, 100), logarithmic=True)
  chart.line(np.array([[x, 1] for x in (0.01, 0.1, 1, 10, 100)]), 'c0')
  svg = chart.svg('line')
  steps = np.diff(places(svg, 'series c0')[0][:, 0])
  np.testing.assert_allclose(steps, steps[0], atol=0.11)
  for word in ('>0.01<', '>1<', '>100<'):
    assert word in svg


def test_a_line_has_a_gap_where_a_value_is_missing():
  chart = panel()
  chart.line(np.array([[0, 1], [1, np.nan], [2, 3], [3, 4]]), 'c0')
  path = re.search('class="series c0" d="([^"]*)"', chart.svg('line'))[1]
  assert re.findall('[ML]', path) == ['M', 'M', 'L']


def test_long_lines_are_thinned_and_keep_their_ends():
  chart = panel(x=(0, 99_999))
  x = np.arange(100_000)
  chart.line(np.stack([x, x % 100], 1), 'c0')
  chart.line(np.array([[0, 0], [99_999, 99]]), 'c1')
  svg = chart.svg('line')
  (many,), (ends,) = places(svg, 'series c0'), places(svg, 'series c1')
  assert len(many) == 300
  np.testing.assert_array_equal(many[[0, -1]], ends)


@pytest.mark.parametrize('value', [0.0, 1.0, -3.5, 1e12, 1e-12])
def test_an_axis_of_one_value_has_different_labels(value):
  chart = panel(y=(value, value))
  chart.line(np.array([[0, value], [10, value]]), 'c0')
  svg = chart.svg('flat')
  labels = re.findall('class="end">([^<]*)<', svg)
  assert len(labels) >= 2 and len(set(labels)) == len(labels)
  assert 'nan' not in svg


def test_a_histogram_reaches_down_to_the_axis():
  chart = panel(x=(0, 2))
  chart.steps(np.array([0, 1, 2]), np.array([100, 50]), 'c0')
  path = re.search('class="area c0" d="([^"]*)"', chart.svg('bars'))[1]
  heights = [float(v) for v in re.findall(r'V([\d.]+)', path)]
  start = float(re.search(r'M[\d.]+ ([\d.]+)', path)[1])
  assert heights[-1] == start  # back at the axis
  np.testing.assert_allclose(start - heights[1], (start - heights[0]) / 2)


def test_labels_are_text():
  chart = panel(x_ticks=[(1, '<b>')])
  chart.vertical(5, '<script>')
  svg = chart.svg('"><i>')
  assert '<b>' not in svg and '<script>' not in svg and '<i>' not in svg
