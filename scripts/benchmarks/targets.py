"""Describes TPUs and GPUs to XLA, which can then compile without them."""

import os
import pathlib
import re
from typing import NamedTuple

import jax
from jax.experimental import topologies

from selfgait_jax import errors

TPUS = 'v5e', 'v5p', 'v6e'


class Gpu(NamedTuple):
  """A GPU as its driver describes it; `cores` are streaming multiprocessors."""

  name: str
  capability: tuple[int, int]
  memory: int  # bytes
  bandwidth: float  # bytes per second
  cores: int
  core_shared: int  # bytes of shared memory per core
  core_float32: int  # float32 units per core
  cache: int  # bytes of L2
  gigahertz: float


GPUS = {
  'H200': Gpu(
    'NVIDIA H200 141GB HBM3e', (9, 0),
    151397597184, 4.8e12, 132, 228 << 10, 128, 50 << 20, 1.98,
  ),
  'H100': Gpu(
    'NVIDIA H100 80GB HBM3', (9, 0),
    84942979072, 3.35e12, 132, 228 << 10, 128, 50 << 20, 1.98,
  ),
  'A100': Gpu(
    'NVIDIA A100-SXM4-80GB', (8, 0),
    85100068864, 2.04e12, 108, 164 << 10, 64, 40 << 20, 1.41,
  ),
}  # fmt: skip


class Target(NamedTuple):
  """Arguments of `topologies.get_topology_desc`, and a GPU's memory in bytes.

  `memory` is None for a TPU, whose compiler knows it.
  """

  platform: str
  topology: str
  options: dict
  memory: int | None


def parse(text: str) -> Target:
  """`tpu:v5e:4x4`, `gpu:H200`, `gpu:H200x8` or `gpu:PATH.txtpb` -> Target.

  Raises:
    errors.UserError: it is none of these, or the file is not usable.
  """
  kind, _, name = text.partition(':')
  generation, _, sides = name.partition(':')
  if (
    kind == 'tpu' and generation in TPUS and re.fullmatch(r'\d+(x\d+)+', sides)
  ):
    alone = set(sides) == set('1x')
    # By default XLA expects 2 x 2 chips in a host.
    options = {'chips_per_host_bounds': (1, 1, 1)} if alone else {}
    return Target('tpu', name, options, None)
  name, count = re.fullmatch(r'(.*?)(?:x([1-9]\d*))?', name).groups()
  path = pathlib.Path(name)
  if kind == 'gpu' and (name in GPUS or path.suffix == '.txtpb'):
    if name not in GPUS and not path.is_file():
      raise errors.UserError(f'expected a file, found {path}; change --for')
    facts = describe(GPUS[name]) if name in GPUS else path.read_text()
    memory = re.search(r'device_memory_size: (\d+)', facts)
    if not memory:
      raise errors.UserError(
        f'expected device_memory_size in {path}, found none; change --for'
      )
    # Slices x hosts per slice x devices per host.
    options = {'topology': f'1x1x{count or 1}', 'target_config': facts}
    return Target('cuda', name, options, int(memory[1]))
  raise errors.UserError(
    f'expected tpu:{"|".join(TPUS)}:SIDExSIDE, or gpu:{"|".join(GPUS)} or '
    f'gpu:PATH.txtpb with xCOUNT if there are several, found {text}; change '
    '--for'
  )


def describe(gpu: Gpu) -> str:
  """XLA's description of a GPU, a text proto (`GpuTargetConfigProto`)."""
  # From the H100 on, allow the instructions specific to the chip (sm_90a).
  feature = 'ACCELERATED_FEATURES' if gpu.capability >= (9, 0) else 'NONE'
  return f"""
gpu_device_info {{
  cuda_compute_capability {{
    major: {gpu.capability[0]}
    minor: {gpu.capability[1]}
    feature_extension: {feature}
  }}
  device_memory_size: {gpu.memory}
  memory_bandwidth: {round(gpu.bandwidth)}
  l2_cache_size: {gpu.cache}
  clock_rate_ghz: {gpu.gigahertz}
  core_count: {gpu.cores}
  fpus_per_core: {gpu.core_float32}
  shared_memory_per_core: {gpu.core_shared}
  shared_memory_per_block_optin: {gpu.core_shared - 1024}
  shared_memory_per_block: {48 << 10}
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  threads_per_core_limit: 2048
  threads_per_block_limit: 1024
  threads_per_warp: 32
  block_dim_limit_x: {2**31 - 1}
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 10 patch: 0 }}
device_description_str: "{gpu.name}"
"""


def devices(target: Target) -> list[jax.Device]:
  """The devices to compile for; call before JAX starts.

  Raises:
    errors.UserError: JAX's plugin for them is not installed, or XLA knows no
      such topology.
  """
  jax.config.update('jax_platforms', 'cpu')  # programs run only there
  if target.platform == 'tpu':
    # Otherwise libtpu asks the network what it runs on, and complains.
    generation = target.topology.partition(':')[0].replace('v5e', 'v5litepod')
    os.environ.setdefault('TPU_SKIP_MDS_QUERY', '1')
    os.environ.setdefault('TPU_WORKER_HOSTNAMES', 'localhost')
    os.environ.setdefault('TPU_ACCELERATOR_TYPE', f'{generation}-4')
    # It needs no exclusive access to the machine.
    os.environ.setdefault('ALLOW_MULTIPLE_LIBTPU_LOAD', '1')
  else:
    # Otherwise JAX looks for a driver.
    os.environ.setdefault('JAX_SKIP_CUDA_CONSTRAINTS_CHECK', '1')
  try:
    return topologies.get_topology_desc(
      platform=target.platform,
      topology_name=target.topology,
      **target.options,
    ).devices
  except jax.errors.JaxRuntimeError as error:
    raise errors.UserError(
      f'expected a topology that XLA knows, found {target.topology}: '
      f'{str(error).splitlines()[0]}; change --for'
    ) from error
  except (NotImplementedError, RuntimeError) as error:
    package = {'tpu': 'jax[tpu]', 'cuda': 'jax[cuda12]'}[target.platform]
    raise errors.UserError(
      f'expected the compiler of {package}, found none; run pip install '
      f'"{package}" (the chip itself is not needed)'
    ) from error
