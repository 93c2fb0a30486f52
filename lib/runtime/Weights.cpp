// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding, checking and loading weights.
#include "partita/runtime/Weights.h"

#include "partita/runtime/Drawing.h"
#include "partita/runtime/Safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <sys/stat.h>

namespace partita::runtime {

namespace {

bool isThere(const std::string &path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::string baseName(const std::string &path) { return path.substr(path.find_last_of('/') + 1); }

std::string locate(const Image &image, const WeightFile &file, const std::string &given, const std::string &folder) {
  std::string name = baseName(file.path);
  if (!given.empty()) {
    struct stat status;
    bool isFolder = stat(given.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    if (isFolder)
      return given + "/" + name;
    // One file given for a program that needs several: it stands for the one of its name.
    if (image.files.size() == 1 || baseName(given) == name)
      return given;
  }
  if (!folder.empty() && isThere(folder + "/" + name))
    return folder + "/" + name;
  return file.path;
}

} // namespace

uint64_t tensorTableChecksum(const Image &image, int64_t file, const void *data, uint64_t size) {
  std::set<std::pair<uint64_t, uint64_t>> places;
  for (const Weight &weight : image.weights)
    if (weight.source == WeightSource::file && weight.file == file)
      places.insert({weight.offset, weight.bytes});
  uint64_t hash = fnvStart;
  for (const auto &[offset, bytes] : places) {
    if (offset > size || bytes > size - offset)
      continue;
    uint64_t place[2] = {offset, bytes}, part = std::min<uint64_t>(bytes, 64);
    const char *first = static_cast<const char *>(data) + offset;
    hash = hashBytes(hash, place, sizeof(place));
    hash = hashBytes(hash, first, part);
    hash = hashBytes(hash, first + bytes - part, part);
  }
  return hash ? hash : 1;
}

bool WeightFiles::openByName(const Image &image, const std::string &path, std::string &error) {
  files.push_back(std::make_unique<MappedFile>());
  std::vector<StoredTensor> tensors;
  if (!files[0]->open(path, error) || !parseSafetensors(files[0]->data(), files[0]->size(), path, tensors, error))
    return false;
  std::map<std::string, const TensorView *> byName;
  for (const StoredTensor &tensor : tensors)
    byName[tensor.name] = &tensor.view;
  for (const Weight &weight : image.weights) {
    if (weight.source == WeightSource::constant)
      continue;
    const Layout &layout = image.stages[size_t(weight.stage)].buffers[size_t(weight.buffer)].layout;
    std::vector<int64_t> shape = weight.fileShape;
    for (size_t d = shape.size(); weight.source == WeightSource::generated && d < layout.dimensions.size(); ++d)
      shape.push_back(layout.dimensions[d].extent.constant);
    auto found = byName.find(weight.name);
    bool fits =
        found != byName.end() && found->second->elementType == layout.elementType && found->second->shape == shape;
    if (!fits) {
      error = "E-WEIGHTS-MISMATCH: '" + path + "' has " +
              (found == byName.end() ? "no tensor"
                                     : describeTensor(found->second->elementType, found->second->shape) + " as") +
              " '" + weight.name + "', the program needs " + describeTensor(layout.elementType, shape);
      return false;
    }
    offsets[weight.name] = uint64_t(static_cast<const char *>(found->second->data) - files[0]->data());
  }
  return true;
}

WeightFiles::Place WeightFiles::findPlace(const Weight &weight) const {
  if (auto found = offsets.find(weight.name); found != offsets.end())
    return {0, found->second};
  return weight.source == WeightSource::file ? Place{weight.file, weight.offset} : Place{};
}

bool WeightFiles::open(const Image &image, const std::string &given, const std::string &folder, std::string &error) {
  if (isSafetensors(given))
    return openByName(image, given, error);
  for (size_t i = 0; i < image.files.size(); ++i) {
    const WeightFile &expected = image.files[i];
    std::string path = locate(image, expected, given, folder);
    auto file = std::make_unique<MappedFile>();
    if (!file->open(path, error)) {
      error += "; name the file with the weights by --weights FILE";
      return false;
    }
    if (file->size() != expected.size) {
      error = "E-WEIGHTS-MISMATCH: '" + path + "' has " + std::to_string(file->size()) +
              " bytes, the program was compiled with a file of " + std::to_string(expected.size);
      return false;
    }
    if (expected.checksum != 0 &&
        tensorTableChecksum(image, int64_t(i), file->data(), file->size()) != expected.checksum) {
      error = "E-WEIGHTS-MISMATCH: '" + path + "' has other tensors than the file the program was compiled with";
      return false;
    }
    files.push_back(std::move(file));
  }
  return true;
}

namespace {

// In the coordinates of the global tensor, the tensor in the file begins at -start.
Box fileBox(const Weight &weight, const Box &global) {
  if (weight.source == WeightSource::generated)
    return global; // Comes from a file after all, by name.
  Box box;
  for (size_t d = 0; d < weight.fileShape.size(); ++d) {
    int64_t start = weight.start.empty() ? 0 : weight.start[d];
    box.push_back({-start, weight.fileShape[d] - start});
  }
  return box;
}

// What is copied before its pages are dropped.
constexpr int64_t blockBytes = int64_t(16) << 20;

constexpr uint64_t bufferAlignment = 64;

} // namespace

const char *WeightFiles::find(const Weight &weight, ElementType type, const Box &global, const Box &box) const {
  Place found = findPlace(weight);
  if (found.file < 0 || boxElements(box) == 0)
    return nullptr;
  Box inFile = fileBox(weight, global);
  int64_t offset = 0, stride = elementBytes(type);
  // From the last dim on: below one that the box cuts, all others must be single indices.
  bool isCut = false;
  for (size_t d = box.size(); d-- > 0;) {
    if (isCut && box[d].length() != 1)
      return nullptr;
    isCut |= box[d].length() != inFile[d].length();
    offset += (box[d].begin - inFile[d].begin) * stride;
    stride *= inFile[d].length();
  }
  const char *place = files[size_t(found.file)]->data() + found.offset + offset;
  return reinterpret_cast<uintptr_t>(place) % bufferAlignment == 0 ? place : nullptr;
}

void WeightFiles::drop(const char *place, uint64_t bytes) const {
  for (const std::unique_ptr<MappedFile> &file : files)
    if (place >= file->data() && place < file->data() + file->size())
      file->drop(uint64_t(place - file->data()), std::min(bytes, uint64_t(file->data() + file->size() - place)));
}

void WeightFiles::load(const Weight &weight, ElementType type, const Box &global, const Box &box,
                       void *destination) const {
  int64_t bytes = elementBytes(type);
  if (boxElements(box) == 0)
    return;
  if (weight.source == WeightSource::constant)
    return copyRegion(bytes, box, {weight.data.data(), global}, destination, box);
  Place place = findPlace(weight);
  if (place.file < 0)
    return drawBox(type, drawingKey(weight.seed, weight.name), global, box, weight.scale, destination);
  Box inFile = fileBox(weight, global);
  const MappedFile &file = *files[size_t(place.file)];
  if (box.empty()) {
    std::memcpy(destination, file.data() + place.offset, size_t(bytes));
    return;
  }
  // Block by block, so that a tensor larger than memory passes through: a block is some indices of the first dim.
  int64_t rowBytes = boxElements(inFile) / inFile[0].length() * bytes;
  int64_t boxRowBytes = boxElements(box) / box[0].length() * bytes, step = std::max<int64_t>(1, blockBytes / rowBytes);
  for (int64_t begin = box[0].begin; begin < box[0].end; begin += step) {
    Box block = box;
    block[0] = {begin, std::min(box[0].end, begin + step)};
    copyRegion(bytes, block, {file.data() + place.offset, inFile},
               static_cast<char *>(destination) + (begin - box[0].begin) * boxRowBytes, block);
    file.drop(place.offset + uint64_t((begin - inFile[0].begin) * rowBytes), uint64_t(block[0].length() * rowBytes));
  }
}

} // namespace partita::runtime
