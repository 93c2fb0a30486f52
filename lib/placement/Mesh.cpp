// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Mesh.cpp - Ranks, coordinates, devices -----------------------------===//

#include "partita/placement/Mesh.h"

#include "Hashing.h"

#include <functional>
#include <limits>
#include <set>

namespace partita::placement {

static int64_t countOver(const Mesh &mesh, AxisKind kind) {
  int64_t count = 1;
  for (const Axis &axis : mesh.axes)
    if (axis.kind == kind)
      count *= axis.size;
  return count;
}

Mesh makeMesh(std::vector<Axis> axes) {
  Mesh mesh{std::move(axes), {}};
  for (int64_t rank = 0; rank < rankCount(mesh); ++rank)
    mesh.devices.push_back(rank);
  return mesh;
}

int64_t rankCount(const Mesh &mesh) { return countOver(mesh, AxisKind::space); }

int64_t timeCount(const Mesh &mesh) { return countOver(mesh, AxisKind::time); }

int64_t rankOf(const Mesh &mesh, const Coordinates &coordinates) {
  int64_t rank = 0;
  for (std::size_t i = 0; i < mesh.axes.size(); ++i)
    if (mesh.axes[i].kind == AxisKind::space)
      rank = rank * mesh.axes[i].size + coordinates[i];
  return rank;
}

Coordinates coordinatesOf(const Mesh &mesh, int64_t rank, int64_t time) {
  Coordinates coordinates(mesh.axes.size());
  for (std::size_t i = mesh.axes.size(); i-- > 0;) {
    int64_t &rest = mesh.axes[i].kind == AxisKind::space ? rank : time;
    coordinates[i] = rest % mesh.axes[i].size;
    rest /= mesh.axes[i].size;
  }
  return coordinates;
}

int64_t deviceAt(const Mesh &mesh, const Coordinates &coordinates) { return mesh.devices[rankOf(mesh, coordinates)]; }

std::optional<int> findAxis(const Mesh &mesh, const std::string &name) {
  for (std::size_t i = 0; i < mesh.axes.size(); ++i)
    if (mesh.axes[i].name == name)
      return static_cast<int>(i);
  return std::nullopt;
}

/// M1, M2, M5, and that the counts fit 64 bits, so that everything after may multiply sizes freely.
static std::optional<std::string> findAxisError(const Mesh &mesh) {
  if (mesh.axes.size() > 64)
    return "a mesh has at most 64 axes, got " + std::to_string(mesh.axes.size());
  std::set<std::string> names;
  int64_t product = 1;
  for (const Axis &axis : mesh.axes) {
    if (axis.name.empty())
      return "a mesh axis has no name";
    if (!names.insert(axis.name).second)
      return "two mesh axes are named '" + axis.name + "'";
    if (axis.size < 1)
      return "mesh axis '" + axis.name + "' has size " + std::to_string(axis.size) + ", expected at least 1";
    if (axis.size > std::numeric_limits<int32_t>::max() / product)
      return "the mesh has more than 2^31 coordinates";
    product *= axis.size;
  }
  return std::nullopt;
}

std::optional<std::string> findError(const Mesh &mesh) {
  if (std::optional<std::string> error = findAxisError(mesh))
    return error;
  int64_t ranks = rankCount(mesh);
  if (static_cast<int64_t>(mesh.devices.size()) != ranks)
    return "the mesh has " + std::to_string(ranks) + " ranks but " + std::to_string(mesh.devices.size()) + " devices";
  std::set<int64_t> seen;
  for (int64_t device : mesh.devices)
    if (!seen.insert(device).second)
      return "device " + std::to_string(device) + " is listed twice in the mesh";
  return std::nullopt;
}

std::string toString(const Mesh &mesh) {
  std::string text = "mesh<";
  for (std::size_t i = 0; i < mesh.axes.size(); ++i) {
    text += (i ? ", " : "") + mesh.axes[i].name + "=" + std::to_string(mesh.axes[i].size);
    if (mesh.axes[i].kind == AxisKind::time)
      text += " time";
  }
  text += " on";
  // Runs of consecutive devices print as one range.
  for (std::size_t i = 0; i < mesh.devices.size();) {
    std::size_t last = i;
    while (last + 1 < mesh.devices.size() && mesh.devices[last + 1] == mesh.devices[last] + 1)
      ++last;
    text += (i ? ", " : " ") + std::to_string(mesh.devices[i]);
    if (last > i)
      text += "-" + std::to_string(mesh.devices[last]);
    i = last + 1;
  }
  return text + ">";
}

std::size_t hashOf(const Mesh &mesh) {
  std::size_t seed = mesh.axes.size();
  for (const Axis &axis : mesh.axes) {
    combineHash(seed, std::hash<std::string>()(axis.name));
    combineHash(seed, static_cast<uint64_t>(axis.size) * 2 + (axis.kind == AxisKind::time));
  }
  for (int64_t device : mesh.devices)
    combineHash(seed, static_cast<uint64_t>(device));
  return seed;
}

} // namespace partita::placement
