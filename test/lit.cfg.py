# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The lit suite: every .mlir and .test file below test/ is a test, one ctest entry "lit/FOLDER" for each folder.
#
# A test is run lines and the text that they must print:
#
#   // RUN: partita-opt %s --some-pass | FileCheck %s
#   // CHECK: partita_graph.contract
#
# build/bin and LLVM's own tools come first in PATH, so a run line names a tool as a user would type it.
import os

import lit.formats

config.name = "Partita"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# Inputs holds files that tests read, graphs holds models for whole families of unit tests.
config.excludes = ["Inputs", "graphs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.partita_test_exec_root

config.environment["PATH"] = os.pathsep.join(
    [config.partita_tools_dir, config.llvm_tools_dir, config.environment["PATH"]])
# What the caller set for the sanitizers holds inside a test too.
for variable in ["HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "ASAN_SYMBOLIZER_PATH"]:
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]

config.substitutions.append(("%partita_source", config.partita_source_root))
config.substitutions.append(("%partita_build", config.partita_build_root))
config.substitutions.append(("%partita_examples", os.path.join(config.partita_source_root, "python-free-examples")))
config.substitutions.append(("%onnx_testdata", config.onnx_testdata_dir))

# REQUIRES: and UNSUPPORTED: lines use these.
if os.path.isdir(config.onnx_testdata_dir):
    config.available_features.add("onnx-testdata")
for sanitizer in config.partita_sanitize.split(","):
    if sanitizer:
        config.available_features.add(sanitizer + "-sanitizer")
