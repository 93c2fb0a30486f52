// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "InputValues.h"
#include "partita/runtime/Npy.h"
#include "partita/support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include <cstring>

using namespace mlir;

namespace partita {

/// The element type of an array; null for one that the model cannot have.
static Type toElement(MLIRContext &context, runtime::ElementType type) {
  Builder builder(&context);
  StringRef name = runtime::elementName(type);
  if (name == "bool")
    return builder.getI1Type();
  if (name == "f64" || name == "f32" || name == "f16")
    return name == "f64" ? builder.getF64Type() : name == "f32" ? builder.getF32Type() : builder.getF16Type();
  unsigned bits;
  bool isInteger = (name.starts_with("si") || name.starts_with("ui")) && !name.drop_front(2).getAsInteger(10, bits);
  return isInteger ? builder.getIntegerType(bits, name[0] == 's') : Type();
}

llvm::Expected<std::vector<import::InputValue>> readInputValues(MLIRContext &context, const Arguments &arguments) {
  std::vector<import::InputValue> values;
  for (const std::string &text : arguments.getAll("input-value")) {
    auto [name, path] = StringRef(text).rsplit('=');
    if (name.empty() || path.empty())
      return makeError("E-USAGE", "--input-value takes NAME=FILE.npy, got '" + text + "'");
    runtime::TensorView view;
    std::string problem;
    if (!runtime::readNpy(path.str(), view, problem)) {
      StringRef message = problem;
      message.consume_front("E-BAD-FILE: ");
      return makeError("E-BAD-FILE", message);
    }
    Type element = toElement(context, view.elementType);
    if (!element)
      return makeError("E-INPUT-VALUE", "'" + path + "' has elements of a type that no input has");
    interpreter::Tensor tensor(element, view.shape);
    std::memcpy(tensor.getMutableBytes(), view.data, tensor.getNumBytes());
    values.push_back({name.str(), tensor});
  }
  return values;
}

} // namespace partita
