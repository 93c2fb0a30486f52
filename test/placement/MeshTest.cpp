// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- MeshTest.cpp - Coordinates, ranks, devices, rules M1 to M5 ---------===//

#include "partita/placement/Mesh.h"

#include <gtest/gtest.h>

using namespace partita::placement;

namespace {

const Mesh sample{{{"node", 2, AxisKind::space}, {"micro", 3, AxisKind::time}, {"gpu", 2, AxisKind::space}},
                  {10, 11, 12, 13}};

TEST(MeshTest, RanksAreRowMajorOverSpaceAxes) {
  EXPECT_EQ(rankCount(sample), 4);
  EXPECT_EQ(timeCount(sample), 3);
  EXPECT_EQ(rankOf(sample, {1, 2, 0}), 2);
  EXPECT_EQ(deviceAt(sample, {1, 2, 0}), 12);
  for (int64_t rank = 0; rank < 4; ++rank)
    for (int64_t time = 0; time < 3; ++time) {
      Coordinates coordinates = coordinatesOf(sample, rank, time);
      EXPECT_EQ(rankOf(sample, coordinates), rank);
      EXPECT_EQ(coordinates[1], time);
    }
}

TEST(MeshTest, PrintsRangesOfDevices) {
  EXPECT_EQ(toString(sample), "mesh<node=2, micro=3 time, gpu=2 on 10-13>");
  Mesh mesh{{{"x", 4, AxisKind::space}}, {0, 1, 7, 3}};
  EXPECT_EQ(toString(mesh), "mesh<x=4 on 0-1, 7, 3>");
}

TEST(MeshTest, FindsAxesByName) {
  EXPECT_EQ(findAxis(sample, "gpu"), 2);
  EXPECT_EQ(findAxis(sample, "rack"), std::nullopt);
}

TEST(MeshTest, EqualMeshesHashAlike) {
  Mesh copy = sample;
  EXPECT_EQ(hashOf(copy), hashOf(sample));
  copy.devices[3] = 14;
  EXPECT_NE(copy, sample);
  EXPECT_NE(hashOf(copy), hashOf(sample));
}

TEST(MeshTest, RefusesUnsoundMeshes) {
  EXPECT_EQ(findError(sample), std::nullopt);
  EXPECT_EQ(findError(makeMesh({{"x", 5, AxisKind::space}})), std::nullopt);
  EXPECT_EQ(findError(Mesh{{{"x", 0, AxisKind::space}}, {}}), "mesh axis 'x' has size 0, expected at least 1"); // M1
  EXPECT_EQ(findError(Mesh{{{"", 1, AxisKind::space}}, {0}}), "a mesh axis has no name");                       // M2
  EXPECT_EQ(findError(Mesh{{{"x", 1, AxisKind::space}, {"x", 1, AxisKind::space}}, {0}}),
            "two mesh axes are named 'x'");                                                                // M2
  EXPECT_EQ(findError(Mesh{{{"x", 2, AxisKind::space}}, {0}}), "the mesh has 2 ranks but 1 devices");      // M3
  EXPECT_EQ(findError(Mesh{{{"x", 2, AxisKind::space}}, {7, 7}}), "device 7 is listed twice in the mesh"); // M4
  std::vector<Axis> many;
  for (int i = 0; i < 65; ++i)
    many.push_back({"a" + std::to_string(i), 1, AxisKind::space});
  EXPECT_EQ(findError(Mesh{many, {0}}), "a mesh has at most 64 axes, got 65"); // M5
  Mesh huge{{{"x", int64_t(1) << 40, AxisKind::space}}, {}};
  EXPECT_EQ(findError(huge), "the mesh has more than 2^31 coordinates"); // M1
}

} // namespace
