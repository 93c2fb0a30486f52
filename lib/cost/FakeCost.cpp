// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- FakeCost.cpp - A table of numbers instead of a machine --------------------------===//
#include "partita/cost/FakeCost.h"

#include "partita/support/Hash.h"
#include "partita/support/JsonValue.h"

using namespace partita;
using namespace partita::cost;

Seconds FakeCost::computeSeconds(const Computation &computation, const machine::DeviceType &) const {
  auto rate = perOperation.find(computation.unit);
  double arithmetic = rate == perOperation.end() ? 0 : computation.operations * rate->second;
  return {arithmetic + double((computation.read + computation.written).value) * perMemoryByte + perKernel};
}

Seconds FakeCost::collectiveSeconds(const Communication &communication, const machine::GroupShape &group,
                                    const machine::Machine &) const {
  auto price = collectives.find(communication.kind);
  if (group.deviceCount <= 1 || price == collectives.end())
    return {};
  return {price->second.perUse + double(communication.bytes.value) * price->second.perByte};
}

std::string FakeCost::hash() const {
  JsonValue value = JsonValue::makeArray({"fake/1", perMemoryByte, perKernel});
  for (const auto &[unit, price] : perOperation)
    value.append(JsonValue::makeArray({int(unit), price}));
  for (const auto &[kind, price] : collectives)
    value.append(JsonValue::makeArray({toString(kind), price.perUse, price.perByte}));
  return hashText(value.compactStr());
}
