// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- WireScanTest.cpp - Payloads leave the copy, everything else stays -------===//
#include "WireScan.h"

#include "ModelFile.h"
#include "TensorPayload.h"
#include "TestFiles.h"

#include "gtest/gtest.h"

#include <fcntl.h>
#include <random>
#include <unistd.h>

using namespace partita::import;
namespace onnx = partita::onnx;

namespace {

onnx::Model trimAndParse(const std::string &bytes) {
  llvm::Expected<std::string> trimmed = trimPayloads(bytes);
  onnx::Model model;
  EXPECT_TRUE(static_cast<bool>(trimmed)) << takeText(trimmed.takeError());
  EXPECT_TRUE(model.ParseFromString(*trimmed));
  return model;
}

float readFloat(const std::string &bytes, uint64_t offset) {
  float value;
  memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

TEST(WireScan, KeepsSmallPayloadsAndAddsTheirPlace) {
  onnx::Model model = makeEmptyModel();
  addRamp(*model.mutable_graph(), "w", 256); // exactly 1024 bytes
  std::string bytes = model.SerializeAsString();
  onnx::Model trimmed = trimAndParse(bytes);
  onnx::Tensor &tensor = *trimmed.mutable_graph()->mutable_initializer(0);
  EXPECT_EQ(tensor.mapped_bytes(), 1024u);
  EXPECT_EQ(bytes.substr(tensor.mapped_offset(), 1024), tensor.raw_data());
  tensor.clear_mapped_offset();
  tensor.clear_mapped_bytes();
  EXPECT_EQ(trimmed.SerializeAsString(), bytes);
}

TEST(WireScan, ReplacesABigPayloadByItsPlace) {
  onnx::Model model = makeEmptyModel();
  addRamp(*model.mutable_graph(), "w", 257);
  std::string bytes = model.SerializeAsString();
  onnx::Tensor trimmed = trimAndParse(bytes).graph().initializer(0);
  EXPECT_FALSE(trimmed.has_raw_data());
  EXPECT_EQ(trimmed.name(), "w");
  EXPECT_EQ(trimmed.mapped_bytes(), 1028u);
  EXPECT_EQ(readFloat(bytes, trimmed.mapped_offset() + 4 * 256), 256.0f);
}

TEST(WireScan, FindsPackedFloatsAndNestedTensors) {
  onnx::Model model = makeEmptyModel();
  onnx::Node &outer = addNode(*model.mutable_graph(), "If", {"x"}, {"y"});
  onnx::Attribute &branch = *outer.add_attribute();
  onnx::Node &inner = addNode(*branch.mutable_g(), "Constant", {}, {"c"});
  onnx::Tensor &tensor = *inner.add_attribute()->mutable_t();
  for (int i = 0; i < 300; ++i)
    tensor.add_float_data(static_cast<float>(i));
  onnx::Attribute &inFunction = *model.add_functions()->add_node()->add_attribute();
  for (int i = 0; i < 300; ++i)
    inFunction.add_tensors()->add_double_data(i); // small each: stays
  std::string bytes = model.SerializeAsString();
  onnx::Model trimmed = trimAndParse(bytes);
  const onnx::Tensor &place = trimmed.graph().node(0).attribute(0).g().node(0).attribute(0).t();
  EXPECT_EQ(place.float_data_size(), 0);
  EXPECT_EQ(place.mapped_bytes(), 1200u);
  EXPECT_EQ(readFloat(bytes, place.mapped_offset() + 4 * 299), 299.0f);
  EXPECT_EQ(trimmed.functions(0).node(0).attribute(0).tensors_size(), 300);
}

TEST(WireScan, DropsPlacesThatTheFileClaims) {
  onnx::Model model = makeEmptyModel();
  onnx::Tensor &tensor = addRamp(*model.mutable_graph(), "w", 4);
  tensor.set_mapped_offset(uint64_t(1) << 60);
  tensor.set_mapped_bytes(16);
  std::string bytes = model.SerializeAsString();
  onnx::Tensor trimmed = trimAndParse(bytes).graph().initializer(0);
  EXPECT_LT(trimmed.mapped_offset(), bytes.size());
  EXPECT_EQ(trimmed.mapped_bytes(), 16u);
  tensor.clear_raw_data();
  EXPECT_FALSE(trimAndParse(model.SerializeAsString()).graph().initializer(0).has_mapped_offset());
}

TEST(WireScan, RefusesTwoBigPayloads) {
  onnx::Model model = makeEmptyModel();
  onnx::Tensor &tensor = addRamp(*model.mutable_graph(), "w", 300);
  for (int i = 0; i < 300; ++i)
    tensor.add_float_data(1.0f);
  EXPECT_NE(takeText(trimPayloads(model.SerializeAsString()).takeError()).find("two payloads"), std::string::npos);
}

TEST(WireScan, BoundsDepth) {
  onnx::Model model = makeEmptyModel();
  onnx::Graph *graph = model.mutable_graph();
  for (int i = 0; i < 2000; ++i)
    graph = graph->add_node()->add_attribute()->mutable_g();
  std::string text = takeText(trimPayloads(model.SerializeAsString()).takeError());
  EXPECT_NE(text.find("E-BAD-FILE"), std::string::npos);
  EXPECT_NE(text.find("nested more than"), std::string::npos);
}

TEST(WireScan, BoundsMessagesAndBytes) {
  onnx::Model model = makeEmptyModel();
  for (int i = 0; i < 100; ++i)
    model.mutable_graph()->add_node();
  WireLimits limits;
  limits.messages = 50;
  EXPECT_NE(takeText(trimPayloads(model.SerializeAsString(), limits).takeError()).find("messages"), std::string::npos);
  limits = {};
  limits.trimmedBytes = 50;
  EXPECT_NE(takeText(trimPayloads(model.SerializeAsString(), limits).takeError()).find("without its weights"),
            std::string::npos);
}

TEST(WireScan, EveryTruncationIsRefusedOrParsed) {
  onnx::Model model = makeEmptyModel();
  addRamp(*model.mutable_graph(), "w", 300);
  addNode(*model.mutable_graph(), "Add", {"x", "w"}, {"y"});
  std::string bytes = model.SerializeAsString();
  int refused = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    llvm::Expected<std::string> trimmed = trimPayloads(llvm::StringRef(bytes).take_front(size));
    if (trimmed)
      continue;
    EXPECT_NE(takeText(trimmed.takeError()).find("E-BAD-FILE: byte"), std::string::npos);
    ++refused;
  }
  EXPECT_GT(refused, 1200);
}

TEST(WireScan, RandomBytesNeverCrash) {
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char &byte : bytes)
      byte = static_cast<char>(i % 2 ? random() : random() % 64);
    llvm::Expected<std::string> trimmed = trimPayloads(bytes);
    if (!trimmed)
      llvm::consumeError(trimmed.takeError());
    else
      onnx::Model().ParseFromString(*trimmed);
  }
}

// protobuf alone stops at 2 GB; the hole makes the file cheap.
TEST(WireScan, ReadsAFileOfMoreThanTwoGigabytes) {
  TestFolder folder;
  onnx::Model model = makeEmptyModel();
  addNode(*model.mutable_graph(), "Identity", {"x"}, {"y"});
  std::string head = model.SerializeAsString();
  uint64_t payload = uint64_t(3) << 30;
  onnx::Tensor small;
  small.set_name("big");
  small.set_data_type(onnx::F32);
  small.add_dims(static_cast<int64_t>(payload / 4));
  auto varint = [](uint64_t value) {
    std::string out;
    for (; value >= 0x80; value >>= 7)
      out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
    return out;
  };
  std::string tensor = small.SerializeAsString() + "\x4a" + varint(payload);  // raw_data
  std::string inner = "\x2a" + varint(tensor.size() + payload) + tensor;      // Graph.initializer
  std::string whole = head + "\x3a" + varint(inner.size() + payload) + inner; // a second piece of Model.graph
  std::string path = folder.write("big.onnx", whole);
  ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(whole.size() + payload)), 0);
  llvm::Expected<ModelFile> file = ModelFile::open(path);
  ASSERT_TRUE(static_cast<bool>(file)) << takeText(file.takeError());
  llvm::Expected<Payload> place = locatePayload(*file, file->getModel().graph().initializer(0));
  ASSERT_TRUE(static_cast<bool>(place)) << takeText(place.takeError());
  EXPECT_EQ(place->place, Payload::OnDisk);
  EXPECT_EQ(place->offset, whole.size());
  EXPECT_EQ(place->bytes, payload);
}

} // namespace
