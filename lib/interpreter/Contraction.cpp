// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Einsum of two tensors: both are packed to [batch, free, summed] and [batch, summed, free], multiplied by three plain
// loops, and the result is written back in the order of its letters.
#include "Families.h"

using namespace mlir;

namespace partita::interpreter {

template <typename T>
void multiplyMatrices(const T *a, const T *b, T *c, int64_t m, int64_t n, ArrayRef<int64_t> order) {
  int64_t k = order.size();
  for (int64_t i = 0; i < m; ++i) {
    T *__restrict row = c + i * n;
    // The innermost loop runs along rows of b and c, so that the compiler makes vector code of it.
    for (int64_t l : order) {
      T factor = a[i * k + l];
      const T *__restrict other = b + l * n;
      for (int64_t j = 0; j < n; ++j)
        row[j] += factor * other[j];
    }
  }
}

template void multiplyMatrices<float>(const float *, const float *, float *, int64_t, int64_t, ArrayRef<int64_t>);
template void multiplyMatrices<double>(const double *, const double *, double *, int64_t, int64_t, ArrayRef<int64_t>);
template void multiplyMatrices<uint64_t>(const uint64_t *, const uint64_t *, uint64_t *, int64_t, int64_t,
                                         ArrayRef<int64_t>);

namespace {

/// "bsk,kn->bsn" by role of each letter.
struct Letters {
  std::string lhs, rhs, result;
  std::string batch, summed, left, right;
};

Letters classify(StringRef spec) {
  auto [operands, result] = spec.split("->");
  auto [lhs, rhs] = operands.split(',');
  Letters letters{lhs.str(), rhs.str(), result.str(), "", "", "", ""};
  for (char letter : lhs) {
    bool inRhs = rhs.contains(letter), inResult = result.contains(letter);
    (inRhs ? inResult ? letters.batch : letters.summed : letters.left) += letter;
  }
  for (char letter : rhs)
    if (!lhs.contains(letter))
      letters.right += letter;
  return letters;
}

/// Calls visit(position in `term`'s tensor) for every index over `walk`'s letters, in row-major order of `walk`.
template <typename Visit> void walkLetters(StringRef walk, StringRef term, ArrayRef<int64_t> termShape, Visit visit) {
  Shape strides = stridesOf(termShape), extents, steps;
  for (char letter : walk) {
    extents.push_back(termShape[term.find(letter)]);
    steps.push_back(strides[term.find(letter)]);
  }
  if (countElements(extents) == 0)
    return;
  Shape index(walk.size(), 0);
  do {
    int64_t position = 0;
    for (size_t i = 0; i < index.size(); ++i)
      position += index[i] * steps[i];
    visit(position);
  } while (nextIndex(index, extents));
}

/// The elements of a tensor whose dims are `term`, in the order of the letters `wanted`.
template <typename T> std::vector<T> packLetters(const Tensor &tensor, StringRef term, const std::string &wanted) {
  std::vector<T> values = unpack<T>(tensor);
  if (term == wanted)
    return values;
  std::vector<T> packed;
  packed.reserve(values.size());
  walkLetters(wanted, term, tensor.getShape(), [&](int64_t position) { packed.push_back(values[position]); });
  return packed;
}

int64_t extentOf(StringRef letters, StringRef term, ArrayRef<int64_t> shape) {
  int64_t extent = 1;
  for (char letter : letters)
    extent *= shape[term.find(letter)];
  return extent;
}

template <typename T> Tensor contract(const Letters &letters, const Tensor &lhs, const Tensor &rhs, const Call &call) {
  int64_t batch = extentOf(letters.batch, letters.lhs, lhs.getShape());
  int64_t m = extentOf(letters.left, letters.lhs, lhs.getShape());
  int64_t n = extentOf(letters.right, letters.rhs, rhs.getShape());
  int64_t k = extentOf(letters.summed, letters.lhs, lhs.getShape());
  std::vector<T> a = packLetters<T>(lhs, letters.lhs, letters.batch + letters.left + letters.summed);
  std::vector<T> b = packLetters<T>(rhs, letters.rhs, letters.batch + letters.summed + letters.right);
  std::vector<T> c(batch * m * n, T(0));
  std::vector<int64_t> order = summationOrder(k, call.context.arithmetic);
  for (int64_t i = 0; i < batch; ++i)
    multiplyMatrices<T>(a.data() + i * m * k, b.data() + i * k * n, c.data() + i * m * n, m, n, order);
  std::string computed = letters.batch + letters.left + letters.right;
  if (computed == letters.result)
    return pack<T>(call.element, call.result.extent, c);
  std::vector<T> ordered(c.size());
  int64_t next = 0;
  walkLetters(computed, letters.result, call.result.extent, [&](int64_t position) { ordered[position] = c[next++]; });
  return pack<T>(call.element, call.result.extent, ordered);
}

/// One extent a letter, in operands and result alike.
LogicalResult checkLetters(graph::ContractionOp op, const Letters &letters, const Call &call) {
  std::map<char, int64_t> extents;
  auto check = [&](StringRef term, ArrayRef<int64_t> shape) -> LogicalResult {
    for (auto [letter, extent] : llvm::zip(term, shape))
      if (int64_t known = extents.emplace(letter, extent).first->second; known != extent)
        return failShape(op, "letter '" + Twine(letter) + "' has extents " + Twine(known) + " and " + Twine(extent));
    return success();
  };
  if (failed(check(letters.lhs, call.operands[0].getShape())) ||
      failed(check(letters.rhs, call.operands[1].getShape())))
    return failure();
  return check(letters.result, call.result.extent);
}

} // namespace

Outcome evaluateContraction(graph::ContractionOp op, const Call &call) {
  Letters letters = classify(op.getSpec());
  if (failed(checkLetters(op, letters, call)))
    return failure();
  const Tensor *lhs = &call.operands[0], *rhs = &call.operands[1];
  // The longer free side goes innermost; a product of two numbers does not depend on their order.
  if (extentOf(letters.left, letters.lhs, lhs->getShape()) > extentOf(letters.right, letters.rhs, rhs->getShape())) {
    std::swap(lhs, rhs);
    std::swap(letters.lhs, letters.rhs);
    std::swap(letters.left, letters.right);
  }
  // Narrow floats may have an f32 result.
  Type element = call.element;
  if (element.isF64())
    return contract<double>(letters, *lhs, *rhs, call);
  if (isa<FloatType>(element))
    return contract<float>(letters, *lhs, *rhs, call);
  // Wrapping products and sums are the same bits for signed and unsigned numbers.
  return contract<uint64_t>(letters, *lhs, *rhs, call);
}

} // namespace partita::interpreter
