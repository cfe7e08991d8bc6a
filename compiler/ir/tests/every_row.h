// every_row.h - for each row of opcodes.def and each choice of types, a valid module that uses it. For tests.
#pragma once

#include "assay/builder.h"
#include "compiler/ir/op_shape.h"

#include <array>
#include <vector>

namespace assay::testing {

/// A use of one row: the module's function "f" has it in its entry block.
struct RowUse {
  Opcode op = Opcode::Add;
  Type type = Type::None, from = Type::None;
  Module module;
};

/// Builds a RowUse; operands are parameters of the function.
class RowBuilder {
public:
  static RowUse make(Opcode op, Type type, Type from) {
    RowUse use{op, type, from, {}};
    RowBuilder(use).build();
    return use;
  }

private:
  explicit RowBuilder(RowUse& use) : use_(use), m_(use.module), row_(ir::shape(use.op)) {}

  static constexpr std::array<Type, 2> kCalleeParams{Type::I32, Type::F64};
  static constexpr std::array<Type, 2> kCalleeResults{Type::F32, Type::I64};

  void declare() {
    m_.has_memory = m_.has_table = true;
    m_.memory_size = m_.memory_max = 65536;
    signature_ = m_.intern_signature(kCalleeParams, kCalleeResults);
    m_.tags.push_back({"t", m_.intern_signature(kCalleeParams, {})});
    m_.globals.push_back({"other", Type::I8, 7});
    m_.globals.push_back({"g", use_.type, 0});
    if (use_.type == Type::None || use_.type == Type::Ptr) m_.globals[1].type = Type::I64;
    Function import;
    import.name = "callee";
    import.imported = true;
    import.signature = signature_;
    m_.functions.push_back(import);
  }

  /// The types of the operands, which become the function's parameters.
  std::vector<Type> operand_types() const {
    std::vector<Type> types;
    const auto masks = ir::letter_masks(use_.type, use_.from);
    for (u32 i = 0; i < row_.operand_count; ++i) {
      u32 bit = 0;
      while ((masks[static_cast<u32>(row_.operands[i])] >> bit & 1) == 0) ++bit;
      types.push_back(static_cast<Type>(bit));
    }
    const bool signature = row_.any_operands && row_.form != Form::Return;
    if (signature) types.insert(types.end(), kCalleeParams.begin(), kCalleeParams.end());
    if (row_.form == Form::Return) types.insert(types.end(), kCalleeResults.begin(), kCalleeResults.end());
    return types;
  }

  u32 ref() const {
    switch (row_.form) {
    case Form::CallIndirect:
    case Form::CallPtr:
    case Form::TryCallIndirect:
    case Form::TryCallPtr: return signature_;
    case Form::Global: return 1;
    case Form::Slot:
    case Form::Local:
    case Form::Call:
    case Form::TryCall:
    case Form::FuncAddr:
    case Form::Throw: return 0;
    default: return kNone;
    }
  }

  u64 imm() const {
    switch (row_.form) {
    case Form::Const: return 0x8182838485868788u & bit_mask(use_.type);
    case Form::Access: return 1234567890123456789u;
    case Form::Trap: return static_cast<u64>(TrapKind::User15);
    case Form::Fuel: return 42;
    default: return 0;
    }
  }

  std::vector<EdgeTarget> targets(FunctionBuilder& b, std::vector<BlockId>& blocks) {
    const auto add = [&](std::span<const Type> params) { return blocks.emplace_back(b.block(params)); };
    const std::array<Type, 1> exception{Type::Ptr};
    switch (row_.form) {
    case Form::Jump: return {{add({})}};
    case Form::Branch: return {{add({})}, {add({})}};
    case Form::Switch:
      return {{add({}), {}, EdgeKind::Case, 0}, {add({}), {}, EdgeKind::Case, bit_mask(use_.type)}, {add({})}};
    case Form::TryCall:
    case Form::TryCallIndirect:
    case Form::TryCallPtr:
      return {{add(kCalleeResults)},
              {add(kCalleeParams), {}, EdgeKind::Catch, 0},
              {add(exception), {}, EdgeKind::CatchAll}};
    default: return {};
    }
  }

  void build() {
    declare();
    const std::vector<Type> params = operand_types();
    Function f;
    f.name = "f";
    f.signature = m_.intern_signature(params, kCalleeResults);
    m_.functions.push_back(f);
    FunctionBuilder b(m_, 1);
    b.begin(b.entry());
    b.slot(16, 16);
    b.local(use_.type == Type::None ? Type::I32 : use_.type);
    std::vector<ValueId> operands;
    for (u32 i = 0; i < params.size(); ++i) operands.push_back(b.param(0, i));
    std::vector<BlockId> blocks;
    const std::vector<EdgeTarget> edges = targets(b, blocks);
    if (row_.is(kEnds)) {
      b.end(use_.op, use_.type, operands, edges, ref(), imm());
    } else {
      b.emit(use_.op, use_.type, use_.from, operands, ref(), imm());
      b.trap(TrapKind::Unreachable);
    }
    for (BlockId block : blocks) b.begin(block), b.trap(TrapKind::User0);
  }

  RowUse& use_;
  Module& m_;
  const ir::OpShape& row_;
  SignatureId signature_ = 0;
};

/// Every row with every choice of types that it admits.
inline std::vector<RowUse> every_row() {
  std::vector<RowUse> uses;
  for (u32 op = 0; op < kOpcodeCount; ++op)
    for (u32 type = 0; type < kTypeCount; ++type)
      for (u32 from = 0; from < kTypeCount; ++from)
        if (types_allowed(static_cast<Opcode>(op), static_cast<Type>(type), static_cast<Type>(from)))
          uses.push_back(RowBuilder::make(static_cast<Opcode>(op), static_cast<Type>(type), static_cast<Type>(from)));
  return uses;
}

} // namespace assay::testing
