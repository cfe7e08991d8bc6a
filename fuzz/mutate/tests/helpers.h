// helpers.h - AIR text in, AIR text out, for the tests of this folder.
#pragma once

#include "assay/text.h"
#include "assay/verify.h"

#include <gtest/gtest.h>

namespace assay::fuzz {

inline Module module_of(std::string_view text) {
  Result<Module> module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << (module.ok() ? "" : module.error().to_string());
  return module.ok() ? std::move(*module) : Module{};
}

inline u32 count_of(const Module& module, Opcode op) {
  u32 count = 0;
  for (const Function& f : module.functions) {
    for (const Inst& inst : f.insts) count += inst.op == op;
  }
  return count;
}

} // namespace assay::fuzz
