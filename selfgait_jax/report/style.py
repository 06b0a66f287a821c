"""How the page looks, in light and in dark, on wide and on narrow screens."""

# Okabe and Ito's colours, which also colour-blind readers can tell apart, and
# more; each for a light and for a dark page.
COLOURS = (
  ('#0072b2', '#4ba9e0'),
  ('#d55e00', '#ff8f4a'),
  ('#009e73', '#2fc79a'),
  ('#b8578f', '#e79fc8'),
  ('#b57d00', '#f0b93a'),
  ('#3f8fbf', '#93d2f7'),
  ('#6a51c4', '#b3a2ff'),
  ('#7a7a7a', '#a9a9a9'),
  ('#8c5a1e', '#cf9a5b'),
  ('#222222', '#f2f2f2'),
)
_DASHES = 3  # ways to draw a line before colours repeat for good
_WIDTHS = range(320, 1121, 80)  # of tables, in CSS pixels


def series(i: int) -> str:
  """CSS classes of the i-th series."""
  dash = i // len(COLOURS) % _DASHES
  return f'c{i % len(COLOURS)}' + (f' d{dash}' if dash else '')


def shade(i: int, count: int) -> str:
  """A colour of a scale of `count`, from blue over red to yellow."""
  hue = 250 + 165 * i / max(count - 1, 1)
  return f'hsl({hue % 360:.0f} 70% 58%)'


def hint(width: int) -> str:
  """The class of a table that scrolls on screens of less than this width."""
  return f'w{min((w for w in _WIDTHS if w >= width), default=_WIDTHS[-1])}'


def _variables(mode):
  return ''.join(f'--c{i}:{pair[mode]};' for i, pair in enumerate(COLOURS))


_CLASSES = ''.join(f'.c{i}{{--c:var(--c{i})}}' for i in range(len(COLOURS)))
# A table is narrower than the screen by the margins.
_HINTS = ''.join(
  f'@media(max-width:{width + 32}px){{.w{width}::before{{display:block}}}}'
  for width in _WIDTHS
)
_LIGHT = (
  '--paper:#fff;--ink:#1b1b1b;--soft:#5c5c5c;--line:#8a8a8a;--grid:#e4e4e4;'
  '--box:#f5f5f5;' + _variables(0)
)
_DARK = (
  '--paper:#16181b;--ink:#e8e8e8;--soft:#a6a6a6;--line:#848484;--grid:#33373c;'
  '--box:#202327;' + _variables(1)
)
CSS = (
  f':root{{color-scheme:light dark;{_LIGHT}}}'
  f'@media(prefers-color-scheme:dark){{:root{{{_DARK}}}}}{_CLASSES}'
  """
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); margin: 0 auto; max-width: 1120px;
  padding: 1.2rem 1rem 4rem; }
h1 { font-size: 1rem; font-weight: 600; color: var(--soft); margin: 0; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; padding-top: .5rem;
  border-top: 1px solid var(--grid); }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
p.headline { font-size: 1.45rem; line-height: 1.35; max-width: 46rem;
  margin: .4rem 0; }
p.note, figcaption { color: var(--soft); font-size: .9rem;
  max-width: 46rem; }
p.note { margin: .2rem 0 .8rem; }
nav { font-size: .9rem; margin-top: 1rem; display: flex; flex-wrap: wrap;
  gap: .2rem 1.1rem; }
nav a { color: var(--c0); text-decoration: none; }
nav a:hover { text-decoration: underline; }
.panels { display: grid; gap: 1.2rem 1.4rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); }
figure { margin: 0; max-width: 440px; min-width: 0; }
figcaption { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft);
  font-variant-numeric: tabular-nums; }
svg text.ink { fill: var(--ink); }
svg text.cell { font-size: 9.5px; text-anchor: middle; }
svg .on { fill: #fff; } svg .off { fill: #111; }
svg .mid { text-anchor: middle; } svg .end { text-anchor: end; }
svg .grid { stroke: var(--grid); stroke-width: 1; fill: none; }
svg .axis { stroke: var(--line); stroke-width: 1; fill: none; }
svg .mark { stroke: var(--c, var(--ink)); stroke-width: 1.2;
  stroke-dasharray: 4 3; fill: none; }
svg .series { stroke: var(--c); stroke-width: 1.7; fill: none;
  stroke-linejoin: round; }
svg .series.bold { stroke-width: 3; }
svg .faint { opacity: .35; stroke-width: 1; }
svg .dots { stroke: var(--c); stroke-width: 5; stroke-linecap: round;
  fill: none; }
svg .small { stroke-width: 4.4; opacity: .8; }
svg .d1 { stroke-dasharray: 6 3; } svg .d2 { stroke-dasharray: 2 3; }
svg .area { fill: var(--c); opacity: .4; }
svg .bar { fill: var(--c); } svg .floor { fill: var(--line); }
svg .published { fill: none; stroke: var(--ink); stroke-dasharray: 3 2; }
svg .nothing { fill: var(--grid); }
ul.legend { list-style: none; padding: 0; margin: .5rem 0 .8rem; display: flex;
  flex-wrap: wrap; gap: .15rem 1.2rem; font-size: .88rem; }
ul.legend i { display: inline-block; width: 1.3rem; margin-right: .4rem;
  vertical-align: middle; border-top: 3px solid var(--c); }
ul.legend .bold { font-weight: 600; }
ul.legend .bold i { border-top-width: 5px; }
ul.legend .d1 i { border-top-style: dashed; }
ul.legend .d2 i { border-top-style: dotted; }
figure ul.legend { margin: .2rem 0 0; gap: 0 .8rem; font-size: .8rem; }
figure ul.legend i { width: .55rem; border-top-width: .55rem; }
.scroll { overflow-x: auto; margin: .6rem 0; }
.scroll::before { content: 'This table scrolls sideways \\2192'; display: none;
  position: sticky; left: 0; color: var(--soft); font-size: .8rem; }
table { border-collapse: collapse; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .55rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--grid); }
th { font-weight: 600; border-bottom: 1px solid var(--line);
  white-space: normal; vertical-align: bottom; }
th.name, td.name { text-align: left; }
tr.main td { font-weight: 600; }
.strips { display: grid; gap: .9rem 1.4rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.strips.wide { grid-template-columns:
  repeat(auto-fill, minmax(min(100%, 520px), 1fr)); }
img.strip { width: 100%; max-width: 560px; height: auto; display: block;
  image-rendering: pixelated; margin: .15rem 0; background: #000; }
.who { font-size: .85rem; overflow-wrap: anywhere; }
.who b { font-weight: 600; }
details { margin: .8rem 0; }
summary { cursor: pointer; color: var(--c0); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr);
  gap: .1rem 1rem; font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
pre { font-size: .78rem; background: var(--box); padding: .8rem;
  overflow: auto; }
""" + _HINTS
)
