"""The pictures of the report, each as the bytes of a PNG file."""

import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import cm, figure, image, ticker

from selfgait_jax import errors
from selfgait_jax.evaluate import tables

# Okabe and Ito's colours, which also colour-blind readers can tell apart.
COLOURS = (
  '#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9', '#000000',
)  # fmt: skip
DASHES = ('-', '--', ':')
WIDTH = 10.8  # of a row of panels, in inches of 96 CSS pixels
DENSITY = 2  # image pixels per CSS pixel
# Axis labels of curves whose names do not tell the unit.
LABELS = {
  'loss': 'loss',
  'spread': 'spread (0: collapsed)',
  'spread_lowest': 'spread of the worst part',
  'mean_cosine': 'mean cosine of two samples',
  'effective_rank': 'effective rank (dimensions)',
  'active_share': 'active triplets (share)',
  'active_triplets': 'active triplets per part',
  'learning_rate': 'learning rate',
  'frames_per_second': 'frames / s',
}
# Useless after the run, or in proportion to another curve.
NOT_DRAWN = ('eta_seconds', 'steps_per_second')
# Settings: drawn only if a schedule changes them.
SCHEDULED = ('learning_rate', 'target_momentum')
HELD_OUT = 'held_out/'  # begins the names of the held-out check's scores
# Names are drawn as they are: matplotlib would read 'a$_$b' as a formula.
_plain_text = matplotlib.rc_context({'text.parse_math': False})


@_plain_text
def heat_maps(metrics: Mapping, titles: Mapping[str, str]) -> bytes | None:
  """Rank-1 by probe view and gallery view, one map for each probe group.

  Args:
    metrics: of one row; draws `views` and `<group>/matrix`.
    titles: heading of each group, in order.

  Returns:
    PNG, or None if there is no matrix.
  """
  drawn = [group for group in titles if f'{group}/matrix' in metrics]
  if not drawn:
    return None
  views = [tables.degrees(view) for view in metrics['views']]
  fig, axes = _panels(len(drawn), aspect=1.0)
  for ax, group in zip(axes, drawn, strict=True):
    matrix = np.array(metrics[f'{group}/matrix'], float)  # None becomes NaN
    ax.grid(False)
    ax.set_facecolor('#dddddd')
    ax.imshow(matrix, cmap='cividis', vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(matrix):
      text = '–' if np.isnan(value) else f'{value:.0f}'
      dark = value < 55
      ax.text(
        column, row, text, ha='center', va='center', size=6.5,
        color='white' if dark else 'black',
      )  # fmt: skip
    ax.set_xticks(range(len(views)), views, rotation=60, size=7)
    ax.set_yticks(range(len(views)), views, size=7)
    ax.set_title(titles[group])
    ax.set_xlabel('gallery view')
  axes[0].set_ylabel('probe view')
  scale = cm.ScalarMappable(cmap='cividis')
  scale.set_clim(0, 100)
  fig.colorbar(scale, ax=list(axes), label='rank-1 (%)', shrink=0.75, pad=0.01)
  return _png(fig)


@_plain_text
def cumulative_match(
  rows: Mapping[str, Mapping], titles: Mapping[str, str]
) -> bytes | None:
  """CMC curves of every row, one panel for each probe group.

  Args:
    rows: name -> metrics; draws `<group>/cmc`.
    titles: heading of each group, in order.

  Returns:
    PNG, or None if there is no curve.
  """
  drawn = [g for g in titles if any(f'{g}/cmc' in m for m in rows.values())]
  if not drawn:
    return None
  fig, axes = _panels(len(drawn), aspect=0.85, sharey=True)
  for ax, group in zip(axes, drawn, strict=True):
    for i, (name, metrics) in enumerate(rows.items()):
      curve = np.array(metrics.get(f'{group}/cmc', []), float)
      ax.plot(
        range(1, len(curve) + 1), curve, **_line(i), label=name, marker='o',
        markersize=2.5,
      )  # fmt: skip
    ax.set_title(titles[group])
    ax.set_xlabel('rank k')
    ax.set_xticks([1, 5, 10, 15, 20])
    ax.set_ylim(0, 102)
  axes[0].set_ylabel('mate among the k nearest (%)')
  handles, labels = axes[0].get_legend_handles_labels()
  fig.legend(handles, labels, loc='outside lower center', ncols=3)
  return _png(fig)


@_plain_text
def held_out(
  series: Mapping[str, Sequence[tuple[int, float]]],
  titles: Mapping[str, str],
  stage: str,
) -> bytes | None:
  """Rank-1 of the held-out check over the steps, a line a probe group.

  Args:
    series: name -> (step, value) in order; draws `held_out/<group>/rank1` and
      leaves out what is no finite number.
    titles: name of each group in the legend; a group that has none stands
      there in capitals.
    stage: names the picture.

  Returns:
    PNG, or None if nothing was checked.
  """
  drawn = {}
  for name, points in series.items():
    group = name.removeprefix(HELD_OUT).removesuffix('/rank1')
    # Not `held_out/rank1`, which repeats the first group.
    if name == f'{HELD_OUT}{group}/rank1' and len(_finite(points)):
      drawn[group] = _finite(points)
  if not drawn:
    return None
  fig, (ax,) = _panels(1, aspect=0.62)
  for i, (group, points) in enumerate(drawn.items()):
    title = titles.get(group, errors.printable(group.upper(), 60))
    ax.plot(*points.T, **_line(i), label=title, marker='o', markersize=3)
  ax.set_title(f'{stage}: rank-1 on held-out subjects', size=10)
  ax.set_ylabel('rank-1 (%)')
  _count_steps(ax)
  fig.legend(loc='outside lower center', ncols=3)
  return _png(fig)


@_plain_text
def label_worth(
  spreads: Mapping[str, Mapping], titles: Mapping[str, str]
) -> bytes | None:
  """Rank-1 by the number of labelled subjects, a line an arm.

  Args:
    spreads: group -> `label_worth.spread`, whose deviations are drawn as bands.
    titles: heading of each group.

  Returns:
    PNG, or None if there is no group.
  """
  if not spreads:
    return None
  fig, axes = _panels(len(spreads), aspect=0.85)
  for ax, (group, arms) in zip(axes, spreads.items(), strict=True):
    for i, (arm, counts) in enumerate(arms.items()):
      # Evenly spaced: the numbers of subjects grow by factors.
      place = np.arange(len(counts))
      mean, deviation = np.array(list(counts.values())).T
      ax.plot(place, mean, **_line(i), label=arm, marker='o', markersize=3)
      ax.fill_between(
        place, mean - deviation, mean + deviation, alpha=0.2,
        color=COLOURS[i % len(COLOURS)], linewidth=0,
      )  # fmt: skip
      ax.set_xticks(place, list(counts))
    ax.set_title(titles.get(group, group.upper()))
    ax.set_xlabel('labelled subjects')
  axes[0].set_ylabel('rank-1 (%)')
  handles, labels = axes[0].get_legend_handles_labels()
  fig.legend(handles, labels, loc='outside lower center', ncols=3)
  return _png(fig)


@_plain_text
def rounds(found: Sequence[Mapping]) -> bytes | None:
  """Precision and recall of the pseudo-identities of each round.

  Args:
    found: from `audit.audit`.

  Returns:
    PNG, or None if there is no round.
  """
  if not found:
    return None
  fig, (ax,) = _panels(1, aspect=0.62)
  names = [n for n in found[0] if n.split('/')[0] in ('precision', 'recall')]
  steps = [each['step'] for each in found]
  for i, name in enumerate(names):
    values = [100 * each[name] for each in found]
    title = errors.printable(name.replace('/', ', '), 60)
    ax.plot(steps, values, **_line(i), label=title, marker='o', markersize=3)
  ax.set_ylim(0, 102)
  ax.set_ylabel('pairs (%)')
  _count_steps(ax)
  fig.legend(loc='outside lower center', ncols=3)
  return _png(fig)


@_plain_text
def curves(series: Mapping[str, Sequence[tuple[int, float]]]) -> bytes | None:
  """Every quantity of one stage over its steps, the loss first.

  Args:
    series: name -> (step, value) in order; leaves out what is no finite number
      and what `held_out` draws.

  Returns:
    PNG, or None if there is nothing to draw.
  """
  series = {
    errors.printable(name, 60): _finite(points)
    for name, points in series.items()
  }
  drawn = sorted(
    (name for name, points in series.items() if _worth_drawing(name, points)),
    key=lambda name: ('loss' not in name, name),
  )
  if not drawn:
    return None
  fig, axes = _panels(len(drawn), aspect=0.62)
  for ax, name in zip(axes, drawn, strict=True):
    step, value = series[name].T
    smooth, window = _smoothed(value)
    colour = COLOURS[0]
    ax.plot(
      step, value, color=colour, alpha=0.3 if window > 1 else 1,
      marker='o' if len(value) < 30 else None, markersize=3,
    )  # fmt: skip
    if window > 1:
      ax.plot(step[window // 2 :][: len(smooth)], smooth, color=colour)
    ax.set_title(name, size=9)
    ax.set_ylabel(_label(name))
    _count_steps(ax)
  return _png(fig)


def film_strip(clip: np.ndarray, frames: int = 16) -> bytes:
  """The first frames of a clip, side by side.

  Args:
    clip: uint8 [T, H, W].
    frames: the most to show.
  """
  clip = np.asarray(clip)[:frames]
  framed = np.pad(clip, ((0, 0), (0, 0), (0, 2)), constant_values=128)
  strip = framed.transpose(1, 0, 2).reshape(clip.shape[1], -1)[:, :-2]
  buffer = io.BytesIO()
  image.imsave(buffer, strip, cmap='gray', vmin=0, vmax=255, format='png')
  return buffer.getvalue()


def _panels(count, aspect, **settings):
  """A figure with `count` panels in rows of three, and their axes."""
  columns = min(count, 3)
  rows = -(-count // columns)
  width = WIDTH / 3 if count > 1 else WIDTH / 2  # a single one is larger
  fig = figure.Figure(
    figsize=(width * columns, width * aspect * rows + 0.4),
    layout='constrained',
  )
  axes = fig.subplots(rows, columns, squeeze=False, **settings).ravel()
  for ax in axes[count:]:
    ax.remove()
  for ax in axes[:count]:
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)
    ax.spines[['top', 'right']].set_visible(False)
    ax.tick_params(labelsize=8)
  return fig, axes[:count]


def _line(i):
  """Colour and dashes of the i-th line of a panel."""
  return {
    'color': COLOURS[i % len(COLOURS)],
    'linestyle': DASHES[i // len(COLOURS) % len(DASHES)],
  }


def _count_steps(ax):
  """Labels the horizontal axis with steps."""
  ax.set_xlabel('step')
  ax.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))


def _finite(points):
  """Those points of which both numbers are finite, float [n, 2]."""
  numbers = [
    point
    for point in points
    if all(isinstance(x, int | float) and abs(x) < 1e300 for x in point)
  ]
  return np.array(numbers, float).reshape(-1, 2)


def _worth_drawing(name, points):
  if name in NOT_DRAWN or name.startswith(HELD_OUT):
    return False
  moves = len({value for _, value in points}) > 1
  return len(points) and (moves or name not in SCHEDULED)


def _smoothed(values):
  """Moving average over 1/25 of the points, and its width."""
  window = max(1, len(values) // 25)
  if window == 1:
    return values, 1
  return np.convolve(values, np.ones(window) / window, 'valid'), window


def _label(name):
  last = name.split('/')[-1]
  return LABELS.get(last, last.replace('_', ' '))


def _png(fig) -> bytes:
  buffer = io.BytesIO()
  fig.savefig(buffer, format='png', dpi=96 * DENSITY)
  return buffer.getvalue()
