// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The libraries that products and row kernels are compared with, behind one line of text each:
//   openblas M K N | onednn BATCH M K N | memcpy BYTES, then REPEATS -> median seconds
// onednn-packed: weights in oneDNN's own layout; onednn-bf16, onednn-u8s8: of these elements, into bf16 and s32.
// Threads and instruction set come from the environment (OPENBLAS_CORETYPE, ONEDNN_MAX_CPU_ISA, OMP_NUM_THREADS).
#include <algorithm>
#include <cblas.h>
#include <chrono>
#include <cstring>
#include <dnnl.hpp>
#include <functional>
#include <iostream>
#include <sstream>
#include <vector>

using namespace dnnl;
using Tag = memory::format_tag;

static double measure(int repeats, const std::function<void()> &body) {
  std::vector<double> seconds;
  for (int i = -1; i < repeats; ++i) {
    auto begin = std::chrono::steady_clock::now();
    body();
    if (i >= 0)
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

static std::vector<float> numbers(size_t count) {
  std::vector<float> result(count);
  for (size_t i = 0; i < count; ++i)
    result[i] = float((i * 37 + 11) % 101) / 101 - 0.5f;
  return result;
}

static double openblas(size_t m, size_t k, size_t n, int repeats) {
  std::vector<float> a = numbers(m * k), b = numbers(k * n), c(m * n);
  return measure(repeats, [&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(m), blasint(n), blasint(k), 1, a.data(), blasint(k),
                b.data(), blasint(n), 0, c.data(), blasint(n));
  });
}

static matmul::primitive_desc describe(const engine &cpu, memory::desc a, memory::desc b, memory::desc c) {
#if DNNL_VERSION_MAJOR >= 3
  return {cpu, a, b, c};
#else
  return {matmul::desc(a, b, c), cpu};
#endif
}

static double onednn(memory::dim batch, memory::dim m, memory::dim k, memory::dim n, const std::string &what,
                     int repeats) {
  engine cpu(engine::kind::cpu, 0);
  stream queue(cpu);
  using Element = memory::data_type;
  bool packed = what.find("-packed") != std::string::npos, isInteger = what.find("-u8s8") != std::string::npos;
  Element f32 = Element::f32, real = what.find("-bf16") != std::string::npos ? Element::bf16 : f32;
  Element leftElement = isInteger ? Element::u8 : real, rightElement = isInteger ? Element::s8 : real;
  memory::desc a({batch, m, k}, leftElement, Tag::abc), b({batch, k, n}, rightElement, Tag::abc),
      c({batch, m, n}, isInteger ? Element::s32 : real, Tag::abc);
  memory::desc any({batch, k, n}, rightElement, Tag::any);
  matmul::primitive_desc description = describe(cpu, a, packed ? any : b, c);
  std::vector<float> left = numbers(size_t(batch * m * k)), right = numbers(size_t(batch * k * n));
  if (isInteger)
    for (std::vector<float> *values : {&left, &right})
      for (float &value : *values)
        value = value * 100 + (values == &left ? 50 : 0);
  memory wideSource({{batch, m, k}, f32, Tag::abc}, cpu, left.data());
  memory wideWeights({{batch, k, n}, f32, Tag::abc}, cpu, right.data());
  memory source(a, cpu), target(c, cpu), plain(b, cpu), weights(description.weights_desc(), cpu);
  reorder(wideSource, source).execute(queue, wideSource, source);
  reorder(wideWeights, plain).execute(queue, wideWeights, plain);
  reorder(plain, weights).execute(queue, plain, weights);
  queue.wait();
  matmul product(description);
  return measure(repeats, [&] {
    product.execute(queue, {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, target}});
    queue.wait();
  });
}

static double copy(size_t bytes, int repeats) {
  std::vector<char> from(bytes, 1), to(bytes, 2);
  return measure(repeats, [&] {
    std::memcpy(to.data(), from.data(), bytes);
    asm volatile("" ::"r"(to.data()) : "memory");
  });
}

int main() {
  for (std::string line, what; std::getline(std::cin, line);) {
    std::istringstream text(line);
    std::vector<size_t> sizes;
    text >> what;
    for (size_t size; text >> size;)
      sizes.push_back(size);
    int repeats = int(sizes.back());
    double seconds = 0;
    if (what == "openblas")
      seconds = openblas(sizes[0], sizes[1], sizes[2], repeats);
    else if (what == "memcpy")
      seconds = copy(sizes[0], repeats);
    else
      seconds = onednn(memory::dim(sizes[0]), memory::dim(sizes[1]), memory::dim(sizes[2]), memory::dim(sizes[3]), what,
                       repeats);
    std::cout << seconds << std::endl;
  }
}
