// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ImportSession.h - The state of one import -------------------------------===//
//
// Everything that the conversions of nodes share: the module being built, tensors by name, names in use, problems
// found. Example:
//
//   session.report(location, "E-IMPORT-OP", "node 'loop' (Loop): ...");      // and go on with the next node
//   mlir::Value weight = session.getValue("fc.weight", location);            // made at its first use
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_IMPORTSESSION_H
#define PARTITA_LIB_IMPORT_IMPORTSESSION_H

#include "ImportedValue.h"
#include "ModelFile.h"
#include "ParameterTable.h"
#include "TensorPayload.h"
#include "partita/support/Error.h"

#include "mlir/IR/Builders.h"

#include <map>
#include <set>
#include <string>

namespace partita::import {

class CheckLog;

class ImportSession {
public:
  /// `body`: the empty entry block of the function to fill.
  ImportSession(const ModelFile &file, mlir::Block &body);

  const ModelFile &getFile() const { return file; }
  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::MLIRContext *getContext() { return builder.getContext(); }
  ParameterTable &getParameters() { return parameters; }

  mlir::Location getLocation(llvm::StringRef name);
  void report(mlir::Location location, llvm::StringRef code, const llvm::Twine &message);
  void report(mlir::Location location, llvm::Error error, llvm::StringRef prefix = "");
  bool hasProblems() const { return problems != 0; }
  /// Collects problems instead of emitting them, and goes on behind them.
  void setLog(CheckLog *checkLog) { log = checkLog; }
  CheckLog *getLog() { return log; }
  /// What a tensor is whose node could not be imported: in a check an input of the type that the file states, otherwise
  /// poisoned.
  ImportedValue makeUnknown(const std::string &tensor);

  void define(llvm::StringRef tensor, ImportedValue value) { values[tensor.str()] = std::move(value); }
  /// nullptr where no node, input or initializer of this name was seen.
  ImportedValue *find(llvm::StringRef tensor);
  /// The value in the module, made where it is not there yet. Null: reported, or poisoned.
  mlir::Value getValue(llvm::StringRef tensor, mlir::Location location);
  /// Known elements, or nullptr.
  const Known *getKnown(llvm::StringRef tensor);
  /// The only element of a float tensor of the file with one element.
  std::optional<double> getScalar(llvm::StringRef tensor);
  /// The elements of a short tensor whose numbers are known while importing, row-major.
  std::optional<std::vector<double>> getNumbers(llvm::StringRef tensor);

  /// The model's inputs that a tensor of the main graph is computed from, in the order of the file; empty where one of
  /// them is too large to be fixed while importing.
  std::vector<std::string> findSourceInputs(const std::string &tensor);

  /// The nodes that read a tensor, one entry for each use; nullptr stands for an output of the model.
  const std::vector<const onnx::Node *> &getConsumers(const std::string &tensor) { return consumers[tensor]; }
  size_t countConsumers(const std::string &tensor) { return consumers[tensor].size(); }
  void setConsumers(std::map<std::string, std::vector<const onnx::Node *>> map) { consumers = std::move(map); }

  /// A name of an op that no other has: `wanted`, or with _2, _3 ... behind.
  std::string claimName(llvm::StringRef wanted);
  void releaseName(llvm::StringRef name) { names.erase(name.str()); }

  /// The dialect's element type; null where it has none for an onnx::Element.
  mlir::Type getElementType(int32_t element);
  mlir::Value makeConstant(mlir::Location location, mlir::ElementsAttr value, llvm::StringRef wantedName);

private:
  void report(mlir::Location location, PartitaError error);
  mlir::Value makeKnown(const Known &known, llvm::StringRef name, mlir::Location location);
  mlir::Value makeTensor(const ImportedValue &value, llvm::StringRef name, mlir::Location location);
  mlir::Value makeInline(const Payload &payload, mlir::RankedTensorType type, llvm::StringRef name,
                         mlir::Location location);

  const ModelFile &file;
  mlir::OpBuilder builder;
  ParameterTable parameters;
  std::map<std::string, ImportedValue> values;
  std::map<std::string, std::vector<const onnx::Node *>> consumers;
  std::set<std::string> names;
  unsigned problems = 0;
  CheckLog *log = nullptr;
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_IMPORTSESSION_H
