// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ReshardTable.cpp - Remembered reshards -----------------------------===//

#include "partita/placement/Reshard.h"

#include "Hashing.h"
#include "ShortestPaths.h"

#include <deque>
#include <mutex>

namespace partita::placement {

namespace {

/// A question, the mesh being replaced by its number in the table.
struct Question {
  int mesh;
  Shape shape;
  int64_t elementBytes;
  Placement from, to;

  bool operator==(const Question &) const = default;
};

struct QuestionHash {
  std::size_t operator()(const Question &question) const {
    std::size_t seed = static_cast<std::size_t>(question.mesh);
    combineHash(seed, static_cast<uint64_t>(question.elementBytes));
    for (const Extent &extent : question.shape)
      combineHash(seed, static_cast<uint64_t>(extent.bound) * 2 + extent.symbolic);
    combineHash(seed, hashOf(question.from));
    combineHash(seed, hashOf(question.to));
    return seed;
  }
};

struct SpaceKey {
  int mesh;
  Shape shape;
  int64_t elementBytes;
  SpaceOptions options;

  auto operator<=>(const SpaceKey &) const = default;
};

/// A space and the paths known in it.
struct Searched {
  SearchSpace space;
  ShortestPaths paths;

  Searched(const SpaceKey &key, const Mesh &mesh, const CommunicationPrice &price)
      : space(key.shape, key.elementBytes, mesh, key.options, price), paths(space) {}
};

} // namespace

struct ReshardTable::Implementation {
  const CommunicationPrice &price;
  std::mutex mutex;
  /// A deque keeps addresses: spaces refer to their mesh.
  std::deque<std::pair<Mesh, bool>> meshes;
  std::map<SpaceKey, std::unique_ptr<Searched>> spaces;
  std::unordered_map<Question, std::optional<Reshard>, QuestionHash> answers;

  explicit Implementation(const CommunicationPrice &price) : price(price) {}
  int numberOf(const Mesh &mesh);
  std::optional<Reshard> answer(const Question &question);
};

int ReshardTable::Implementation::numberOf(const Mesh &mesh) {
  for (std::size_t i = 0; i < meshes.size(); ++i)
    if (meshes[i].first == mesh)
      return static_cast<int>(i);
  meshes.push_back({mesh, !findError(mesh)});
  return static_cast<int>(meshes.size()) - 1;
}

std::optional<Reshard> ReshardTable::Implementation::answer(const Question &question) {
  const auto &[mesh, sound] = meshes[question.mesh];
  if (!sound || question.elementBytes < 0 || findError(question.from, question.shape.size(), mesh) ||
      findError(question.to, question.shape.size(), mesh))
    return std::nullopt;
  for (const Extent &extent : question.shape)
    if (extent.bound < 0)
      return std::nullopt;
  Placement from = canonicalize(question.from, question.shape, mesh);
  Placement to = canonicalize(question.to, question.shape, mesh);
  if (from == to)
    return Reshard{{from}, 0};

  SpaceKey key{question.mesh, question.shape, question.elementBytes, chooseOptions(question.shape, mesh, from, to)};
  std::unique_ptr<Searched> &searched = spaces[key];
  if (!searched)
    searched = std::make_unique<Searched>(key, mesh, price);
  std::optional<int> start = searched->space.find(from), end = searched->space.find(to);
  if (!start || !end)
    return std::nullopt;
  std::optional<Path> path = searched->paths.find(*start, *end);
  if (!path)
    return std::nullopt;
  Reshard reshard{{}, static_cast<double>(path->duration) * 1e-12};
  for (int node : path->nodes)
    reshard.path.push_back(searched->space.placementOf(node));
  return reshard;
}

ReshardTable::ReshardTable(const CommunicationPrice &price) : implementation(std::make_unique<Implementation>(price)) {}

ReshardTable::~ReshardTable() = default;

const Reshard *ReshardTable::find(const Shape &shape, int64_t elementBytes, const Mesh &mesh, const Placement &from,
                                  const Placement &to) {
  std::lock_guard<std::mutex> lock(implementation->mutex);
  Question question{implementation->numberOf(mesh), shape, elementBytes, from, to};
  auto [entry, added] = implementation->answers.try_emplace(std::move(question));
  if (added)
    entry->second = implementation->answer(entry->first);
  return entry->second ? &*entry->second : nullptr;
}

std::optional<Reshard> findReshard(const Shape &shape, int64_t elementBytes, const Mesh &mesh, const Placement &from,
                                   const Placement &to, const CommunicationPrice &price) {
  ReshardTable table(price);
  const Reshard *found = table.find(shape, elementBytes, mesh, from, to);
  return found ? std::optional<Reshard>(*found) : std::nullopt;
}

} // namespace partita::placement
