// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Collectives on 1 to 8 ranks between seeded random layouts, against the definition: the value of every
// element of the result is the value (or the reduction of the contributions) of that global element.
#include "ImageBuilder.h"
#include "partita/runtime/SmallFloat.h"

#include <cstring>
#include <random>

using namespace partita::runtime;
using namespace partita::runtime::test;

namespace {

const Image *current; // The image under test, for the functions below.

void put(ElementType type, char *data, int64_t index, int64_t value) {
  char *element = data + index * elementBytes(type);
  float real = float(value);
  double wide = double(value);
  uint16_t small = isSmallFloat(type) ? encodeSmallFloat(type, real) : 0;
  const void *bytes = type == ElementType::f32   ? static_cast<const void *>(&real)
                      : type == ElementType::f64 ? static_cast<const void *>(&wide)
                      : isSmallFloat(type)       ? static_cast<const void *>(&small)
                                                 : static_cast<const void *>(&value);
  std::memcpy(element, bytes, size_t(elementBytes(type)));
}

bool holds(ElementType type, const char *data, int64_t index, int64_t value) {
  std::vector<char> expected(size_t(elementBytes(type)));
  put(type, expected.data(), 0, value);
  return std::memcmp(expected.data(), data + index * elementBytes(type), expected.size()) == 0;
}

// What the rank at these coordinates contributes to a global element: depends on the coordinates only
// along partial axes.
int64_t contribution(const Layout &layout, int64_t global, const std::vector<int64_t> &coordinates) {
  uint64_t hash = uint64_t(global) * 2654435761u + 12345;
  for (const PartialAxis &partial : layout.partial)
    hash = (hash ^ uint64_t(coordinates[size_t(partial.axis)] + 3)) * 0x9e3779b97f4a7c15u;
  return int64_t((hash >> 33) % (layout.elementType == ElementType::boolean ? 2 : 5));
}

int64_t combine(ReductionKind kind, int64_t a, int64_t b) {
  switch (kind) {
  case ReductionKind::sum:
    return a + b;
  case ReductionKind::max:
    return std::max(a, b);
  case ReductionKind::min:
    return std::min(a, b);
  case ReductionKind::logicalAnd:
    return a & b;
  default:
    return a | b;
  }
}

// Reduces over the axes that are partial before and not after.
int64_t expectedValue(const Collective &collective, const Stage &stage, int64_t global,
                      std::vector<int64_t> coordinates) {
  std::vector<int64_t> reduced;
  for (const PartialAxis &partial : collective.from.partial) {
    bool kept = false;
    for (const PartialAxis &after : collective.to.partial)
      kept = kept || after.axis == partial.axis;
    if (!kept)
      reduced.push_back(partial.axis);
  }
  int64_t terms = 1, value = 0;
  for (int64_t axis : reduced)
    terms *= stage.axes[size_t(axis)].size;
  for (int64_t term = 0; term < terms; ++term) {
    int64_t rest = term;
    for (int64_t axis : reduced) {
      coordinates[size_t(axis)] = rest % stage.axes[size_t(axis)].size;
      rest /= stage.axes[size_t(axis)].size;
    }
    int64_t next = contribution(collective.from, global, coordinates);
    value = term == 0 ? next : combine(collective.from.partial[0].kind, value, next);
  }
  return value;
}

template <typename F> void forEachElement(const Box &box, const Box &global, F visit) {
  for (int64_t local = 0, count = boxElements(box); local < count; ++local) {
    int64_t rest = local, index = 0, stride = 1;
    for (size_t d = box.size(); d-- > 0;) {
      index += (box[d].begin + rest % box[d].length()) * stride;
      stride *= global[d].length();
      rest /= box[d].length();
    }
    visit(local, index);
  }
}

// Stands for generated code: starts all collectives of the image, waits in reverse order, checks. Local
// tensors are heap blocks of the exact size, so that a sanitizer sees every access beyond them.
void exchangeAll(partita_context *context, void *const *) {
  const Stage &stage = current->stages[0];
  std::vector<int64_t> coordinates(context->coordinates, context->coordinates + stage.axes.size());
  std::vector<std::vector<char>> sources, results;
  for (const Collective &collective : current->collectives) {
    ElementType type = collective.from.elementType;
    Box global = globalBox(collective.from, nullptr);
    Box from = localBox(collective.from, stage.axes, coordinates.data(), nullptr);
    Box to = localBox(collective.to, stage.axes, coordinates.data(), nullptr);
    sources.emplace_back(size_t(boxElements(from) * elementBytes(type)));
    results.emplace_back(size_t(boxElements(to) * elementBytes(type)), char(0x55));
    forEachElement(from, global, [&](int64_t local, int64_t index) {
      put(type, sources.back().data(), local, contribution(collective.from, index, coordinates));
    });
    partita_collective_start(context, collective.id, sources.back().data(), results.back().data());
  }
  for (size_t c = current->collectives.size(); c-- > 0;) {
    const Collective &collective = current->collectives[c];
    partita_collective_wait(context, collective.id);
    std::fill(sources[c].begin(), sources[c].end(), char(0x77)); // Allowed from here on.
    Box global = globalBox(collective.from, nullptr);
    Box to = localBox(collective.to, stage.axes, coordinates.data(), nullptr);
    forEachElement(to, global, [&](int64_t local, int64_t index) {
      if (!holds(collective.from.elementType, results[c].data(), local,
                 expectedValue(collective, stage, index, coordinates)))
        partita_fail(context, "an element is wrong");
    });
  }
}

Image exchangeImage(const std::vector<Axis> &axes, std::vector<Collective> collectives) {
  Image image;
  image.functionCount = 1;
  Stage &stage = addStage(image, "mesh", axes, 0);
  stage.calls = {{EventKind::forward, {callOf(0, {}, "exchange")}}};
  for (Collective &collective : collectives) {
    collective.id = int64_t(image.collectives.size());
    collective.node = "node" + std::to_string(collective.id);
    image.collectives.push_back(collective);
  }
  for (int64_t rank = 0; rank < int64_t(stage.devices.size()); ++rank)
    for (int64_t microBatch = 0; microBatch < microBatchCount(stage); ++microBatch)
      addEvent(image, rank, EventKind::forward, 0, microBatch);
  return image;
}

void expectRight(const Image &image, int steps = 2) {
  std::string error;
  ASSERT_TRUE(validateImage(image, error)) << error;
  const partita_function functions[] = {exchangeAll};
  auto program = Program::create(image, functions, {}, error);
  ASSERT_TRUE(program) << error;
  current = &program->image();
  std::vector<TensorView> outputs;
  for (int step = 0; step < steps; ++step)
    ASSERT_TRUE(program->run({}, {}, outputs, error)) << error;
}

TEST(Collective, EveryKindOnOneToFiveRanks) {
  for (int64_t ranks = 1; ranks <= 5; ++ranks)
    for (int64_t extent : {0, 1, 3, 5, 7, 16, 17}) {
      Layout whole = layoutOf({{extent}, {3}}), rows = layoutOf({{extent, {0}}, {3}});
      Layout columns = layoutOf({{extent}, {3, {0}}}), sum = layoutOf({{extent}, {3}}, {{0, ReductionKind::sum}});
      Layout units = layoutOf({{extent, {0}, 2}, {3}});
      SCOPED_TRACE(std::to_string(ranks) + " ranks, extent " + std::to_string(extent));
      expectRight(exchangeImage({{"x", ranks}}, {{0, 0, CollectiveKind::allGather, rows, whole, ""},
                                                 {0, 0, CollectiveKind::reduceScatter, sum, rows, ""},
                                                 {0, 0, CollectiveKind::allReduce, sum, whole, ""},
                                                 {0, 0, CollectiveKind::allToAll, rows, columns, ""},
                                                 {0, 0, CollectiveKind::exchange, rows, units, ""},
                                                 {0, 0, CollectiveKind::exchange, whole, rows, ""}}));
    }
}

TEST(Collective, EveryTypeAndReduction) {
  for (int type = 0; type <= int(ElementType::boolean); ++type)
    for (int kind = 0; kind <= int(ReductionKind::logicalOr); ++kind) {
      ElementType elementType = ElementType(type);
      if (!isReducible(elementType, ReductionKind(kind)))
        continue;
      std::vector<PartialAxis> partial = {{0, ReductionKind(kind)}};
      SCOPED_TRACE(std::string(elementName(elementType)) + " kind " + std::to_string(kind));
      expectRight(exchangeImage({{"x", 3}}, {{0, 0, CollectiveKind::allReduce, layoutOf({{300}}, partial, elementType),
                                              layoutOf({{300}}, {}, elementType), ""}}));
    }
}

// Each axis goes to a dimension, becomes partial, or is replicated.
Layout randomLayout(std::mt19937 &random, const std::vector<Axis> &axes, const std::vector<int64_t> &shape,
                    ElementType type, ReductionKind kind, const Layout *before) {
  Layout layout;
  layout.elementType = type;
  for (int64_t extent : shape)
    layout.dimensions.push_back({{extent, {}}, {}});
  std::vector<int64_t> order;
  for (size_t a = 0; a < axes.size(); ++a)
    order.push_back(int64_t(a));
  std::shuffle(order.begin(), order.end(), random);
  for (int64_t axis : order) {
    bool wasPartial = !before;
    for (size_t p = 0; before && p < before->partial.size(); ++p)
      wasPartial = wasPartial || before->partial[p].axis == axis;
    unsigned choice = random() % 4;
    bool timeStays = before && axes[size_t(axis)].kind == AxisKind::time && wasPartial;
    if (((choice == 0 && axes[size_t(axis)].kind == AxisKind::space) || timeStays) && wasPartial)
      layout.partial.push_back({axis, kind});
    else if (choice != 1 && !shape.empty())
      layout.dimensions[random() % shape.size()].splits.push_back({axis, 1 + int64_t(random() % 3)});
  }
  return layout;
}

TEST(Collective, RandomLayouts) {
  std::mt19937 random(42);
  const ElementType types[] = {ElementType::f32, ElementType::si32, ElementType::bf16, ElementType::ui8};
  for (int i = 0; i < 400; ++i) {
    SCOPED_TRACE("case " + std::to_string(i));
    std::vector<Axis> axes;
    for (int64_t ranks = 1; axes.size() < 3;) {
      int64_t size = 1 + int64_t(random() % 4);
      bool time = random() % 5 == 0;
      if (!time && ranks * size > 8)
        break;
      ranks *= time ? 1 : size;
      axes.push_back({"a" + std::to_string(axes.size()), size, time ? AxisKind::time : AxisKind::space});
    }
    std::vector<Collective> collectives;
    for (int c = 0; c < 3; ++c) {
      std::vector<int64_t> shape(random() % 4);
      for (int64_t &extent : shape)
        extent = int64_t(random() % 8);
      ElementType type = types[random() % 4];
      ReductionKind kind = ReductionKind(random() % 3);
      Collective collective;
      collective.from = randomLayout(random, axes, shape, type, kind, nullptr);
      collective.to = randomLayout(random, axes, shape, type, kind, &collective.from);
      // A split over time is a property of the value, not of its movement: it is the same on both sides.
      for (size_t d = 0; d < shape.size(); ++d)
        for (Layout *layout : {&collective.from, &collective.to})
          std::erase_if(layout->dimensions[d].splits,
                        [&](const Split &split) { return axes[size_t(split.axis)].kind == AxisKind::time; });
      for (size_t a = 0; a < axes.size() && !shape.empty(); ++a)
        if (axes[a].kind == AxisKind::time)
          for (Layout *layout : {&collective.from, &collective.to})
            layout->dimensions[0].splits.insert(layout->dimensions[0].splits.begin(), {int64_t(a), 1});
      collectives.push_back(collective);
    }
    expectRight(exchangeImage(axes, collectives), 1);
    if (HasFatalFailure())
      return;
  }
}

TEST(Collective, GroupsAreNoLargerThanNeeded) {
  Image image;
  Stage &stage = addStage(image, "mesh", {{"data", 2}, {"tensor", 3}}, 0);
  Layout partial = layoutOf({{6, {0}}, {9}}, {{1, ReductionKind::sum}}), reduced = layoutOf({{6, {0}}, {9}});
  EXPECT_EQ(collectiveGroup(stage, partial, reduced, 4), (std::vector<int64_t>{3, 4, 5}));
  EXPECT_EQ(collectiveGroup(stage, reduced, layoutOf({{6}, {9}}), 4), (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(collectiveGroup(stage, reduced, reduced, 4), (std::vector<int64_t>{4}));
}

// Parts with halos overlap; a rank still reads its own along the axis that cuts them. Who is read but not in the group
// would not wait for its readers, and write anew what they read.
TEST(Route, ReadsHalosOfItsGroupOnly) {
  Image image;
  Stage &stage = addStage(image, "mesh", {{"a", 2}, {"b", 3}}, 0);
  Layout parts = layoutOf({{6, {0}}, {9, {1}}}), gathered = layoutOf({{6}, {9, {1}}});
  for (Layout *layout : {&parts, &gathered})
    layout->dimensions[1].window = {1, 1, 1, 3};
  for (int64_t member = 0; member < 6; ++member) {
    Route route = planRoute({stage, parts, 0}, {stage, gathered, 0}, member, nullptr);
    EXPECT_EQ(route.members, (std::vector<int64_t>{member % 3, member % 3 + 3}));
    EXPECT_EQ(route.members, collectiveGroup(stage, parts, gathered, member));
  }
}

} // namespace
