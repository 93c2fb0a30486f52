// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The image: everything an executable knows besides its machine code. The compiler fills the structs
// below and writes them with serializeImage(); the blob is linked into the executable, where the runtime
// reads it back with deserializeImage() and walks it. Plain data, no dependency but the standard library.
//
// Worked example: x[6, 4] times w[4, 5] on two ranks, rows split over the axis "data".
//   stages[0].axes    = {{"data", 2, space}}        stages[0].devices = {0, 1}
//   stages[0].buffers = {{"x", layout [6 split (data, unit 1), 4]}, {"w", [4, 5]}, {"y", [6 split, 5]}}
//   stages[0].calls   = {{forward, {{function 0, arguments {x, w, y}}}}}
//   weights[0]        = {"w", stage 0, buffer 1, file 0 at byte 128}
//   inputs[0]         = {"x", uses {{stage 0, buffer 0}}}       outputs[0] = {"y", stage 0, buffer 2}
//   devices[0..1]     = {{init, stage 0}, {forward, stage 0, microBatch 0}}
//
// Split rule (nested, balanced). The interval of a dimension starts as [0, n). For each of its splits
// (axis of size p, unit u) in order, the current interval of length m holds ceil(m / u) units; the first
// (units mod p) parts get floor(units / p) + 1 of them, the other parts floor(units / p); the last unit
// may be short and a part may be empty. So 12 heads of 64 over 5 ranks are 3, 3, 2, 2, 2 heads.
// A local tensor is dense, row-major, and has the ACTUAL extents of its rank's box; its buffer is
// reserved for the largest box any rank can have at the upper bounds of the symbolic dimensions.
#ifndef PARTITA_RUNTIME_IMAGE_H
#define PARTITA_RUNTIME_IMAGE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace partita::runtime {

/// The element types of stored tensors. Values are part of the blob's format. One element takes
/// elementBytes(); the 4-bit integers are stored one to a byte, a bool is a byte 0 or 1.
enum class ElementType : uint8_t {
  f64 = 0,
  f32 = 1,
  bf16 = 2,
  f16 = 3,
  f8E4M3FN = 4,
  f8E5M2 = 5,
  f8E4M3FNUZ = 6,
  f8E5M2FNUZ = 7,
  si4 = 8,
  si8 = 9,
  si16 = 10,
  si32 = 11,
  si64 = 12,
  ui4 = 13,
  ui8 = 14,
  ui16 = 15,
  ui32 = 16,
  ui64 = 17,
  boolean = 18,
};

/// Bytes that one stored element takes: 1, 2, 4 or 8.
int64_t elementBytes(ElementType type);
/// The type's short name: "f32", "si64", "bool" ...
const char *elementName(ElementType type);

/// How the values of several ranks combine into the one they stand for.
enum class ReductionKind : uint8_t { sum = 0, max = 1, min = 2, logicalAnd = 3, logicalOr = 4 };

/// A dimension whose extent is known only at run time, within inclusive bounds.
struct Symbol {
  std::string name;
  int64_t minimum = 0;
  int64_t maximum = 0;
};

/// constant + sum over i of coefficients[i] * symbols[i]. Missing coefficients are zero.
struct Extent {
  int64_t constant = 0;
  std::vector<int64_t> coefficients;
};

/// One split of a dimension: the index of the axis in the stage's list of axes, and the unit in elements.
struct Split {
  int64_t axis = 0;
  int64_t unit = 1;
};

/// A dimension read through a window (stride 0: it is not). Step s reads [s * stride - low, s * stride - low + reach),
/// cut to the dimension; there are (extent + low + high - reach) / stride + 1 steps.
struct Window {
  int64_t stride = 0;
  int64_t low = 0;
  int64_t high = 0;
  int64_t reach = 1;
  bool operator==(const Window &) const = default;
};

/// One dimension of a layout: its global extent and its splits, applied in order, each inside the last. With a window
/// the splits deal out its steps, and a part is what its steps read (halos included).
struct Dimension {
  Extent extent;
  std::vector<Split> splits;
  Window window = {};
};

/// The ranks along this axis hold summands (or maximands ...) of the value, not parts of it.
struct PartialAxis {
  int64_t axis = 0;
  ReductionKind kind = ReductionKind::sum;
};

/// How a tensor lies on the ranks of a stage. Over axes named nowhere in it, it is replicated.
struct Layout {
  ElementType elementType = ElementType::f32;
  std::vector<Dimension> dimensions;
  std::vector<PartialAxis> partial;
};

/// Space: the coordinate of a rank. Time: the micro-batch that an event works on.
enum class AxisKind : uint8_t { space = 0, time = 1 };

struct Axis {
  std::string name;
  int64_t size = 1;
  AxisKind kind = AxisKind::space;
};

/// A tensor in the arena of each rank of a stage. Slot s lies at arena + offset + s * slotStride
/// (slotStride 0: all slots are the same memory, as for weights). Buffers may overlap where the compiler
/// proved that their lives do not; two exceptions, because the runtime touches them outside of calls:
/// the source of a channel must stay untouched until the next forward event of its stage and slot, and
/// the destination of a channel from its receive event on.
struct Buffer {
  std::string name;
  Layout layout;
  uint64_t offset = 0;     ///< Bytes from the start of the stage's part of the arena.
  uint64_t bytes = 0;      ///< Of one slot, at the bounds, for the largest rank.
  uint64_t slotStride = 0; ///< Bytes between slots.
  int64_t slots = 1;
};

/// Where an argument of a call lies. buffer >= 0: that buffer of the stage at the event's slot, plus
/// `offset` bytes. buffer == -1: arena + offset + slot * slotStride.
struct Argument {
  int64_t buffer = -1;
  uint64_t offset = 0;
  uint64_t slotStride = 0;
};

/// One call of a generated function. Layers of equal structure share the function and differ in this row.
struct Call {
  int64_t function = 0; ///< Index into partita_functions.
  std::vector<Argument> arguments;
  uint64_t scratch = 0;        ///< Arena offset that the function sees as context->scratch.
  int64_t firstCollective = 0; ///< Added to the collective ids that the function passes.
  std::string node;            ///< Model node or class, for errors and traces; may be empty.
  /// Of an init call: axes of kind space along which what it computes is the same, so that one rank of a process
  /// computes it for all that differ only there. Empty: each rank for itself. What such a call is given and is no
  /// weight is its result, which nothing writes later.
  std::vector<int64_t> sameAlong;
};

/// What an event does. Values are part of the blob's format.
enum class EventKind : uint8_t {
  init = 0,    ///< Once, before the first step: loads the stage's weights, runs its init calls.
  forward = 1, ///< Loads the inputs of the micro-batch, runs the forward calls, stores outputs.
  send = 2,    ///< Offers the source buffer of `channel`; returns at once.
  receive = 3, ///< Fills the destination buffer of `channel`; waits for its sources.
  backwardInput = 4,
  backwardWeight = 5,
  update = 6,
};

struct CallList {
  EventKind kind = EventKind::forward;
  std::vector<Call> calls;
};

/// An SPMD program over a submesh. The ranks are listed row-major over the axes of kind space; the
/// micro-batch of an event is the row-major index over the axes of kind time.
struct Stage {
  std::string name;
  std::vector<Axis> axes;
  std::vector<int64_t> devices; ///< Indices into Image::devices.
  uint64_t arenaBytes = 0;      ///< This stage's part of a rank's arena; stages on one rank lie one after another.
  std::vector<Buffer> buffers;
  std::vector<CallList> calls; ///< At most one list per event kind.
};

/// One row of a device's program. `microBatch`, `slot` and `version` are data to the calls.
struct Event {
  EventKind kind = EventKind::forward;
  int64_t stage = 0;
  int64_t microBatch = 0;
  int64_t slot = 0;
  int64_t version = 0;
  int64_t channel = -1; ///< Of send and receive.
};

/// One rank: its number on the machine and its program, in order; init events come first.
struct Device {
  int64_t number = 0;
  std::vector<Event> events;
};

struct StageBuffer {
  int64_t stage = 0;
  int64_t buffer = 0;
};

/// A model input. Each use is filled with its rank's box before every forward event of its stage.
struct Input {
  std::string name;
  ElementType elementType = ElementType::f32;
  std::vector<Extent> shape; ///< Global, also for an input that no stage uses.
  int64_t maximum = -1;      ///< Integers: random values lie in [0, maximum]; -1 when unknown.
  std::vector<StageBuffer> uses;
};

/// A model output: after every forward event of the stage, the owners store their boxes.
struct Output {
  std::string name;
  int64_t stage = 0;
  int64_t buffer = 0;
};

enum class WeightSource : uint8_t {
  file = 0,      ///< A box of a tensor in a file.
  constant = 1,  ///< The whole tensor in Weight::data.
  generated = 2, ///< Uniform in [-scale, scale], from `seed`, the name and the global index.
};

/// A tensor whose box each rank has from init on, in the arena or, if no call of kind update is given it, where it
/// lies in the file. Calls of all other kinds only read it. If only init calls are given it, its memory in the arena
/// may be that of other buffers. The global tensor is the box start .. start + shape of a row-major tensor of shape
/// fileShape and the same element type in a file.
struct Weight {
  std::string name;
  int64_t stage = 0;
  int64_t buffer = 0;
  uint64_t beforeCall = 0; ///< Loaded just before this init call, so that raw weights may share memory.
  WeightSource source = WeightSource::file;
  int64_t file = -1;
  uint64_t offset = 0; ///< Of the tensor in the file, in bytes.
  uint64_t bytes = 0;  ///< Of the whole tensor in the file.
  std::vector<int64_t> fileShape;
  std::vector<int64_t> start; ///< Empty: zeros.
  std::string data;           ///< Of a constant: dense, row-major, little-endian.
  uint64_t seed = 0;
  double scale = 0;
};

/// A file that holds weights. The checksum is tensorTableChecksum() of partita/runtime/Weights.h over the
/// weights of this file; 0 means that it is not checked.
struct WeightFile {
  std::string path;
  uint64_t size = 0;
  uint64_t checksum = 0;
};

/// The name a collective has in reports; the movement itself follows from the two layouts.
enum class CollectiveKind : uint8_t { allGather = 0, reduceScatter = 1, allReduce = 2, allToAll = 3, exchange = 4 };

/// A change of layout between the ranks of one stage. Both layouts have the same global shape.
struct Collective {
  int64_t id = 0; ///< Equal to its index in Image::collectives.
  int64_t stage = 0;
  CollectiveKind kind = CollectiveKind::exchange;
  Layout from;
  Layout to;
  std::string node;
};

/// A tensor that moves from one stage to another; the layouts are those of the two buffers.
struct Channel {
  int64_t sourceStage = 0;
  int64_t sourceBuffer = 0;
  int64_t destinationStage = 0;
  int64_t destinationBuffer = 0;
  std::string node;
};

/// What the plan promised, printed beside what is measured.
struct Prediction {
  double stepSeconds = 0;
  uint64_t arenaBytes = 0; ///< Of the rank that needs most.
};

struct Image {
  std::string producer; ///< "partita 0.1.0"
  std::string model;
  uint64_t planId = 0;
  std::vector<Symbol> symbols;
  std::vector<Stage> stages;
  std::vector<Device> devices;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<Weight> weights;
  std::vector<WeightFile> files;
  std::vector<Collective> collectives;
  std::vector<Channel> channels;
  Prediction predicted;
  int64_t functionCount = 0;       ///< Entries of partita_functions.
  uint64_t workerScratchBytes = 0; ///< What a loop body may use as context->workerScratch; each thread has its own.
  std::vector<std::pair<std::string, std::string>> notes; ///< Printed by --help, e.g. {"cpu", "znver4"}.
};

/// Writes the image as a versioned little-endian blob; equal images give equal bytes.
std::string serializeImage(const Image &image);

/// Reads a blob and validates it. Returns false and sets `error` ("E-BAD-FILE: ...") for anything that
/// serializeImage() did not write or that validateImage() refuses; never reads outside [data, data + size).
bool deserializeImage(const void *data, size_t size, Image &image, std::string &error);

/// Checks every index, size and rule stated above. The compiler calls it before writing.
bool validateImage(const Image &image, std::string &error);

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_IMAGE_H
