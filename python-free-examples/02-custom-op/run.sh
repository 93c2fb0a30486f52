#!/usr/bin/env bash
# Operators of one's own, kept whole and split by rules: checked, planned, proven, compiled and run on 1 and 3 ranks.
# Fails when the executables disagree, or when a wrong rule is taken.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
partita=${PARTITA:-$here/../../build/bin/partita}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

say() { printf '\n== %s\n' "$*"; }

protoc --proto_path="$here/../../lib/import" --encode=partita.onnx.Model Onnx.proto < "$here/model.textproto" > model.onnx
cp "$here/rules.json" .

say "without rules: the functions of the file are written out"
"$partita" check model.onnx --batch 5

say "with rules: each operator stays one op"
"$partita" check model.onnx --batch 5 --rules rules.json

say "its heads over three ranks"
"$partita" plan model.onnx --batch 5 --rules rules.json --machine cpu:3 --pin 'norm:head=x'
"$partita" verify model.onnx --batch 5 --rules rules.json --machine cpu:3 --pin 'norm:head=x'

say "compile and run on 1 and 3 ranks"
"$partita" compile model.onnx --batch 5 -o one --machine cpu:1
"$partita" compile model.onnx --batch 5 -o three --rules rules.json --machine cpu:3 --pin 'norm:head=x'
for name in one three; do
  "./$name" --random-inputs --seed 7 --output "out-$name" > /dev/null
done
"$here/../01-demo/compare-npy" out-one/z.npy out-three/z.npy

say "a rule that does not hold: parts of the sum cannot be gated"
sed 's/"k": {[^}]*}/"k": "sum"/' rules.json > wrong.json
if "$partita" plan model.onnx --batch 5 --rules wrong.json --machine cpu:3 2> problem.txt; then
  echo "a wrong rule was taken" >&2
  exit 1
fi
cat problem.txt
