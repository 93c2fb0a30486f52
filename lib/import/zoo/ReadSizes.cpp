// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ReadSizes.cpp - The sizes of each architecture --------------------------===//
#include "zoo/ReadSizes.h"

#include "zoo/Architectures.h"

#include "llvm/Support/MathExtras.h"

using namespace partita::import;

llvm::Error partita::import::readMlp(SizeReader &reader, ModelWriter *writer) {
  MlpSizes sizes;
  reader.read("batch", sizes.batch);
  reader.readCount("layers", sizes.layers);
  reader.read("hidden", sizes.hidden);
  reader.read("input", sizes.input);
  reader.read("output", sizes.output);
  reader.read("mlp", sizes.activation, {"relu", "gelu", "tanh"});
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildMlp(*writer, sizes);
  return error;
}

llvm::Error partita::import::readGpt(SizeReader &reader, ModelWriter *writer) {
  GptSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("seq", sizes.seq);
  reader.readCount("layers", sizes.layers);
  reader.read("hidden", sizes.hidden);
  reader.read("heads", sizes.heads);
  sizes.ffn = 4 * sizes.hidden;
  reader.read("ffn", sizes.ffn);
  reader.read("vocab", sizes.vocab);
  if (!sizes.seq.isSymbolic())
    sizes.positions = std::max(sizes.positions, sizes.seq.size);
  reader.read("positions", sizes.positions);
  reader.read("norm-epsilon", sizes.epsilon);
  reader.read("mlp", sizes.mlp, {"gelu", "gelu-erf", "relu", "squared-relu"});
  reader.require(sizes.hidden % sizes.heads == 0, "--hidden must be a multiple of --heads");
  reader.require(sizes.seq.isSymbolic() || sizes.seq.size <= sizes.positions, "--seq must not exceed --positions");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildGpt(*writer, sizes);
  return error;
}

static void readExperts(SizeReader &reader, LlamaSizes &sizes) {
  ExpertSizes &experts = sizes.experts;
  reader.readCount("experts", experts.experts);
  reader.read("top-k", experts.topK);
  reader.read("dispatch", experts.dispatch, {"dense", "capacity", "exchange"});
  reader.read("capacity", experts.capacity);
  bool hasExperts = experts.experts > 0, hasCapacity = experts.dispatch == "capacity";
  reader.require(!hasExperts || experts.topK <= experts.experts, "--top-k must not exceed --experts");
  reader.require(!hasCapacity || (hasExperts && !sizes.seq.isSymbolic()),
                 "--dispatch capacity needs --experts and a --seq that is a number");
  if (hasExperts && hasCapacity && experts.capacity == 0)
    experts.capacity = llvm::divideCeil(2 * experts.topK * sizes.seq.size, experts.experts);
}

llvm::Error partita::import::readLlama(SizeReader &reader, ModelWriter *writer) {
  LlamaSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("seq", sizes.seq);
  reader.readCount("layers", sizes.layers);
  reader.read("hidden", sizes.hidden);
  reader.read("heads", sizes.heads);
  reader.read("kv-heads", sizes.kvHeads);
  reader.read("ffn", sizes.ffn);
  reader.read("vocab", sizes.vocab);
  reader.read("rope-theta", sizes.ropeTheta);
  reader.read("head-size", sizes.headSize);
  reader.read("positions", sizes.positions);
  reader.read("norm-epsilon", sizes.epsilon);
  reader.read("tied", sizes.isTied);
  reader.read("qkv-bias", sizes.hasQkvBias);
  reader.read("mlp", sizes.mlp, {"swiglu", "geglu"});
  readExperts(reader, sizes);
  reader.require(sizes.heads % sizes.kvHeads == 0, "--heads must be a multiple of --kv-heads");
  bool hasHeadSize = sizes.headSize > 0, hasLimit = sizes.positions > 0 && !sizes.seq.isSymbolic();
  reader.require(!hasLimit || sizes.seq.size <= sizes.positions, "--seq must not exceed --positions");
  reader.require(hasHeadSize || (sizes.hidden % sizes.heads == 0 && (sizes.hidden / sizes.heads) % 2 == 0),
                 "--hidden must be an even multiple of --heads, or --head-size given");
  reader.require(!hasHeadSize || sizes.headSize % 2 == 0, "--head-size must be even");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildLlama(*writer, sizes);
  return error;
}

llvm::Error partita::import::readResnet(SizeReader &reader, ModelWriter *writer) {
  ResnetSizes sizes;
  reader.read("batch", sizes.batch);
  reader.readCount("layers", sizes.layers);
  reader.read("width", sizes.width);
  reader.read("image", sizes.image);
  reader.read("classes", sizes.classes);
  reader.require(!getResnetBlocks(sizes.layers).empty(), "--layers of a resnet is 10, 14, 18, 34, 50, 101 or 152");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildResnet(*writer, sizes);
  return error;
}

llvm::Error partita::import::readBert(SizeReader &reader, ModelWriter *writer) {
  BertSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("seq", sizes.seq);
  reader.readCount("layers", sizes.layers);
  reader.read("hidden", sizes.hidden);
  reader.read("heads", sizes.heads);
  sizes.ffn = 4 * sizes.hidden;
  reader.read("ffn", sizes.ffn);
  reader.read("vocab", sizes.vocab);
  if (!sizes.seq.isSymbolic())
    sizes.positions = std::max(sizes.positions, sizes.seq.size);
  reader.read("positions", sizes.positions);
  reader.read("types", sizes.types);
  reader.read("norm-epsilon", sizes.epsilon);
  reader.read("mlp", sizes.mlp, {"gelu", "gelu-tanh", "relu"});
  reader.require(sizes.hidden % sizes.heads == 0, "--hidden must be a multiple of --heads");
  reader.require(sizes.seq.isSymbolic() || sizes.seq.size <= sizes.positions, "--seq must not exceed --positions");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildBert(*writer, sizes);
  return error;
}

llvm::Error partita::import::readVit(SizeReader &reader, ModelWriter *writer) {
  VitSizes sizes;
  reader.read("batch", sizes.batch);
  reader.readCount("layers", sizes.layers);
  reader.read("hidden", sizes.hidden);
  reader.read("heads", sizes.heads);
  sizes.ffn = 4 * sizes.hidden;
  reader.read("ffn", sizes.ffn);
  reader.read("image", sizes.image);
  reader.read("patch", sizes.patch);
  reader.read("classes", sizes.classes);
  reader.read("norm-epsilon", sizes.epsilon);
  reader.read("mlp", sizes.mlp, {"gelu", "gelu-tanh", "quick-gelu", "relu"});
  reader.require(sizes.hidden % sizes.heads == 0, "--hidden must be a multiple of --heads");
  reader.require(sizes.image % sizes.patch == 0, "--image must be a multiple of --patch");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildVit(*writer, sizes);
  return error;
}

static void readTower(SizeReader &reader, const std::string &prefix, ClipTower &tower) {
  reader.readCount(prefix + "layers", tower.layers);
  reader.read(prefix + "hidden", tower.hidden);
  reader.read(prefix + "heads", tower.heads);
  tower.ffn = 4 * tower.hidden;
  reader.read(prefix + "ffn", tower.ffn);
  reader.require(tower.hidden % tower.heads == 0, "--" + prefix + "hidden must be a multiple of --" + prefix + "heads");
}

llvm::Error partita::import::readClip(SizeReader &reader, ModelWriter *writer) {
  ClipSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("seq", sizes.seq);
  readTower(reader, "", sizes.vision);
  readTower(reader, "text-", sizes.text);
  reader.read("vocab", sizes.vocab);
  if (!sizes.seq.isSymbolic())
    sizes.positions = std::max(sizes.positions, sizes.seq.size);
  reader.read("positions", sizes.positions);
  reader.read("image", sizes.image);
  reader.read("patch", sizes.patch);
  reader.read("projection", sizes.projection);
  reader.read("mlp", sizes.mlp, {"quick-gelu", "gelu"});
  reader.require(sizes.image % sizes.patch == 0, "--image must be a multiple of --patch");
  reader.require(sizes.seq.isSymbolic() || sizes.seq.size <= sizes.positions, "--seq must not exceed --positions");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildClip(*writer, sizes);
  return error;
}

llvm::Error partita::import::readMobilenet(SizeReader &reader, ModelWriter *writer) {
  MobilenetSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("width", sizes.width);
  reader.read("image", sizes.image);
  reader.read("classes", sizes.classes);
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildMobilenet(*writer, sizes);
  return error;
}

llvm::Error partita::import::readUnet(SizeReader &reader, ModelWriter *writer) {
  UnetSizes sizes;
  reader.read("batch", sizes.batch);
  reader.readCount("layers", sizes.layers);
  reader.read("width", sizes.width);
  reader.read("image", sizes.image);
  reader.read("channels", sizes.channels);
  reader.read("classes", sizes.classes);
  reader.read("padding", sizes.padding, {"valid", "same"});
  reader.require(sizes.layers <= 8, "--layers of a unet is at most 8");
  reader.require(sizes.layers > 8 || getUnetOutput(sizes), "an image of side " + llvm::Twine(sizes.image) +
                                                               " cannot be halved " + llvm::Twine(sizes.layers) +
                                                               " times; with --padding valid, 572 can");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildUnet(*writer, sizes);
  return error;
}

llvm::Error partita::import::readDlrm(SizeReader &reader, ModelWriter *writer) {
  DlrmSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("hidden", sizes.hidden);
  reader.read("ffn", sizes.ffn);
  reader.read("input", sizes.inputs);
  reader.readCount("tables", sizes.tables);
  reader.read("rows", sizes.rows);
  reader.require(sizes.ffn % 8 == 0, "--ffn must be a multiple of 8");
  reader.require(sizes.tables <= 1000, "--tables is at most 1000");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildDlrm(*writer, sizes);
  return error;
}

llvm::Error partita::import::readLstm(SizeReader &reader, ModelWriter *writer) {
  LstmSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("seq", sizes.seq);
  reader.readCount("layers", sizes.layers);
  reader.read("hidden", sizes.hidden);
  reader.read("vocab", sizes.vocab);
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildLstm(*writer, sizes);
  return error;
}
