"""Compiling for chips that are not here: targets, what is counted, the case."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest
from benchmarks import compiled, targets

from selfgait_jax import errors

ROOT = pathlib.Path(__file__).parents[2]
TINY = '--step=gaitset', '--frames=1', '--sequences=2'


def installed(package):
  try:
    return importlib.util.find_spec(package) is not None
  except ModuleNotFoundError:  # what it would be in is not there
    return False


def needs(package):
  reason = f'{package} is not installed'
  return pytest.mark.skipif(not installed(package), reason=reason)


def compile_step(*options):
  return subprocess.run(
    [sys.executable, ROOT / 'scripts' / 'benchmark.py', 'compile', *options],
    capture_output=True,
    text=True,
    timeout=600,
  )


def test_tpu_targets():
  found = targets.parse('tpu:v5e:4x4')
  assert found == ('tpu', 'v5e:4x4', {}, None)
  alone = targets.parse('tpu:v5p:1x1x1')
  assert alone.options == {'chips_per_host_bounds': (1, 1, 1)}


def test_gpu_targets(tmp_path):
  found = targets.parse('gpu:H200')
  assert found.platform == 'cuda' and found.memory == 151397597184
  assert found.options['topology'] == '1x1x1'
  several = targets.parse('gpu:A100x8')
  assert several.options['topology'] == '1x1x8'
  facts = several.options['target_config']
  for line in (
    'major: 8', 'core_count: 108', 'l2_cache_size: 41943040',
    'shared_memory_per_core: 167936', 'shared_memory_per_block_optin: 166912',
    'device_description_str: "NVIDIA A100-SXM4-80GB"',
    'feature_extension: NONE',
  ):  # fmt: skip
    assert f'{line}\n' in facts
  path = tmp_path / 'box.txtpb'
  path.write_text('gpu_device_info { device_memory_size: 7 }')
  own = targets.parse(f'gpu:{path}x2')
  assert own.memory == 7 and own.options['topology'] == '1x1x2'
  assert own.options['target_config'] == path.read_text()


@pytest.mark.parametrize(
  'text',
  ['tpu:v9:2x2', 'tpu:v5e', 'tpu:v5e:4', 'gpu:H900', 'gpu:H200x0', 'H200'],
)
def test_an_unknown_target_is_told_the_known(text):
  with pytest.raises(
    errors.UserError, match=r'v5e\|v5p\|v6e.*H200\|H100\|A100'
  ):
    targets.parse(text)


def test_a_description_that_is_not_there_or_says_too_little(tmp_path):
  with pytest.raises(errors.UserError, match='expected a file'):
    targets.parse('gpu:nowhere.txtpb')
  (tmp_path / 'box.txtpb').touch()
  with pytest.raises(errors.UserError, match='device_memory_size'):
    targets.parse(f'gpu:{tmp_path}/box.txtpb')


@pytest.mark.parametrize(
  'target, package, plugin',
  [
    ('tpu:v5e:2x2', 'jax[tpu]', 'libtpu'),
    ('gpu:H200', 'jax[cuda12]', 'jax_plugins'),
  ],
)
def test_a_compiler_that_is_not_installed(target, package, plugin, monkeypatch):
  if installed(plugin):
    pytest.skip(f'{plugin} is installed')
  for name in (
    'TPU_SKIP_MDS_QUERY', 'TPU_WORKER_HOSTNAMES', 'TPU_ACCELERATOR_TYPE',
    'ALLOW_MULTIPLE_LIBTPU_LOAD', 'JAX_SKIP_CUDA_CONSTRAINTS_CHECK',
  ):  # fmt: skip
    monkeypatch.setenv(name, '1')  # and taken back afterwards
  with pytest.raises(errors.UserError) as caught:
    targets.devices(targets.parse(target))
  assert f'pip install "{package}"' in str(caught.value)


def test_traffic_of_a_program():
  program = """
HloModule made_up

%fused (p: f32[10]) -> f32[10] {
  %p = f32[10]{0} parameter(0)
  ROOT %n = f32[10]{0} negate(%p)
}

%body (t: (s32[], f32[10])) -> (s32[], f32[10]) {
  %t = (s32[], f32[10]{0}) parameter(0)
  %x = f32[10]{0} get-tuple-element(%t), index=1
  %y = f32[10]{0} fusion(%x), kind=kLoop, calls=%fused
}

ENTRY %main (a: f32[10], b: bf16[4,8]) -> f32[10] {
  %a = f32[10]{0:T(128)} parameter(0)
  %b = bf16[4,8]{1,0:T(8,128)(2,1)} parameter(1)
  %first = f32[10]{0:T(128)} fusion(%a, /*index=1*/%a), kind=kLoop, calls=%fused
  %loop = (s32[], f32[10]{0}) while(%tuple), condition=%c, body=%body, \
backend_config={"known_trip_count":{"n":"3"}}
  %again = (s32[], f32[10]{0}) while(%loop), condition=%c, body=%body
  %start = (bf16[4,8]{1,0:T(8,128)S(1)}, bf16[4,8]{1,0}, u32[]{:S(2)}) \
copy-start(%b)
  %done = bf16[4,8]{1,0:T(8,128)(2,1)S(1)} copy-done(%start)
  %part = ((bf16[4,8]{1,0}), bf16[1,8]{1,0:S(1)}, s32[]{:S(2)}) slice-start(%b)
  %got = bf16[1,8]{1,0:S(1)} slice-done(%part)
  %cut = bf16[2,8]{1,0} slice(%b), slice={[0:2], [0:8]}
  ROOT %last = f32[10]{0} fusion(%done, %first), kind=kLoop, calls=%fused
}
"""
  tensor, matrix, row = 4 * 10, 2 * 32, 2 * 8
  first, last = 3 * tensor, 2 * tensor
  loops = (3 + 1) * 2 * tensor
  expected = first + loops + matrix + row + 2 * 2 * row + last
  assert compiled.count_traffic(program) == expected


@pytest.mark.parametrize(
  'said, needs',
  [
    (
      'RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required '
      'for HLO temporaries (48.08G) exceeds available HBM (15.75G).',
      51.63,
    ),
    (
      'RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory '
      'in memory space hbm. Used 22.50G of 15.75G hbm. Exceeded hbm capacity',
      24.16,
    ),
  ],
)
def test_what_a_tpu_says_is_missing(said, needs):
  found = compiled.needed(said)
  assert found == {'needs_gb': needs, 'memory_gb': 16.91}


def test_a_tpu_may_not_say_what_is_missing():
  assert compiled.needed('RESOURCE_EXHAUSTED: no more') == {}


@pytest.mark.slow  # compiles a step
@pytest.mark.parametrize(
  'target, sequences',
  [
    pytest.param('gpu:H200x2', 2, marks=needs('jax_plugins.xla_cuda12')),
    pytest.param('tpu:v5e:2x2', 4, marks=needs('libtpu')),
  ],
)
def test_compiled_for_a_chip_that_is_not_here(target, sequences):
  ended = compile_step(f'--for={target}', *TINY, f'--sequences={sequences}')
  assert ended.returncode == 0, ended.stderr
  assert len(ended.stderr.splitlines()) == 1, ended.stderr
  line = json.loads(ended.stdout)
  assert line['fits'] and line['devices'] == sequences
  assert line['peak_gb'] > 0 and line['traffic_gb'] > 0
  assert line['messages'] > 0 and line['bytes'] > 0


@pytest.mark.slow
@needs('libtpu')
def test_a_batch_that_does_not_fit():
  ended = compile_step('--for=tpu:v5e:1x1', *TINY[:1], '--sequences=2048')
  assert ended.returncode == 0, ended.stderr
  line = json.loads(ended.stdout)
  assert line['fits'] is False and line['needs_gb'] > line['memory_gb'] > 15
