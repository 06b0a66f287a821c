"""Compiling for chips that are not here: targets and counts of a program."""

import importlib.util

import pytest
from benchmarks import compile_case, program_text, targets

from selfgait_jax import errors


def test_targets(tmp_path):
  assert targets.parse('tpu:v5e:4x4') == ('tpu', 'v5e:4x4', {}, None)
  single = targets.parse('tpu:v5p:1x1x1')
  assert single.options == {'chips_per_host_bounds': (1, 1, 1)}
  several = targets.parse('gpu:A100x8')
  assert (several.platform, several.memory) == ('cuda', 85100068864)
  assert several.options['topology'] == '1x1x8'
  assert 'core_count: 108\n' in several.options['target_config']
  path = tmp_path / 'box.txtpb'
  path.write_text('gpu_device_info { device_memory_size: 7 }')
  own = targets.parse(f'gpu:{path}x2')
  assert own.memory == 7 and own.options['topology'] == '1x1x2'
  assert own.options['target_config'] == path.read_text()
  for text in ('tpu:v9:2x2', 'tpu:v5e', 'tpu:v5e:4', 'gpu:H900', 'gpu:H200x0'):
    with pytest.raises(errors.UserError, match=r'v5e\|v5p\|v6e.*H200\|H100'):
      targets.parse(text)


def test_messages_of_a_program():
  gather = '%g = f32[8]{0:T(128)S(1)} all-gather(%p), channel_id=7'
  program = f"""
%fused_computation.1 (p: f32[2]) -> f32[8] {{
  {gather}
}}
%async_collective_fusion.2 (p: f32[2]) -> (f32[8], f32[3]) {{
  {gather}
}}
%fused_computation.3 (p: f32[2]) -> f32[8] {{
  {gather}
}}
ENTRY %main (p: f32[2]) -> f32[8] {{
  %async-collective-start = f32[8] fusion(%p), calls=%fused_computation.1
  %fusion.2 = (f32[8], f32[3]) fusion(%p), calls=%async_collective_fusion.2
  %async-collective-done = f32[8] fusion(%fusion.2), calls=%fused_computation.3
  %a = (f32[64]{{0}}, /*index=1*/bf16[2,3]{{1,0}}) all-reduce(%x, %y)
  %b = (s32[4]{{0}}, s32[16]{{0}}) all-gather-start(%all-reduce)
  %b.1 = s32[16]{{0}} all-gather-done(%b)
  ROOT %c = pred[] all-reduce(%z)
}}
"""
  assert program_text.count_messages(program) == [
    ('all-gather', 4 * 8),  # once, though three fusions repeat it
    ('all-reduce', 4 * 64 + 2 * 6),
    ('all-gather', 4 * 16),
    ('all-reduce', 1),
  ]


def test_traffic_of_a_program():
  program = """
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
  loops = (3 + 1) * 2 * tensor
  expected = 3 * tensor + loops + matrix + row + 2 * 2 * row + 2 * tensor
  assert program_text.count_traffic(program) == expected


def test_the_memory_that_a_tpu_lacks():
  for said, needs in (
    ('requirement (48.08G) exceeds available HBM (15.75G).', 51.63),
    ('memory space hbm. Used 22.50G of 15.75G hbm. Exceeded', 24.16),
  ):
    found = compile_case.missing_memory(f'RESOURCE_EXHAUSTED: {said}')
    assert found == {'needs_gb': needs, 'memory_gb': 16.91}


@pytest.mark.slow  # compiles a step
@pytest.mark.parametrize(
  'target, package, batch, keys',
  [
    ('gpu:H200x2', 'jax_cuda12_plugin', 2, 'peak_gb traffic_gb messages'),
    ('tpu:v5e:2x2', 'libtpu', 4, 'peak_gb traffic_gb messages'),
    ('tpu:v5e:1x1', 'libtpu', 2048, 'needs_gb memory_gb'),
  ],
)
def test_compiled_for_a_chip_that_is_not_here(
  target, package, batch, keys, benchmark_lines
):
  if not importlib.util.find_spec(package):
    pytest.skip(f'{package} is not installed')
  size = '--frames=1', f'--sequences={batch}'
  (line,) = benchmark_lines(
    'compile', f'--for={target}', '--step=gaitset', *size
  )
  assert line['fits'] is (batch < 2048)
  assert all(line[key] > 0 for key in keys.split())
