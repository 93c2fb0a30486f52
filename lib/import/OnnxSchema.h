// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- OnnxSchema.h - The generated classes of Onnx.proto ----------------------===//
//
// The one place that includes protobuf's generated header, as a system header: its warnings are not ours.
// Example: `partita::onnx::Model model; model.mutable_graph()->set_name("main");`
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_ONNXSCHEMA_H
#define PARTITA_LIB_IMPORT_ONNXSCHEMA_H
#pragma GCC system_header

#include "partita/lib/import/Onnx.pb.h"

#endif // PARTITA_LIB_IMPORT_ONNXSCHEMA_H
