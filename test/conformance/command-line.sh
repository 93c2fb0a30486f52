#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Official tests through the real command line: partita compile, the executable with .npy files in and out.
#   command-line.sh PARTITA CONFORMANCE-TESTS DATA FOLDER
# command-line-tests.txt lists them, one a line, each with the inputs that are fixed while importing.
set -uo pipefail
partita=$1 runner=$2 data=$3 folder=$4
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$folder"
mkdir -p "$folder"

run() { # NAME FIXED...: silent where it passes
  local name=$1 model flags inputs=() fixed=()
  shift
  model=$(ls "$data"/*/"$name"/model.onnx) && mkdir -p "$folder/$name/out" || return 1
  flags=$("$runner" --unpack "$name" "$folder/$name") || return 1
  while read -r flag value; do
    [ -n "$flag" ] || continue
    case " $* " in
      *" ${value%%=*} "*) fixed+=(--input-value "$value") ;;
      *) inputs+=("$flag" "$value") ;;
    esac
  done <<< "$flags"
  "$partita" compile "$model" --machine cpu:1 "${fixed[@]}" -o "$folder/$name/program" 2>&1 || return 1
  "$folder/$name/program" "${inputs[@]}" --output "$folder/$name/out" 2>&1 || return 1
  "$runner" --compare "$name" "$folder/$name/out" 2>&1
}

passed=0 failed=0
while read -r name fixed; do
  # shellcheck disable=SC2086
  if report=$(run "$name" $fixed); then
    passed=$((passed + 1))
    rm -rf "${folder:?}/$name"
  else
    failed=$((failed + 1))
    printf '%s fails:\n%s\n' "$name" "$report" >&2
  fi
done < <(grep -v '^#' "$here/command-line-tests.txt")
echo "$passed pass, $failed fail"
[ "$passed" -ge 50 ] && [ "$failed" -eq 0 ]
