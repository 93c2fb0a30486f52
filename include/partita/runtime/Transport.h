// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Transports: how local tensors get from rank to rank. The walk over the events only offers, fetches and
// releases; whether ranks are threads, processes or GPUs is behind this interface.
//
// Worked example, an all-reduce as collective 4 (every rank of the group does the same):
//   transport.offer(rank, {TransferKind::collective, 4, microBatch}, source, {}); // start
//   transport.fetch(rank, key, destination) && transport.release(rank, key);      // wait
// A channel: its senders offer, its receivers fetch, and a sender releases before it overwrites the source.
#ifndef PARTITA_RUNTIME_TRANSPORT_H
#define PARTITA_RUNTIME_TRANSPORT_H

#include "partita/runtime/Box.h"

#include <compare>
#include <memory>

namespace partita::runtime {

enum class TransferKind : uint8_t { collective, channel };

/// One movement: the index in Image::collectives or Image::channels, and the micro-batch. Channels match
/// by micro-batch; a collective matches by the order in which the ranks of its stage come to it.
struct TransferKey {
  TransferKind kind = TransferKind::collective;
  int64_t index = 0;
  int64_t microBatch = 0;
  auto operator<=>(const TransferKey &) const = default;
};

/// Ranks are indices into Image::devices. Every function except beginRun() may be called by each rank's
/// own thread at the same time as by the others'.
class Transport {
public:
  virtual ~Transport() = default;

  /// Before the ranks start: forgets a failure, takes the actual extents of the symbolic dimensions.
  virtual void beginRun(const std::vector<int64_t> &symbols) = 0;

  /// Makes `source`, the rank's local tensor, available to its readers; with counts only the rows that are there, and
  /// the readers' other rows are zero. Does not wait.
  virtual void offer(int64_t rank, const TransferKey &key, const void *source, const RowCounts &counts) = 0;

  /// Waits for the ranks it needs and fills the rank's destination. False after a failure of any rank;
  /// the destination is then zero.
  virtual bool fetch(int64_t rank, const TransferKey &key, void *destination) = 0;

  /// Waits until no rank reads the offered source any more. False after a failure of any rank.
  virtual bool release(int64_t rank, const TransferKey &key) = 0;

  /// The rank has come to the end of its program and will offer nothing more in this run.
  virtual void finish(int64_t rank) = 0;

  /// Ends the run for all ranks: everybody who waits wakes up. The first message wins.
  virtual void fail(const std::string &message) = 0;

  virtual bool failed() const = 0;
  virtual std::string failure() const = 0;
};

/// All ranks are threads of this process. Waits spin for a moment when `spin` is set, then sleep. When
/// every rank waits for another the run fails with E-DEADLOCK and says what each rank waits for.
std::unique_ptr<Transport> makeLocalTransport(const Image &image, bool spin);

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_TRANSPORT_H
