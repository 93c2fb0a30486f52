#!/usr/bin/env bash
# Writes, plans, proves and runs a GPT on 1, 2x2 and 4 ranks. Fails when any of them disagrees.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
partita=${PARTITA:-$here/../../build/bin/partita}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

say() { printf '\n== %s\n' "$*"; }

say "a GPT with 4 layers and 12 heads, weights from a seed"
"$partita" zoo gpt --layers 4 --hidden 192 --heads 12 --seq 32 --vocab 512 --batch 4 --weights seed=1 -o gpt.onnx
"$partita" check gpt.onnx

say "the plan for four ranks"
"$partita" plan gpt.onnx --machine cpu:4 --preset tensor

say "the partitioned program against the model, on simulated ranks"
"$partita" verify gpt.onnx --machine cpu:4 --preset tensor

say "compile and run on 1, 2x2 and 4 ranks"
"$partita" compile gpt.onnx -o gpt-1 --machine cpu:1 --preset single
"$partita" compile gpt.onnx -o gpt-2x2 --machine cpu:4 --preset megatron:tensor=2,pipeline=2 --micro-batches 2
"$partita" compile gpt.onnx -o gpt-4 --machine cpu:4 --preset tensor
for ranks in 1 2x2 4; do
  printf '\n%s ranks\n' "$ranks"
  "./gpt-$ranks" --random-inputs --seed 7 --output "out-$ranks" >/dev/null
  "./gpt-$ranks" --bench 5
done

say "do they agree?"
for ranks in 2x2 4; do
  "$here/compare-npy" out-1/logits.npy "out-$ranks/logits.npy"
done
