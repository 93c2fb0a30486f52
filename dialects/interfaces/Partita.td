// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `partita` dialect: attributes that every phase shares (symbolic shapes, where a value's data lies). No ops.
#ifndef PARTITA_DIALECTS_PARTITA
#define PARTITA_DIALECTS_PARTITA

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/DialectBase.td"

def Partita_Dialect : Dialect {
  let name = "partita";
  let cppNamespace = "::partita";
  let summary = "attributes shared by all phases";
  let description = [{
    Discardable attributes of functions, arguments and results:
    `partita.name` (string, the model's name of a value), `partita.role` ("input", "parameter" or "constant" of an
    argument), `partita.source` (where a parameter's data lies), `partita.maximum` (largest valid value of an integer
    input, for random inputs). On modules: `partita.phase` (string: the last finished phase).
  }];
  let useDefaultAttributePrinterParser = 1;
}

class Partita_Attr<string name, string attrMnemonic> : AttrDef<Partita_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Partita_SymbolAttr : Partita_Attr<"Symbol", "symbol"> {
  let summary = "a bounded symbolic extent";
  let description = [{`#partita.symbol<"batch", 1, 8>`: an extent known at run time, from 1 to 8 inclusive.}];
  let parameters = (ins StringRefParameter<"name">:$name, "int64_t":$minimum, "int64_t":$maximum);
  let assemblyFormat = "`<` $name `,` $minimum `,` $maximum `>`";
  let genVerifyDecl = 1;
}

def Partita_ShapeAttr : Partita_Attr<"Shape", "shape"> {
  let summary = "encoding of a tensor type with symbolic dims";
  let description = [{
    One affine expression per dim over the listed symbols; linear, no constant-free restriction:
    `tensor<?x16xf32, #partita.shape<[<"batch", 1, 8>], ()[s0] -> (s0, 16)>>`. A dim is `?` in the type exactly when
    its expression is not constant.
  }];
  let parameters = (ins ArrayRefParameter<"::partita::SymbolAttr">:$symbols, "::mlir::AffineMap":$dims);
  let assemblyFormat = "`<` `[` $symbols `]` `,` $dims `>`";
  let genVerifyDecl = 1;
}

def Partita_SourceAttr : Partita_Attr<"Source", "source"> {
  let summary = "where the data of a parameter lies";
  let description = [{
    The file's tensor has shape `shape` and lies dense, row-major and little-endian at `offset` (bytes) of `file`; the
    value is its box that begins at `start`. An empty file name means that no data exists (shapes only).
  }];
  let parameters = (ins StringRefParameter<"file">:$file, "int64_t":$offset, "int64_t":$bytes,
                        "::mlir::DenseI64ArrayAttr":$shape, "::mlir::DenseI64ArrayAttr":$start);
  let assemblyFormat = [{
    `<` $file `,` `offset` `=` $offset `,` `bytes` `=` $bytes `,` `shape` `=` $shape `,` `start` `=` $start `>`
  }];
  let genVerifyDecl = 1;
}

#endif
