// RUN: partita-opt %s | partita-opt | FileCheck %s

#sizes = #partita.shape<[<"batch", 1, 8>, <"seq", 0, 64>], ()[s0, s1] -> (s0 * 2, s1 + 1, 16)>
// CHECK-LABEL: func.func @f(
// CHECK-SAME: tensor<?x?x16xf32, #partita.shape<[<"batch", 1, 8>, <"seq", 0, 64>], ()[s0, s1] -> (s0 * 2, s1 + 1, 16)>> {partita.name = "x", partita.role = "input"}
// CHECK-SAME: partita.source = #partita.source<"w.bin", offset = 64, bytes = 32, shape = [2, 4], start = [1, 0]>
func.func @f(%x: tensor<?x?x16xf32, #sizes> {partita.name = "x", partita.role = "input"},
             %w: tensor<1x4xf32> {partita.name = "w", partita.role = "parameter", partita.source =
               #partita.source<"w.bin", offset = 64, bytes = 32, shape = [2, 4], start = [1, 0]>}) {
  return
}
