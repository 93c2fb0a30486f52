// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- BruteForceTest.cpp - Operators against loops over their definition ------===//
//
// Operators that the official tests of the installed package do not have, or have in one form: each is computed here
// element by element, as its definition says.
//
//===----------------------------------------------------------------------===//
#include "GraphEvaluation.h"
#include "ImportHelpers.h"

#include <cmath>
#include <functional>

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

using Numbers = std::vector<double>;
using Shape = std::vector<int64_t>;

int64_t countOf(const Shape &shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

/// A tensor to read element by element.
struct Array {
  Shape shape;
  Numbers numbers;
  double at(const Shape &index) const {
    int64_t place = 0;
    for (size_t dim = 0; dim < shape.size(); ++dim)
      place = place * shape[dim] + index[dim];
    return numbers[static_cast<size_t>(place)];
  }
};

Array makeArray(const Shape &shape, int seed, double scale = 1.0) {
  Array array{shape, {}};
  for (int64_t i = 0; i < countOf(shape); ++i)
    array.numbers.push_back(scale * static_cast<double>((i * 37 + seed * 101) % 41 - 20) / 8.0);
  return array;
}

/// All indices of a shape, the last dim fastest.
Numbers forEach(const Shape &shape, const std::function<double(const Shape &)> &value) {
  Numbers numbers;
  Shape index(shape.size(), 0);
  for (int64_t i = 0; i < countOf(shape); ++i) {
    numbers.push_back(value(index));
    for (size_t dim = shape.size(); dim-- > 0 && ++index[dim] == shape[dim];)
      index[dim] = 0;
  }
  return numbers;
}

class BruteForce : public ImportTest {
protected:
  /// Inputs are named a, b, c ... in order; an empty array is an input that is left out.
  onnx::Node &begin(const std::string &type, const std::vector<Array> &arrays) {
    std::vector<std::pair<std::string, Shape>> inputs;
    std::vector<std::string> names;
    arguments.clear();
    for (size_t i = 0; i < arrays.size(); ++i) {
      std::string name(1, static_cast<char>('a' + i));
      names.push_back(arrays[i].shape.empty() ? "" : name);
      if (arrays[i].shape.empty())
        continue;
      inputs.emplace_back(name, arrays[i].shape);
      arguments[name] = Tensor::fromDoubles(mlir::Float32Type::get(&context), arrays[i].shape, arrays[i].numbers);
    }
    model = makeModel(inputs, {"y"});
    return addNode(*model.mutable_graph(), type, names, {"y"});
  }

  void expect(const Numbers &expected, double tolerance = 1e-5) {
    ASSERT_NE(importModel(model), "") << diagnostics;
    std::optional<std::vector<Tensor>> outputs = evaluateModule(*module, arguments);
    ASSERT_TRUE(outputs.has_value()) << diagnostics;
    Numbers actual = (*outputs)[0].toDoubles();
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i)
      ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::fabs(expected[i]))) << "element " << i;
  }

  static void setFloat(onnx::Node &node, const std::string &name, float value) {
    onnx::Attribute &attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::Attribute::FLOAT);
    attribute.set_f(value);
  }

  onnx::Model model;
  std::map<std::string, Tensor> arguments;
};

/// Between four elements; nothing outside.
double readBetween(const Array &x, int64_t n, int64_t c, double row, double column) {
  auto top = static_cast<int64_t>(std::floor(row)), left = static_cast<int64_t>(std::floor(column));
  double total = 0;
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 2; ++j) {
      int64_t r = top + i, k = left + j;
      double weight =
          (i ? row - double(top) : 1 - row + double(top)) * (j ? column - double(left) : 1 - column + double(left));
      if (r >= 0 && r < x.shape[2] && k >= 0 && k < x.shape[3])
        total += weight * x.at({n, c, r, k});
    }
  return total;
}

TEST_F(BruteForce, DeformConv) {
  for (bool hasMask : {false, true}) {
    constexpr int64_t group = 2, offsetGroup = 4, kh = 3, kw = 2, oh = 3, ow = 4;
    Array x = makeArray({2, 4, 5, 6}, 1), w = makeArray({6, 2, kh, kw}, 2),
          offset = makeArray({2, offsetGroup * kh * kw * 2, oh, ow}, 3, 0.7), bias = makeArray({6}, 4),
          mask = hasMask ? makeArray({2, offsetGroup * kh * kw, oh, ow}, 5) : Array();
    std::vector<Array> inputs = {x, w, offset, bias};
    if (hasMask)
      inputs.push_back(mask);
    onnx::Node &node = begin("DeformConv", inputs);
    setInteger(node, "group", group);
    setInteger(node, "offset_group", offsetGroup);
    setIntegers(node, "strides", {2, 1});
    setIntegers(node, "pads", {1, 0, 1, 0});
    setIntegers(node, "dilations", {1, 2});
    expect(forEach({2, 6, oh, ow}, [&](const Shape &at) {
      double total = bias.at({at[1]});
      for (int64_t c = 0; c < 2; ++c)
        for (int64_t i = 0; i < kh; ++i)
          for (int64_t j = 0; j < kw; ++j) {
            int64_t channel = at[1] / 3 * 2 + c, part = channel / (4 / offsetGroup), tap = part * kh * kw + i * kw + j;
            double row = double(at[2] * 2 - 1 + i) + offset.at({at[0], 2 * tap, at[2], at[3]});
            double column = double(at[3] + j * 2) + offset.at({at[0], 2 * tap + 1, at[2], at[3]});
            double factor = hasMask ? mask.at({at[0], tap, at[2], at[3]}) : 1;
            total += w.at({at[1], c, i, j}) * factor * readBetween(x, at[0], channel, row, column);
          }
      return total;
    }));
  }
}

TEST_F(BruteForce, MaxRoiPool) {
  Array x = makeArray({2, 3, 6, 5}, 1);
  // Inside, one element, beyond the image, upside down, outside altogether.
  Array rois{{5, 5}, {0, 1, 1, 3, 4, 1, 2, 2, 2, 2, 1, 3, 2, 9, 11, 0, 4, 4, 1, 1, 0, 20, 20, 24, 24}};
  for (double scale : {1.0, 0.5}) {
    onnx::Node &node = begin("MaxRoiPool", {x, rois});
    setIntegers(node, "pooled_shape", {2, 3});
    setFloat(node, "spatial_scale", static_cast<float>(scale));
    expect(forEach({5, 3, 2, 3}, [&](const Shape &at) {
      auto side = [&](int64_t i) { return std::round(rois.at({at[0], i}) * scale); };
      auto cover = [&](double begin, double end, double count, int64_t cell, int64_t extent) {
        double size = std::max(end - begin + 1, 1.0) / count;
        double low = std::floor(double(cell) * size) + begin, high = std::ceil(double(cell + 1) * size) + begin;
        return std::pair(int64_t(std::clamp(low, 0.0, double(extent))), int64_t(std::clamp(high, 0.0, double(extent))));
      };
      auto [top, bottom] = cover(side(2), side(4), 2, at[2], 6);
      auto [left, right] = cover(side(1), side(3), 3, at[3], 5);
      bool isEmpty = top >= bottom || left >= right;
      double largest = isEmpty ? 0 : -1e30;
      for (int64_t i = top; i < bottom; ++i)
        for (int64_t j = left; j < right; ++j)
          largest = std::max(largest, x.at({int64_t(rois.at({at[0], 0})), at[1], i, j}));
      return largest;
    }));
  }
}

/// Between four elements of the image; near its border the border's; nothing further out.
double readAligned(const Array &x, int64_t n, int64_t c, double row, double column) {
  double height = double(x.shape[2]), width = double(x.shape[3]);
  if (row < -1 || row > height || column < -1 || column > width)
    return 0;
  return readBetween(x, n, c, std::clamp(row, 0.0, height - 1), std::clamp(column, 0.0, width - 1));
}

TEST_F(BruteForce, RoiAlign) {
  Array x = makeArray({2, 3, 6, 5}, 1);
  Array rois{{6, 4}, {0.5, 1, 4.25, 5, 2,  2,  2.5, 2.25, -3,     -2,    9,     12,
                      3,   3, 1,    1, 40, 40, 60,  60,   -101.3, -90.7, 203.1, 300.9}};
  std::vector<int64_t> batch = {0, 1, 1, 0, 0, 1};
  for (int64_t ratio : {0, 1, 3})
    for (bool halfPixel : {true, false})
      for (double scale : {1.0, 0.5}) {
        SCOPED_TRACE(std::to_string(ratio) + (halfPixel ? " half pixel " : " ") + std::to_string(scale));
        onnx::Node &node = begin("RoiAlign", {x, rois});
        addIntegers(*model.mutable_graph(), "batch", batch);
        node.add_input("batch");
        setInteger(node, "output_height", 2);
        setInteger(node, "output_width", 3);
        setInteger(node, "sampling_ratio", ratio);
        setFloat(node, "spatial_scale", static_cast<float>(scale));
        setText(node, "coordinate_transformation_mode", halfPixel ? "half_pixel" : "output_half_pixel");
        expect(forEach({6, 3, 2, 3},
                       [&](const Shape &at) {
                         double shift = halfPixel ? 0.5 : 0;
                         auto side = [&](int64_t i) { return rois.at({at[0], i}) * scale - shift; };
                         double height = side(3) - side(1), width = side(2) - side(0);
                         if (!halfPixel) {
                           height = std::max(height, 1.0);
                           width = std::max(width, 1.0);
                         }
                         height /= 2;
                         width /= 3;
                         double down = ratio ? double(ratio) : std::ceil(height),
                                across = ratio ? double(ratio) : std::ceil(width);
                         double total = 0;
                         for (double i = 0; i < down; ++i)
                           for (double j = 0; j < across; ++j)
                             total += readAligned(x, batch[size_t(at[0])], at[1],
                                                  side(1) + (double(at[2]) + (i + 0.5) / down) * height,
                                                  side(0) + (double(at[3]) + (j + 0.5) / across) * width);
                         return total / std::max(down * across, 1.0);
                       }),
               1e-4);
      }
}

TEST_F(BruteForce, LpPool) {
  Array x = makeArray({2, 3, 7, 6}, 1);
  for (int64_t p : {1, 2, 3}) {
    onnx::Node &node = begin("LpPool", {x});
    setInteger(node, "p", p);
    setIntegers(node, "kernel_shape", {3, 2});
    setIntegers(node, "strides", {2, 1});
    setIntegers(node, "pads", {1, 0, 0, 1});
    setIntegers(node, "dilations", {1, 2});
    expect(forEach({2, 3, 3, 5}, [&](const Shape &at) {
      double total = 0;
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t j = 0; j < 2; ++j) {
          int64_t row = at[2] * 2 - 1 + i, column = at[3] + j * 2;
          if (row >= 0 && row < 7 && column < 6)
            total += std::pow(std::fabs(x.at({at[0], at[1], row, column})), double(p));
        }
      return std::pow(total, 1.0 / double(p));
    }));
  }
}

TEST_F(BruteForce, GlobalLpPool) {
  Array x = makeArray({2, 3, 4, 5}, 1);
  setInteger(begin("GlobalLpPool", {x}), "p", 3);
  expect(forEach({2, 3, 1, 1}, [&](const Shape &at) {
    double total = 0;
    for (int64_t i = 0; i < 4; ++i)
      for (int64_t j = 0; j < 5; ++j)
        total += std::pow(std::fabs(x.at({at[0], at[1], i, j})), 3);
    return std::cbrt(total);
  }));
}

/// Scales by channel since set 21, by group before.
TEST_F(BruteForce, GroupNormalization) {
  for (bool isByChannel : {true, false}) {
    Array x = makeArray({2, 6, 3, 2}, 1), scale = makeArray({isByChannel ? 6 : 3}, 2),
          bias = makeArray({isByChannel ? 6 : 3}, 3);
    onnx::Node &node = begin("GroupNormalization", {x, scale, bias});
    setInteger(node, "num_groups", 3);
    setFloat(node, "epsilon", 0.01f);
    model.mutable_opset_import(0)->set_version(isByChannel ? 21 : 18);
    expect(forEach({2, 6, 3, 2}, [&](const Shape &at) {
      double mean = 0, square = 0;
      int64_t group = at[1] / 2;
      for (int64_t pass = 0; pass < 2; ++pass)
        for (int64_t c = group * 2; c < group * 2 + 2; ++c)
          for (int64_t i = 0; i < 3; ++i)
            for (int64_t j = 0; j < 2; ++j) {
              double number = x.at({at[0], c, i, j});
              (pass ? square : mean) += (pass ? (number - mean) * (number - mean) : number) / 12;
            }
      int64_t of = isByChannel ? at[1] : group;
      return (x.at(at) - mean) / std::sqrt(square + 0.01) * scale.at({of}) + bias.at({of});
    }));
  }
}

TEST_F(BruteForce, LpNormalization) {
  Array x = makeArray({3, 4, 2}, 1);
  for (int64_t p : {1, 2})
    for (int64_t axis : {0, 1, -1}) {
      onnx::Node &node = begin("LpNormalization", {x});
      setInteger(node, "p", p);
      setInteger(node, "axis", axis);
      size_t dim = static_cast<size_t>(axis < 0 ? axis + 3 : axis);
      expect(forEach({3, 4, 2}, [&](const Shape &at) {
        double norm = 0;
        Shape other = at;
        for (other[dim] = 0; other[dim] < x.shape[dim]; ++other[dim])
          norm += std::pow(std::fabs(x.at(other)), double(p));
        norm = std::pow(norm, 1.0 / double(p));
        return norm == 0 ? 0 : x.at(at) / norm;
      }));
    }
}

/// More than what is kept in the module: read packed, taken apart by the program; an odd number of them, too.
TEST_F(BruteForce, ManyPackedIntegers) {
  for (bool isSigned : {true, false})
    for (int64_t columns : {900, 901}) {
      Array x = makeArray({1, 3}, 1);
      begin("MatMul", {x});
      onnx::Graph &graph = *model.mutable_graph();
      graph.clear_node();
      onnx::Tensor &packed = *graph.add_initializer();
      packed.set_name("q");
      packed.add_dims(3);
      packed.add_dims(columns);
      packed.set_data_type(isSigned ? onnx::SI4 : onnx::UI4);
      auto numberAt = [](int64_t i) { return (i * 7 + i / 16) % 16; };
      std::string bytes;
      for (int64_t i = 0; i < 3 * columns; i += 2)
        bytes.push_back(static_cast<char>(numberAt(i) | (i + 1 < 3 * columns ? numberAt(i + 1) << 4 : 0)));
      packed.set_raw_data(bytes);
      setInteger(addNode(graph, "Cast", {"q"}, {"w"}), "to", onnx::F32);
      addNode(graph, "MatMul", {"a", "w"}, {"y"});
      expect(forEach({1, columns}, [&](const Shape &at) {
        double total = 0;
        for (int64_t k = 0; k < 3; ++k) {
          int64_t number = numberAt(k * columns + at[1]);
          total += x.at({0, k}) * double(isSigned && number > 7 ? number - 16 : number);
        }
        return total;
      }));
    }
}

/// Experts whose weights have few bits against the same layer with the numbers that they stand for.
TEST_F(BruteForce, ExpertsOfFewBits) {
  constexpr int64_t experts = 3, units = 4, width = 8;
  for (int64_t bits : {4, 8})
    for (int64_t block : {0, 4}) {
      SCOPED_TRACE(std::to_string(bits) + " bits in blocks of " + std::to_string(block));
      Array x = makeArray({5, width}, 1), scores = makeArray({5, experts}, 2);
      auto build = [&](bool isQuantized) {
        onnx::Node &node = begin(isQuantized ? "QMoE" : "MoE", {x, scores});
        node.set_domain("com.microsoft");
        setInteger(node, "k", 2);
        setText(node, "activation_type", "silu");
        if (isQuantized) {
          setInteger(node, "expert_weight_bits", bits);
          setInteger(node, "block_size", block);
        }
        for (int64_t layer = 0; layer < 3; ++layer) {
          Shape shape = layer == 1 ? Shape{experts, width, units} : Shape{experts, units, width};
          Shape steps = {shape[0], shape[1]};
          if (block)
            steps.push_back(shape[2] / block);
          auto numberAt = [&](int64_t i) { return (i * 11 + layer * 5 + i / 7) % (1 << bits); };
          auto scaleAt = [&](int64_t i) { return 0.25f / static_cast<float>((1 << (bits - 1)) * (1 + i % 3)); };
          std::string name = "w" + std::to_string(layer);
          onnx::Tensor &weight = *model.mutable_graph()->add_initializer(),
                       &scale = *model.mutable_graph()->add_initializer();
          weight.set_name(name);
          scale.set_name(name + "s");
          scale.set_data_type(onnx::F32);
          for (int64_t extent : steps)
            scale.add_dims(extent);
          for (int64_t i = 0; i < countOf(steps); ++i)
            scale.add_float_data(scaleAt(i));
          weight.set_data_type(isQuantized ? onnx::UI8 : onnx::F32);
          for (int64_t dim = 0; dim < 3; ++dim)
            weight.add_dims(isQuantized && dim == 2 ? shape[2] * bits / 8 : shape[size_t(dim)]);
          std::string bytes;
          for (int64_t i = 0; i < countOf(shape); ++i) {
            int64_t row = i / shape[2], step = block ? i / block : row;
            if (!isQuantized)
              weight.add_float_data(static_cast<float>(numberAt(i) - (1 << (bits - 1))) * scaleAt(step));
            else if (bits == 8 || i % 2 == 0)
              bytes.push_back(static_cast<char>(numberAt(i)));
            else
              bytes.back() = static_cast<char>(bytes.back() | numberAt(i) << 4);
          }
          if (isQuantized)
            weight.set_raw_data(bytes);
          node.add_input(name);
          if (isQuantized)
            node.add_input(name + "s");
          node.add_input("");
        }
      };
      build(false);
      ASSERT_NE(importModel(model), "") << diagnostics;
      Numbers expected = evaluateModule(*module, arguments).value()[0].toDoubles();
      build(true);
      expect(expected, 1e-6);
    }
}

} // namespace
