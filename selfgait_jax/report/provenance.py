"""Where the figures come from: protocol, data, versions and settings."""

import html
import json
from collections.abc import Mapping
from typing import Any

from selfgait_jax import protocols
from selfgait_jax.report import blocks


def section(results: Mapping[str, Any], config: Mapping[str, Any]) -> str:
  """A list of facts, and every setting folded."""
  counts = {k: v for k, v in results['counts'].items() if '/' not in k}
  facts = {
    'protocol': results['protocol'],
    'data': _listed(results['data'], '{0} {1}'),
    'counts': _listed(counts, '{1} {0}'),
    'config hash': results['config_hash'],
    'seed': results['seed'],
    'device': results['device'],
    'versions': _listed(results['versions'], '{0} {1}'),
    'evaluation took': f'{results["seconds"]} s' if results['seconds'] else '',
  }
  items = ''.join(
    f'<dt>{blocks.text(k)}</dt><dd>{blocks.text(v)}</dd>'
    for k, v in facts.items()
    if v != ''
  )
  rules = protocols.PROTOCOLS.get(results['protocol'].split('/')[0])
  words = (
    f'<p class="note">{blocks.text(rules.definition)}</p>' if rules else ''
  )
  return blocks.section(
    'provenance',
    'Provenance and settings',
    (f'<dl>{items}</dl>' if items else '') + words + _settings(config),
  )


def _listed(values, form):
  return ', '.join(form.format(k, v) for k, v in values.items())


def _settings(config):
  if not config:
    return ''
  settings = f'<pre>{html.escape(json.dumps(config, indent=2))}</pre>'
  return blocks.folded('every key of the run', settings)
