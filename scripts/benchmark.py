"""How fast it is here: one JSON line a case, `benchmark.py CASE --help`."""

import argparse
import json
import pathlib
import sys

# Runs from a clone, without installation.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from selfgait_jax.machine import environment

if __name__ == '__main__':
  environment.prepare()

import benchmark_beside
import benchmark_busy
import benchmark_compile
import benchmark_input
import benchmark_memory
import benchmark_rates
import benchmark_recognition
import benchmark_scaling
import benchmark_steps

from selfgait_jax import errors

CASES = {  # name: (its options, itself)
  'input': (benchmark_input.input_options, benchmark_input.input_case),
  'busy': (benchmark_busy.busy_options, benchmark_busy.busy_case),
  'step': (benchmark_steps.step_options, benchmark_steps.step_case),
  'memory': (benchmark_steps.step_options, benchmark_memory.memory_case),
  'rates': (benchmark_rates.rates_options, benchmark_rates.rates_case),
  'embed': (benchmark_steps.embed_options, benchmark_steps.embed_case),
  'evaluate': (
    benchmark_recognition.evaluate_options,
    benchmark_recognition.evaluate_case,
  ),
  'search': (
    benchmark_recognition.search_options,
    benchmark_recognition.search_case,
  ),
  'scaling': (
    benchmark_scaling.scaling_options,
    benchmark_scaling.scaling_case,
  ),
  'count': (benchmark_scaling.count_options, benchmark_scaling.count_case),
  'compile': (
    benchmark_compile.compile_options,
    benchmark_compile.compile_case,
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
      results = benchmark_beside.compare(options.beside, options.rounds)
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
