// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ConfigFields.h - What Hugging Face's configurations say -----------------===//
//
// Fields of config.json by model_type, as its PretrainedConfig classes document them, and the size of the zoo that each
// gives. Example: of a "vit", {"hidden_size", Integer, "hidden"}; {"hidden_act", Choice, "mlp", "gelu=gelu ..."};
// {"qkv_bias", Must, "", "true"}: a value that the zoo's architecture has built in.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_ZOO_CONFIGFIELDS_H
#define PARTITA_LIB_IMPORT_ZOO_CONFIGFIELDS_H

#include "llvm/ADT/StringRef.h"

#include <map>
#include <string>
#include <vector>

namespace partita::import {

struct ConfigField {
  enum Kind { Integer, Whole, Number, Flag, Choice, Must, Count };

  /// Nested ones as "text_config/hidden_size". A field that is absent or null has the default of the model type.
  std::string name;
  Kind kind;
  std::string size;
  /// Choice: pairs CONFIG=ZOO, the configuration's text or JSON without spaces; Must: the values as JSON, apart by |.
  std::string choices = "";
};

struct ConfigModel {
  std::string type, architecture;
  /// The defaults of this model type where they are not the architecture's.
  std::map<std::string, std::string> sizes;
  std::vector<ConfigField> fields;
  /// Objects whose members are fields. (Count, above, is the number of members of an object.)
  std::vector<std::string> objects = {};
};

const std::vector<ConfigModel> &listConfigModels();

/// Fields without influence on the result of inference, of any model type.
std::vector<llvm::StringRef> listNeutralFields();

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_ZOO_CONFIGFIELDS_H
