"""Measures speed and memory on this machine; prints JSON lines.

`benchmark.py CASE --help` describes a case and its options.
"""

import argparse
import json
import pathlib
import sys

# Lets the script run from a clone, without installation.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from benchmarks import (
  beside,
  busy_case,
  compile_case,
  count_case,
  discover_case,
  embed_case,
  evaluate_case,
  input_case,
  memory_case,
  rates_case,
  scaling_case,
  search_case,
  step_case,
  use_case,
)

from selfgait_jax import errors

CASES = {
  'step': step_case,
  'memory': memory_case,
  'compile': compile_case,
  'count': count_case,
  'scaling': scaling_case,
  'input': input_case,
  'busy': busy_case,
  'embed': embed_case,
  'evaluate': evaluate_case,
  'search': search_case,
  'discover': discover_case,
  'rates': rates_case,
  'use': use_case,
}


def main() -> int:
  """Runs a case; exit status 1 and one sentence if that is impossible."""
  parser = argparse.ArgumentParser(description=__doc__)
  cases = parser.add_subparsers(dest='case', required=True)
  for name, module in CASES.items():
    title = module.run.__doc__.splitlines()[0]
    case = cases.add_parser(
      name,
      help=title,
      description=module.run.__doc__,
      formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    module.options(case)
    case.set_defaults(run=module.run, title=title)
  options = parser.parse_args()
  try:
    if getattr(options, 'beside', None):
      results = beside.compare(options.beside, options.rounds)
    else:
      print(f'{options.case}: {options.title}', file=sys.stderr)
      results = options.run(options)
    for result in results:
      print(json.dumps({'case': options.case, **result}), flush=True)
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


if __name__ == '__main__':
  sys.exit(main())
