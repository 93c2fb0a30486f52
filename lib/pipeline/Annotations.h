// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multi-device annotations of a model file as pins, and a plan as annotations.
//
// Example: a node "fc" whose result [8, 64] is annotated as two shards along axis 1, on devices 0 and 1, becomes
//   preset "mesh:x=2" and the pin "fc:b=none,n=x".
#ifndef PARTITA_LIB_PIPELINE_ANNOTATIONS_H
#define PARTITA_LIB_PIPELINE_ANNOTATIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "partita/import/Annotations.h"

namespace partita {

struct AnnotationPins {
  /// A preset that fixes the mesh; empty where nothing is annotated.
  std::string preset;
  std::vector<std::string> pins;
  /// What could not be used, for the user.
  std::vector<std::string> notes;
};

/// The pins that the annotations of the imported `function` mean. E-ANNOTATION: shards that no mesh of two axes over
/// the configuration's devices has, or two annotations that contradict each other.
llvm::Expected<AnnotationPins> makePins(mlir::func::FuncOp function, const import::ModelAnnotations &annotations);

/// The plan of `function` as annotations of the nodes that `file` lists, under the name `configuration`.
import::ModelAnnotations makeAnnotations(mlir::func::FuncOp function, import::ModelAnnotations file,
                                         llvm::StringRef configuration);

} // namespace partita

#endif
