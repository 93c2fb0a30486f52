// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- AnnotationsTest.cpp - Shardings in ONNX files, read and written ---------===//
#include "partita/import/Annotations.h"
#include "TestFiles.h"

#include "gtest/gtest.h"

using namespace partita::import;
namespace onnx = partita::onnx;

namespace {

onnx::Model makeAnnotated() {
  onnx::Model model = makeEmptyModel();
  onnx::Node &node = addNode(*model.mutable_graph(), "Relu", {"x"}, {"y"});
  node.set_name("act");
  onnx::DeviceConfiguration &configuration = *model.add_configuration();
  configuration.set_name("hand");
  configuration.set_num_devices(4);
  onnx::NodeDeviceConfiguration &own = *node.add_device_configurations();
  own.set_configuration_id("hand");
  own.set_pipeline_stage(1);
  onnx::ShardingSpec &spec = *own.add_sharding_spec();
  spec.set_tensor_name("x");
  // Two shards, each on two devices.
  for (int64_t shard = 0; shard < 2; ++shard) {
    onnx::DeviceGroup &group = *spec.add_index_to_device_group_map();
    group.set_key(-1 - shard);
    group.add_value(2 * shard);
    group.add_value(2 * shard + 1);
    spec.add_device(-1 - shard);
  }
  onnx::ShardedDim &dim = *spec.add_sharded_dim();
  dim.set_axis(0);
  dim.add_simple_sharding()->set_num_shards(2);
  dim.mutable_simple_sharding(0)->set_dim_value(4);
  return model;
}

TEST(Annotations, AreRead) {
  TestFolder folder;
  llvm::Expected<ModelAnnotations> read = readAnnotations(folder.write("m.onnx", makeAnnotated().SerializeAsString()));
  ASSERT_TRUE(static_cast<bool>(read)) << takeText(read.takeError());
  EXPECT_EQ(read->configuration, "hand");
  EXPECT_EQ(read->devices, 4);
  ASSERT_EQ(read->nodes.size(), 1u);
  EXPECT_EQ(read->nodes[0].stage, 1);
  ASSERT_EQ(read->nodes[0].tensors.size(), 1u);
  EXPECT_EQ(read->nodes[0].tensors[0], (TensorSharding{"x", {{0, 1}, {2, 3}}, {{0, 2, 4}}}));
}

TEST(Annotations, WrittenOnesAreReadAsTheyWere) {
  TestFolder folder;
  std::string path = folder.write("m.onnx", makeAnnotated().SerializeAsString());
  ModelAnnotations written;
  written.configuration = "other";
  written.devices = 6;
  written.nodes = {{"act",
                    {"x"},
                    {"y"},
                    {{"x", {{0, 1, 2, 3, 4, 5}}, {}}, {"y", {{0, 3}, {1, 4}, {2, 5}}, {{0, 3, 4}}}},
                    std::nullopt}};
  ASSERT_EQ(takeText(writeAnnotations(path, folder.path("n.onnx"), written)), "");
  llvm::Expected<ModelAnnotations> other = readAnnotations(folder.path("n.onnx"), "other");
  ASSERT_TRUE(static_cast<bool>(other)) << takeText(other.takeError());
  EXPECT_EQ(other->devices, 6);
  ASSERT_EQ(other->nodes.size(), 1u);
  EXPECT_EQ(other->nodes[0].tensors, written.nodes[0].tensors);
  EXPECT_EQ(other->nodes[0].stage, std::nullopt);
  // The configuration that was there stays.
  llvm::Expected<ModelAnnotations> hand = readAnnotations(folder.path("n.onnx"), "hand");
  ASSERT_TRUE(static_cast<bool>(hand));
  EXPECT_EQ(hand->nodes[0].tensors.size(), 1u);
}

TEST(Annotations, AStageAloneIsWritten) {
  TestFolder folder;
  std::string path = folder.write("m.onnx", makeAnnotated().SerializeAsString());
  ModelAnnotations written;
  written.configuration = "stages";
  written.devices = 2;
  written.nodes = {{"act", {"x"}, {"y"}, {}, 1}};
  ASSERT_EQ(takeText(writeAnnotations(path, folder.path("n.onnx"), written)), "");
  llvm::Expected<ModelAnnotations> read = readAnnotations(folder.path("n.onnx"), "stages");
  ASSERT_TRUE(static_cast<bool>(read)) << takeText(read.takeError());
  ASSERT_EQ(read->nodes.size(), 1u);
  EXPECT_EQ(read->nodes[0].stage, 1);
}

TEST(Annotations, ContradictionsAreRefused) {
  TestFolder folder;
  auto read = [&](auto change) {
    onnx::Model model = makeAnnotated();
    change(model, *model.mutable_graph()->mutable_node(0)->mutable_device_configurations(0)->mutable_sharding_spec(0));
    return takeText(readAnnotations(folder.write("m.onnx", model.SerializeAsString())).takeError());
  };
  EXPECT_EQ(read([](onnx::Model &, onnx::ShardingSpec &) {}), "");
  EXPECT_EQ(read([](onnx::Model &, onnx::ShardingSpec &spec) { spec.add_device(0); }).find("E-BAD-FILE"), 0u);
  EXPECT_EQ(read([](onnx::Model &, onnx::ShardingSpec &spec) { spec.set_device(0, -7); }).find("E-BAD-FILE"), 0u);
  EXPECT_EQ(read([](onnx::Model &, onnx::ShardingSpec &spec) {
              spec.mutable_sharded_dim(0)->mutable_simple_sharding(0)->set_num_shards(INT64_MAX);
            }).find("E-BAD-FILE"),
            0u);
  EXPECT_EQ(read([](onnx::Model &, onnx::ShardingSpec &spec) {
              spec.mutable_sharded_dim(0)->mutable_simple_sharding(0)->set_dim_value(-4);
            }).find("E-BAD-FILE"),
            0u);
  EXPECT_EQ(read([](onnx::Model &, onnx::ShardingSpec &spec) {
              spec.mutable_index_to_device_group_map(0)->clear_value();
            }).find("E-BAD-FILE"),
            0u);
  EXPECT_EQ(read([](onnx::Model &model, onnx::ShardingSpec &) {
              model.mutable_configuration(0)->set_name("\xff");
            }).find("E-BAD-FILE"),
            0u);
  EXPECT_EQ(read([](onnx::Model &model, onnx::ShardingSpec &) {
              model.mutable_configuration(0)->set_num_devices(-1);
            }).find("E-BAD-FILE"),
            0u);
}

} // namespace
