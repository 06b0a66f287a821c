"""How fast it is here: one JSON line a case, `benchmark.py CASE --help`."""

import argparse
import json
import pathlib
import sys

# Runs from a clone, without installation.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from benchmarks import (
  beside,
  busy,
  compiled,
  inputs,
  memory,
  rates,
  recognition,
  scaling,
  steps,
)

from selfgait_jax import errors

CASES = {  # name: (its options, itself)
  'input': (inputs.input_options, inputs.input_case),
  'busy': (busy.busy_options, busy.busy_case),
  'step': (steps.step_options, steps.step_case),
  'memory': (steps.step_options, memory.memory_case),
  'rates': (rates.rates_options, rates.rates_case),
  'embed': (steps.embed_options, steps.embed_case),
  'evaluate': (
    recognition.evaluate_options,
    recognition.evaluate_case,
  ),
  'search': (
    recognition.search_options,
    recognition.search_case,
  ),
  'scaling': (
    scaling.scaling_options,
    scaling.scaling_case,
  ),
  'count': (scaling.count_options, scaling.count_case),
  'compile': (
    compiled.compile_options,
    compiled.compile_case,
  ),
}


def main() -> int:
  """Exit status 1 and one sentence if the case cannot be run."""
  parser = argparse.ArgumentParser(description=__doc__)
  cases = parser.add_subparsers(dest='case', required=True)
  for name, (add_options, run) in CASES.items():
    title = run.__doc__.splitlines()[0]
    case = cases.add_parser(
      name,
      help=title,
      description=run.__doc__,
      formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_options(case)
    case.set_defaults(run=run, title=title)
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
