// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A loaded program: the image, an arena and a thread for each rank, ready to run steps.
//
// Worked example:
//   auto program = Program::create(std::move(image), functions, options, error);
//   std::vector<TensorView> inputs(...);                 // one per Image::inputs, in that order
//   std::vector<TensorView> outputs;
//   if (!program || !program->run(inputs, outputs, error)) report(error);
#ifndef PARTITA_RUNTIME_PROGRAM_H
#define PARTITA_RUNTIME_PROGRAM_H

#include "partita/runtime/Context.h"
#include "partita/runtime/Npy.h"

namespace partita::runtime {

struct ProgramOptions {
  std::string weights;      ///< File or folder given by the user; may be empty.
  std::string folder;       ///< Of the executable, searched second.
  int64_t threads = 0;      ///< Per rank; 0: cores / ranks, at least 1.
  bool recordSpans = false; ///< For --profile.
};

/// Something a rank did, in seconds since the program was created.
struct Span {
  std::string name;
  double begin = 0;
  double end = 0;
};

/// Actual extents of the symbolic dimensions (Image::symbols) that follow from the shapes of the inputs
/// that have data; the others take their upper bound. Errors, all E-INPUT: another type or rank than
/// the model's, an extent that differs, is out of bounds or contradicts another input's, an integer that
/// indexes outside of Input::maximum, a boolean byte that is neither 0 nor 1.
bool bindSymbols(const Image &image, const std::vector<TensorView> &inputs, std::vector<int64_t> &symbols,
                 std::string &error);

/// The shape of an input or buffer at these extents.
std::vector<int64_t> shapeOf(const std::vector<Extent> &shape, const std::vector<int64_t> &symbols);

class Program {
public:
  /// Maps the weights, reserves the arenas, starts the threads and runs init. `functions` has
  /// image.functionCount entries and must outlive the program. Null with a message on failure.
  static std::unique_ptr<Program> create(Image image, const partita_function *functions, const ProgramOptions &options,
                                         std::string &error);
  virtual ~Program() = default;

  virtual const Image &image() const = 0;

  /// Runs one step. `inputs` has one view per input of the image, all with data and with the global
  /// shapes at `symbols`; `outputs` gets one per output, valid until the next run or the program's end.
  virtual bool run(const std::vector<TensorView> &inputs, const std::vector<int64_t> &symbols,
                   std::vector<TensorView> &outputs, std::string &error) = 0;

  /// Bytes of arena reserved for a rank.
  virtual uint64_t arenaBytes(int64_t rank) const = 0;

  /// Of the arena: what takes no memory, because another rank of the process holds it and this one reads it there.
  virtual uint64_t sharedBytes(int64_t rank) const = 0;

  /// Bytes of scratch reserved for the threads of a rank, beside its arena.
  virtual uint64_t workerScratchBytes(int64_t rank) const = 0;

  virtual int64_t threadsPerRank() const = 0;

  /// What the rank did since the program was created, if recordSpans is set.
  virtual const std::vector<Span> &spans(int64_t rank) const = 0;
};

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_PROGRAM_H
