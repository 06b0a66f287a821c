#!/usr/bin/env bash
# Measures everything in docs/performance.md that needs a GPU; prints JSON lines.
# Run it from a clone, with JAX for the GPU and (for the ratios) PyTorch:
#   scripts/benchmark_gpu.sh > gpu.jsonl
#   scripts/benchmark_gpu.sh 'step.*gaitbase'  # only the cases that match
#   SIZE=toy scripts/benchmark_gpu.sh          # tries every case on a CPU
# If a case fails, its name goes to stderr, the other cases still run, and the
# exit status is 1.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
trap 'exit 130' INT
only=${1:-} failed=0
if [[ ${SIZE:-} == toy ]]; then
  batch=(--sequences=4 --frames=3) timed=(--repeats=1) rounds=1 device=cpu
  rates=64 input=(--clips=8 --frames=2 --seconds=0.1 --subjects=8)
  busy=(--clips=8 --frames=2 --steps=2 --subjects=8)
  evaluate=(--sequences=4 --max_frames=8) probes=4 galleries=(8 16)
else
  batch=(--sequences=128 --frames=30) timed=() rounds=3 device=cuda
  # With smaller matrices the time of the call itself would count.
  rates=32768 input=(--clips=128 --frames=30) busy=(--clips=128 --frames=30)
  evaluate=(--sequences=512) probes=4096 galleries=(133780 1000000)
  if [[ $(python -c 'import jax; print(jax.default_backend())') != gpu ]]; then
    echo 'error: expected JAX with a GPU, found none; see README.md' >&2
    exit 1
  fi
fi
one=(--devices=1 --dtype=bfloat16)  # PyTorch uses one device, too
# Each round is a process; only the first one compiles (`compile_seconds`).
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
export JAX_COMPILATION_CACHE_DIR=$cache

ours() {
  [[ $* =~ $only ]] || return 0
  echo "$*" >&2
  python scripts/benchmark.py "$@" && return
  echo "failed: $*" >&2
  failed=1
  return 1
}
# compare PYTORCH-OPTIONS CASE [OPTION..]: times both, or ours alone if that fails.
compare() {
  local sizes=("${batch[@]}" ${timed[@]+"${timed[@]}"})
  local theirs="python scripts/torch_baseline.py $1 ${sizes[*]} --device=$device"
  shift
  set -- "$@" "${sizes[@]}" "${one[@]}"
  ours "$@" --rounds="$rounds" --beside="$theirs" || ours "$@"
}

for dtype in float32 bfloat16; do
  ours rates --size="$rates" --devices=1 --dtype="$dtype"
done
for step in selfgait gaitbase deepgaitv2; do
  for amp in '' --amp; do
    compare "--step=$step $amp" step --step="$step"
  done
done
compare '--step=deepgaitv2 --layers 1 4 4 1 --amp' \
  step --step=deepgaitv2 '--setting=layers=(1,4,4,1)'
compare '--step=embed --amp' embed
for step in selfgait gaitbase deepgaitv2; do
  ours memory --step="$step" "${batch[@]}" "${one[@]}"
done
for step in gaitbase deepgaitv2; do
  ours memory --step="$step" --setting=remat=True "${batch[@]}" "${one[@]}"
done
ours input --step=selfgait --loader=array --loader=device "${input[@]}" "${one[@]}"
ours busy --step=selfgait --loader=array --loader=device "${busy[@]}" "${one[@]}"
ours evaluate "${evaluate[@]}" "${one[@]}"
ours search --probes="$probes" --gallery="${galleries[0]}" --parts=31 --features=256
ours search --probes="$probes" --gallery="${galleries[1]}" --parts=16 --features=128
exit "$failed"
