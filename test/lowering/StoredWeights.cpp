// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "StoredWeights.h"
#include "partita/dialects/interfaces/Partita.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;

StoredWeights::StoredWeights(func::FuncOp function, const std::set<std::string> &names,
                             const interpreter::NamedTensors &tensors)
    : names(names) {
  int file = 0;
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("partita-weights", "bin", file, path));
  llvm::raw_fd_ostream os(file, /*shouldClose=*/true);
  Builder builder(function.getContext());
  bool isAligned = true;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    std::string name = interpreter::getArgumentName(function, index);
    auto found = tensors.find(name);
    if (!names.count(name) || found == tensors.end())
      continue;
    const interpreter::Tensor &tensor = found->second;
    os << std::string((64 - os.tell() % 64) % 64 + (isAligned ? 0 : 8), '\0');
    isAligned = !isAligned;
    ArrayRef<int64_t> shape = tensor.getShape();
    auto source = SourceAttr::get(function.getContext(), path, static_cast<int64_t>(os.tell()), tensor.getNumBytes(),
                                  builder.getDenseI64ArrayAttr(shape),
                                  builder.getDenseI64ArrayAttr(SmallVector<int64_t>(shape.size(), 0)));
    os.write(reinterpret_cast<const char *>(tensor.getBytes()), tensor.getNumBytes());
    function.setArgAttr(index, kRoleAttr, builder.getStringAttr(kRoleParameter));
    function.setArgAttr(index, kSourceAttr, source);
  }
}

StoredWeights::~StoredWeights() { (void)llvm::sys::fs::remove(path); }

interpreter::NamedTensors StoredWeights::leaveInputs(interpreter::NamedTensors tensors) const {
  for (const std::string &name : names)
    tensors.erase(name);
  return tensors;
}

std::set<std::string> lowering::test::findParameters(func::FuncOp function) {
  std::set<std::string> names;
  for (unsigned index = 0; index < function.getNumArguments(); ++index)
    if (auto role = function.getArgAttrOfType<StringAttr>(index, kRoleAttr); role && role.getValue() == kRoleParameter)
      names.insert(interpreter::getArgumentName(function, index));
  return names;
}
