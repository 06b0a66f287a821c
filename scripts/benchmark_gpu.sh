#!/usr/bin/env bash
# Every figure of docs/performance.md that needs a GPU: JSON lines on the output.
# From a clone, with JAX for the GPU and (for the ratios) PyTorch installed:
#   scripts/benchmark_gpu.sh > gpu.jsonl
# Arguments are added to each case of ours, e.g. --setting=remat=True to `step`.
set -euo pipefail
cd "$(dirname "$0")/.."
batch=(--sequences=128 --frames=30)
ours() { python scripts/benchmark.py "$@"; }
theirs() {
  echo "python scripts/torch_baseline.py --step $1 --sequences 128 --frames 30 --device cuda ${2:-}"
}

for dtype in float32 bfloat16; do ours rates --size=8192 --dtype="$dtype"; done
for step in selfgait gaitbase; do
  for amp in '' --amp; do
    ours step --step="$step" "${batch[@]}" --dtype=bfloat16 "$@" \
      --beside="$(theirs "$step" "$amp")"
  done
done
ours step --step=deepgaitv2 "${batch[@]}" --dtype=bfloat16 "$@"
for step in gaitbase deepgaitv2; do
  ours memory --step="$step" "${batch[@]}" --dtype=bfloat16
  ours memory --step="$step" "${batch[@]}" --dtype=bfloat16 --setting=remat=True
done
ours embed "${batch[@]}" --dtype=bfloat16 --beside="$(theirs embed --amp)"
ours input --step=selfgait --loader=array --loader=device --dtype=bfloat16
ours busy --step=selfgait --loader=array --loader=device --clips=128 --frames=30 --dtype=bfloat16
ours evaluate --sequences=512 --dtype=bfloat16
ours search --probes=4096 --gallery=133780 --parts=31 --features=256
ours search --probes=4096 --gallery=1000000 --parts=16 --features=128
