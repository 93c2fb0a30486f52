#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Links an emitted object with a linker alone and the files beside the driver, runs it, and checks that
# program and library need glibc only. usage: link-emitted.sh LINKER OBJECT LIB-FOLDER WORK-FOLDER READELF NM
set -eu
linker=$1 object=$2 lib=$3 work=$4 readelf=$5 nm=$6
support=$lib/partita
glibc=$(dirname "$(ls /lib/x86_64-linux-gnu/libc.so.6 /lib64/libc.so.6 /usr/lib/libc.so.6 2>/dev/null | head -1)")
libraries="$lib/libpartita-runtime.a $support/libstdc++.a $glibc/libm.so.6 $support/libgcc.a $support/libgcc_eh.a
  $glibc/libc.so.6 $support/libc_nonshared.a"
mkdir -p "$work"
"$linker" --gc-sections -pie --eh-frame-hdr -dynamic-linker /lib64/ld-linux-x86-64.so.2 -o "$work/emitted" \
  "$support/Scrt1.o" "$support/crti.o" "$support/crtbeginS.o" "$object" $libraries \
  --as-needed /lib64/ld-linux-x86-64.so.2 "$support/crtendS.o" "$support/crtn.o"
"$linker" --gc-sections -shared --version-script="$support/library.version" -u partita_create -u partita_run \
  -o "$work/libemitted.so" "$support/crti.o" "$support/crtbeginS.o" "$object" $libraries \
  --as-needed /lib64/ld-linux-x86-64.so.2 "$support/crtendS.o" "$support/crtn.o"
for file in emitted libemitted.so; do
  if "$readelf" -d "$work/$file" | grep NEEDED | grep -vE 'lib(c|m)\.so\.6|ld-linux-x86-64\.so\.2'; then
    echo "$file needs more than glibc" && exit 1
  fi
done
exported=$("$nm" -D --defined-only "$work/libemitted.so" | sed 's/.* //' | sort | tr '\n' ' ')
expected="partita_create partita_destroy partita_input partita_input_count partita_output partita_output_count partita_run "
[ "$exported" = "$expected" ] || { echo "the library exports: $exported"; exit 1; }
"$work/emitted" --bench 3 | grep -q '^latency    median'
"$work/emitted" --random-inputs --output "$work/out"
[ "$(cat "$work/out/outputs.json" | tr -d '\n')" = '{  "y=x*w": "y_x_w.npy"}' ]
