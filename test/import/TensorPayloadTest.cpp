// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- TensorPayloadTest.cpp - Where a tensor's elements are -------------------===//
#include "TensorPayload.h"

#include "TestFiles.h"

#include "gtest/gtest.h"

using namespace partita::import;
namespace onnx = partita::onnx;

namespace {

class TensorPayload : public ::testing::Test {
protected:
  TensorPayload() : model(makeEmptyModel()) {}

  /// The payload of the only initializer, or the text of the error.
  std::string locate() {
    std::string path = folder.write("m.onnx", model.SerializeAsString());
    llvm::Expected<ModelFile> file = ModelFile::open(path);
    if (!file)
      return takeText(file.takeError());
    llvm::Expected<Payload> found = locatePayload(*file, file->getModel().graph().initializer(0));
    if (!found)
      return takeText(found.takeError());
    payload = *found;
    return "";
  }

  onnx::Tensor &addExternal(const std::string &location, const std::string &offset, const std::string &length) {
    onnx::Tensor &tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name("w");
    tensor.set_data_type(onnx::F32);
    tensor.add_dims(4);
    tensor.set_data_location(onnx::Tensor::EXTERNAL);
    for (auto [key, value] : {std::pair{"location", location}, {"offset", offset}, {"length", length}}) {
      onnx::Property &property = *tensor.add_external_data();
      property.set_key(key);
      property.set_value(value);
    }
    return tensor;
  }

  TestFolder folder;
  onnx::Model model;
  Payload payload;
};

TEST_F(TensorPayload, InlineRaw) {
  addRamp(*model.mutable_graph(), "w", 4);
  ASSERT_EQ(locate(), "");
  EXPECT_EQ(payload.place, Payload::Inline);
  EXPECT_EQ(payload.inlineBytes.size(), 16u);
}

TEST_F(TensorPayload, TypedListsOfNarrowTypes) {
  onnx::Tensor &tensor = *model.mutable_graph()->add_initializer();
  tensor.set_data_type(onnx::BF16);
  tensor.add_dims(2);
  tensor.add_int32_data(0x3f80);
  tensor.add_int32_data(0xc000);
  ASSERT_EQ(locate(), "");
  EXPECT_EQ(payload.inlineBytes, std::string("\x80\x3f\x00\xc0", 4));
}

TEST_F(TensorPayload, FourBitElementsAreTwoToAByte) {
  onnx::Tensor &tensor = *model.mutable_graph()->add_initializer();
  tensor.set_data_type(onnx::SI4);
  tensor.add_dims(3);
  tensor.set_raw_data(std::string("\x21\x03", 2));
  ASSERT_EQ(locate(), "");
  EXPECT_EQ(payload.bytes, 2u);
}

TEST_F(TensorPayload, ExternalData) {
  addExternal("m.data", "8", "16");
  folder.write("m.data", std::string(24, 'a'));
  ASSERT_EQ(locate(), "");
  EXPECT_EQ(payload.place, Payload::OnDisk);
  EXPECT_EQ(payload.offset, 8u);
  llvm::Expected<std::string> bytes = readPayload(payload, 1024);
  ASSERT_TRUE(static_cast<bool>(bytes));
  EXPECT_EQ(*bytes, std::string(16, 'a'));
}

TEST_F(TensorPayload, WeightsThatWereNeverWritten) {
  onnx::Tensor &tensor = addExternal("nowhere", "0", "0");
  onnx::Property &property = *tensor.add_metadata_props();
  property.set_key(weightsKey);
  property.set_value("none");
  ASSERT_EQ(locate(), "");
  EXPECT_EQ(payload.place, Payload::Missing);
  EXPECT_EQ(payload.bytes, 16u);
}

struct BadExternal {
  std::string location, offset, length, expected;
};

class ExternalPath : public TensorPayload, public ::testing::WithParamInterface<BadExternal> {};

TEST_P(ExternalPath, IsRefused) {
  folder.write("m.data", std::string(24, 'a'));
  addExternal(GetParam().location, GetParam().offset, GetParam().length);
  std::string text = locate();
  EXPECT_EQ(text.find("E-BAD-FILE: tensor 'w'"), 0u) << text;
  EXPECT_NE(text.find(GetParam().expected), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(TensorPayload, ExternalPath,
                         ::testing::Values(BadExternal{"../m.data", "0", "16", "outside the model's folder"},
                                           BadExternal{"a/../../m.data", "0", "16", "outside the model's folder"},
                                           BadExternal{"/etc/passwd", "0", "16", "not a relative path"},
                                           BadExternal{"a\\..\\m.data", "0", "16", "not a relative path"},
                                           BadExternal{std::string("m.data\0x", 8), "0", "16", "not a relative path"},
                                           BadExternal{"", "0", "16", "without a location"},
                                           BadExternal{".", "0", "16", "regular file"},
                                           BadExternal{"none.data", "0", "16", "cannot read"},
                                           BadExternal{"m.data", "16", "16", "which has only 24"},
                                           BadExternal{"m.data", "18446744073709551615", "16", "which has only 24"},
                                           BadExternal{"m.data", "-1", "16", "with offset '-1'"},
                                           BadExternal{"m.data", "0", "many", "with length 'many'"},
                                           BadExternal{"m.data", "0", "20", "its shape needs 16"}));

TEST_F(TensorPayload, SizesThatDoNotFit) {
  onnx::Tensor &tensor = addRamp(*model.mutable_graph(), "w", 4);
  tensor.set_dims(0, 5);
  EXPECT_NE(locate().find("has 16 bytes of data; its shape needs 20"), std::string::npos);
  tensor.set_dims(0, -4);
  EXPECT_NE(locate().find("negative dimension"), std::string::npos);
  tensor.set_dims(0, int64_t(1) << 60);
  tensor.add_dims(int64_t(1) << 60);
  EXPECT_NE(locate().find("too many elements"), std::string::npos);
  tensor.set_data_type(onnx::TEXT);
  EXPECT_NE(locate().find("not a number type"), std::string::npos);
  tensor.set_data_type(99);
  EXPECT_NE(locate().find("element type 99"), std::string::npos);
}

TEST(ModelFile, RefusesWhatIsNoModel) {
  TestFolder folder;
  EXPECT_NE(takeText(ModelFile::open(folder.path("none.onnx")).takeError()).find("E-BAD-FILE"), std::string::npos);
  EXPECT_NE(takeText(ModelFile::open(folder.path("")).takeError()).find("E-BAD-FILE"), std::string::npos);
  EXPECT_NE(takeText(ModelFile::open("/dev/zero").takeError()).find("E-BAD-FILE"), std::string::npos);
  EXPECT_NE(takeText(ModelFile::open(folder.write("e.onnx", "")).takeError()).find("is empty"), std::string::npos);
  onnx::Model model = makeEmptyModel();
  model.set_ir_version(13);
  EXPECT_NE(
      takeText(ModelFile::open(folder.write("v.onnx", model.SerializeAsString())).takeError()).find("IR version 13"),
      std::string::npos);
  model.set_ir_version(8);
  model.mutable_opset_import(0)->set_version(25);
  EXPECT_NE(takeText(ModelFile::open(folder.write("o.onnx", model.SerializeAsString())).takeError()).find("set 25"),
            std::string::npos);
}

} // namespace
