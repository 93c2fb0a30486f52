// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ReadSizes.h - The sizes of each architecture ----------------------------===//
//
// One function per architecture: reads and checks its sizes and, unless `writer` is null, builds its graph. Example:
//
//   SizeReader reader("vit", {{"layers", "2"}});
//   if (llvm::Error error = readVit(reader, &writer)) return error;      // E-ZOO-SIZE
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_ZOO_READSIZES_H
#define PARTITA_LIB_IMPORT_ZOO_READSIZES_H

#include "zoo/SizeReader.h"

namespace partita::import {

using Architecture = llvm::Error (*)(SizeReader &reader, ModelWriter *writer);

llvm::Error readMlp(SizeReader &reader, ModelWriter *writer);
llvm::Error readGpt(SizeReader &reader, ModelWriter *writer);
llvm::Error readLlama(SizeReader &reader, ModelWriter *writer);
llvm::Error readResnet(SizeReader &reader, ModelWriter *writer);
llvm::Error readBert(SizeReader &reader, ModelWriter *writer);
llvm::Error readVit(SizeReader &reader, ModelWriter *writer);
llvm::Error readClip(SizeReader &reader, ModelWriter *writer);
llvm::Error readMobilenet(SizeReader &reader, ModelWriter *writer);
llvm::Error readUnet(SizeReader &reader, ModelWriter *writer);
llvm::Error readDlrm(SizeReader &reader, ModelWriter *writer);
llvm::Error readLstm(SizeReader &reader, ModelWriter *writer);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_ZOO_READSIZES_H
