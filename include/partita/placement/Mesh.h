// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Mesh.h - Named axes over a list of devices ---------------*- C++ -*-===//
//
// A mesh gives a list of devices coordinates along named axes.
//
// Example: four devices as two nodes of two, visited by three micro-batches:
//   Mesh mesh{{{"node", 2, AxisKind::space}, {"gpu", 2, AxisKind::space}, {"micro", 3, AxisKind::time}},
//             {10, 11, 12, 13}};
//   rankCount(mesh) == 4; deviceAt(mesh, {1, 0, 2}) == 12: micro-batch 2 visits it like every other device.
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_PLACEMENT_MESH_H
#define PARTITA_PLACEMENT_MESH_H

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace partita::placement {

/// A space axis tells devices apart; a time axis (micro-batches) is walked by every device in turn.
enum class AxisKind { space, time };

struct Axis {
  std::string name;
  int64_t size = 1;
  AxisKind kind = AxisKind::space;

  auto operator<=>(const Axis &) const = default;
};

/// `devices` holds one physical device id per rank, row-major over the space axes in their order in `axes`.
struct Mesh {
  std::vector<Axis> axes;
  std::vector<int64_t> devices;

  auto operator<=>(const Mesh &) const = default;
};

/// One value per axis of the mesh, time axes included, in the order of `Mesh::axes`.
using Coordinates = std::vector<int64_t>;

/// A mesh over devices 0, 1, 2, ... for the given axes.
Mesh makeMesh(std::vector<Axis> axes);

/// Number of ranks: the product of the space axes' sizes.
int64_t rankCount(const Mesh &mesh);

/// Number of time coordinates: the product of the time axes' sizes.
int64_t timeCount(const Mesh &mesh);

/// Row-major position of the coordinates over the space axes; time coordinates are ignored.
int64_t rankOf(const Mesh &mesh, const Coordinates &coordinates);

/// Coordinates of a rank at a moment: `time` counts row-major over the time axes.
Coordinates coordinatesOf(const Mesh &mesh, int64_t rank, int64_t time = 0);

/// The physical device at the coordinates.
int64_t deviceAt(const Mesh &mesh, const Coordinates &coordinates);

/// The index of the axis with this name, if there is one.
std::optional<int> findAxis(const Mesh &mesh, const std::string &name);

/// What is wrong with the mesh, or nothing. Rules: M1 sizes >= 1; M2 names not empty and unique; M3 as many
/// devices as ranks; M4 each device once; M5 at most 64 axes.
std::optional<std::string> findError(const Mesh &mesh);

std::string toString(const Mesh &mesh);

std::size_t hashOf(const Mesh &mesh);

} // namespace partita::placement

#endif // PARTITA_PLACEMENT_MESH_H
