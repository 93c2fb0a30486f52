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

#include "DeclaredTypes.h"
#include "ImportedValue.h"
#include "ModelFile.h"
#include "ParameterTable.h"
#include "TensorPayload.h"
#include "partita/import/Import.h"
#include "partita/support/Error.h"

#include "mlir/IR/Builders.h"

#include <map>
#include <set>
#include <string>

namespace partita::import {

class CheckLog;

/// Where a custom op's body is imported from.
struct BodyState {
  bool inBody = false;
  const ModelFile *file = nullptr;
};

/// Dims of inputs that are a number in the file, and shall be another one: the batch.
struct FixedBatch {
  std::map<std::string, int64_t> dims;
  int64_t from = 1, to = 1;
};

class ImportSession {
public:
  /// `body`: the empty entry block of the function to fill.
  ImportSession(const ModelFile &file, mlir::Block &body);

  /// The file whose nodes are imported: that of the model, or of a custom op's body.
  const ModelFile &getFile() const { return bodyFile ? *bodyFile : file; }
  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::MLIRContext *getContext() { return builder.getContext(); }
  ParameterTable &getParameters() { return parameters; }

  mlir::Location getLocation(llvm::StringRef name);
  void report(mlir::Location location, llvm::StringRef code, const llvm::Twine &message);
  void report(mlir::Location location, llvm::Error error, llvm::StringRef prefix = "");
  bool hasProblems() const { return problems != 0; }
  size_t countProblems() const { return problems; }
  /// Collects problems instead of emitting them, and goes on behind them.
  void setLog(CheckLog *checkLog) { log = checkLog; }
  CheckLog *getLog() { return log; }
  DeclaredTypes &getDeclaredTypes() { return declaredTypes; }
  std::optional<FixedBatch> &getFixedBatch() { return fixedBatch; }
  /// Whether names are those of the model's own graph, of which types are stated.
  bool isOutermost() const { return scopes.size() == 1; }

  /// Rules of custom ops, and whether these need bodies; must outlive the session.
  void setRules(const ImportOptions &importOptions) { options = &importOptions; }
  bool allowsMissingBodies() const { return options && options->allowMissingBodies; }
  /// Nothing within a body: what it is made of is imported as ever.
  const OpRule *findRule(const onnx::Node &node) const;
  /// A model file with the body of a rule, opened once.
  llvm::Expected<const ModelFile *> openBody(const std::string &path);
  /// Begins (or, with what is returned, ends) the import of a custom op's body from `bodyFile`, or from the model.
  BodyState exchangeBody(BodyState state) {
    BodyState before{inBody, bodyFile};
    inBody = state.inBody;
    bodyFile = state.file;
    return before;
  }

  /// What a tensor is whose node could not be imported: in a check an input of the type that the file states, otherwise
  /// poisoned.
  ImportedValue makeUnknown(const std::string &tensor);

  /// Names of a nested body begin here: those outside are seen unless it `isFunction`, and may be hidden.
  void openScope(bool isFunction, int64_t opset) { scopes.push_back({{}, {}, isFunction, opset}); }
  void closeScope() { scopes.pop_back(); }
  /// The version of the default operator set in the body being imported.
  int64_t getOpset() const { return scopes.back().opset; }

  /// In the innermost scope.
  void define(llvm::StringRef tensor, ImportedValue value) { scopes.back().values[tensor.str()] = std::move(value); }
  /// nullptr where no node, input or initializer of this name was seen.
  ImportedValue *find(llvm::StringRef tensor);
  /// As find, in the innermost scope only.
  ImportedValue *findHere(llvm::StringRef tensor);
  /// The value in the module, made where it is not there yet. Null: reported, or poisoned.
  mlir::Value getValue(llvm::StringRef tensor, mlir::Location location);
  /// As getValue, of a value that has no name in an open scope; `name` is that of the op.
  mlir::Value materialize(ImportedValue &value, llvm::StringRef name, mlir::Location location);
  /// Known elements, or nullptr.
  const Known *getKnown(llvm::StringRef tensor);
  /// The only element of a float tensor of the file with one element.
  std::optional<double> getScalar(llvm::StringRef tensor);
  /// The elements of a short tensor whose numbers are known while importing, row-major.
  std::optional<std::vector<double>> getNumbers(llvm::StringRef tensor);

  /// The model's inputs that a tensor of the main graph is computed from, in the order of the file; empty where one of
  /// them is too large to be fixed while importing.
  std::vector<std::string> findSourceInputs(const std::string &tensor);

  /// Keeps nodes that were made while importing (a function's body with its attributes filled in) for as long as values
  /// may refer to them.
  onnx::Function &keep(std::unique_ptr<onnx::Function> body) { return *kept.emplace_back(std::move(body)); }
  /// The functions being inlined, outermost first.
  std::vector<const onnx::Function *> &getCalls() { return calls; }
  /// False, once with a report, when loops and functions spell more nodes than one import may have.
  bool countNestedNode();
  uint64_t getNestedNodes() const { return nestedNodes; }
  /// Ops made so far.
  uint64_t countOps() const { return names.size(); }

  /// The nodes that read a tensor, one entry for each use, of the body that defines it; nullptr stands for an output.
  const std::vector<const onnx::Node *> &getConsumers(const std::string &tensor);
  size_t countConsumers(const std::string &tensor) { return getConsumers(tensor).size(); }
  void setConsumers(std::map<std::string, std::vector<const onnx::Node *>> map) {
    scopes.back().consumers = std::move(map);
  }

  /// A name of an op that no other has: `wanted`, or with _2, _3 ... behind.
  std::string claimName(llvm::StringRef wanted);
  void releaseName(llvm::StringRef name);

  /// The dialect's element type; null where it has none for an onnx::Element.
  mlir::Type getElementType(int32_t element);
  mlir::Value makeConstant(mlir::Location location, mlir::ElementsAttr value, llvm::StringRef wantedName);

private:
  void report(mlir::Location location, PartitaError error);
  mlir::Value makeKnown(const Known &known, llvm::StringRef name, mlir::Location location);
  mlir::Value makeTensor(const ImportedValue &value, llvm::StringRef name, mlir::Location location);
  /// An argument of the function that holds the tensor's bytes as `type`.
  mlir::Value makeParameter(const onnx::Tensor &tensor, const Payload &payload, mlir::RankedTensorType type,
                            llvm::StringRef name, llvm::StringRef role, mlir::Location location);
  mlir::Value makeInline(const Payload &payload, mlir::RankedTensorType type, llvm::StringRef name,
                         mlir::Location location);

  /// The names of one body.
  struct Scope {
    std::map<std::string, ImportedValue> values;
    std::map<std::string, std::vector<const onnx::Node *>> consumers;
    bool isFunction = false;
    int64_t opset = 0;
  };
  /// The scope that defines `tensor`, or nullptr.
  Scope *findScope(const std::string &tensor);
  /// The argument's name for the data of `tensor`: the tensor's own, unless another body uses that for other data.
  std::string nameArgument(const onnx::Tensor &tensor, llvm::StringRef wanted);

  const ModelFile &file;
  mlir::OpBuilder builder;
  ParameterTable parameters;
  std::vector<Scope> scopes;
  std::vector<const onnx::Function *> calls;
  std::vector<std::unique_ptr<onnx::Function>> kept;
  std::map<const onnx::Tensor *, std::string> argumentNames;
  std::map<std::string, const onnx::Tensor *> namedArguments;
  std::set<std::string> names;
  /// Of names that were asked for again: no copy of a lower number is free.
  std::map<std::string, int> nextCopies;
  uint64_t nestedNodes = 0;
  unsigned problems = 0;
  DeclaredTypes declaredTypes;
  std::optional<FixedBatch> fixedBatch;
  const ImportOptions *options = nullptr;
  std::map<std::string, std::unique_ptr<ModelFile>> bodyFiles;
  bool inBody = false;
  const ModelFile *bodyFile = nullptr;
  CheckLog *log = nullptr;
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_IMPORTSESSION_H
