// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The interpreter's contraction against a naive triple loop on the same machine: prints both rates and their ratio.
#include "mlir/Parser/Parser.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/interpreter/Run.h"
#include <chrono>

using namespace partita;
using namespace partita::interpreter;

static double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// C = A B, the sum innermost, one accumulator.
static void multiplyNaively(const std::vector<float> &a, const std::vector<float> &b, std::vector<float> &c,
                            int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < n; ++k)
        sum += a[i * n + k] * b[k * n + j];
      c[i * n + j] = sum;
    }
}

int main() {
  constexpr int64_t kExtent = 512;
  constexpr double kOperations = 2.0 * kExtent * kExtent * kExtent;
  mlir::MLIRContext context;
  context.loadDialect<graph::GraphDialect, mlir::func::FuncDialect>();
  const char *text = R"mlir(
    func.func @main(%a: tensor<512x512xf32>, %b: tensor<512x512xf32>) -> tensor<512x512xf32> {
      %c = partita_graph.contraction "c" (%a, %b) "mk,kn->mn"
           : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
      return %c : tensor<512x512xf32>
    })mlir";
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return 1;
  mlir::func::FuncOp function = findGraphFunction(*module);
  NamedTensors inputs = makeRandomInputs(function, {}, {}, 1);
  double best = 1e9, naive = 1e9;
  for (int repetition = 0; repetition < 3; ++repetition) {
    auto start = std::chrono::steady_clock::now();
    if (failed(interpretGraph(function, inputs, {})))
      return 1;
    best = std::min(best, secondsSince(start));
  }
  std::vector<float> a(kExtent * kExtent, 1.5f), b(kExtent * kExtent, 0.5f), c(kExtent * kExtent);
  for (int repetition = 0; repetition < 3; ++repetition) {
    auto start = std::chrono::steady_clock::now();
    multiplyNaively(a, b, c, kExtent);
    naive = std::min(naive, secondsSince(start));
  }
  llvm::outs() << "interpreter: " << kOperations / best * 1e-9
               << " GFLOP/s, naive triple loop: " << kOperations / naive * 1e-9 << " GFLOP/s (" << c[0] << "), ratio "
               << naive / best << "\n";
  return 0;
}
