// verify_memory_test.cpp - rules that no text can break: damage to a module in memory, one at a time.
#include "assay/verify.h"

#include <gtest/gtest.h>

#include <functional>

namespace assay {
namespace {

class VerifyModule : public ::testing::Test {
protected:
  VerifyModule() : m_(*parse_and_verify(kText)), f_(m_.functions[1]) {}

  void expect(const std::string& error) {
    const Result<void> result = verify(m_, "m");
    EXPECT_EQ(result.ok() ? "" : result.error().to_string(), error);
  }

  static constexpr const char* kText = "memory 65536\ntable [@f]\nglobal @g : i8 = 1\ntag @t(i32)\nimport @imp(i32) -> "
                                       "i32\nfunc @f(i32) -> i32 {\n  slot $s : 8\n  local $l : i32\n"
                                       "^a(%x: i32):\n  %c = const.i8 3\n  %y = call @imp(%x)\n  %p = slot_addr $s\n  "
                                       "local_set.i32 $l, %y\n  switch.i32 %x [1: ^b], ^c(%y)\n"
                                       "^b:\n  try_call @imp(%x) -> ^c, catch @t ^c\n^c(%z: i32):\n  return %z\n}";
  Module m_;
  Function& f_;
};

TEST_F(VerifyModule, TheSampleIsValid) { expect(""); }

TEST_F(VerifyModule, SignatureTypesExist) {
  m_.signature_types[0] = static_cast<Type>(8);
  expect("m: expected a type in signature_types, found number 8");
}

TEST_F(VerifyModule, SignatureRangesExist) {
  m_.signatures[0].params = 0xffffffff;
  m_.signatures[0].param_count = 2;
  expect("m: expected types of signature 0 within signature_types, found a range outside");
}

TEST_F(VerifyModule, SignaturesAreLimited) {
  m_.signature_types.resize(1200, Type::I8);
  m_.signatures.push_back({0, 1001, 0, 0});
  expect("m: expected at most 1000 parameters and as many results in a signature, found 1001");
  m_.signatures.back() = {0, 0, 0, 1001};
  expect("m: expected at most 1000 parameters and as many results in a signature, found 1001");
  m_.signatures.back() = {0, 1000, 0, 1000};
  expect("");
}

TEST_F(VerifyModule, SignaturesAreDistinct) {
  m_.signatures.push_back(m_.signatures[0]);
  expect("m: expected distinct signatures, found 0 and " + std::to_string(m_.signatures.size() - 1) + " equal");
}

TEST_F(VerifyModule, SymbolNamesAreUniqueAndWellFormed) {
  m_.functions[1].name = "g";
  expect("m: expected each symbol to be declared once, found '@g' again (@g)");
  m_.functions[1].name = "";
  expect("m: expected a function name of letters, digits, '_', '.' and '$', found '' (@)");
  m_.tags[0].name = "a b";
  expect("m: expected a tag name of letters, digits, '_', '.' and '$', found 'a b'");
  m_.globals[0].name = "\xff";
  expect("m: expected a global name of letters, digits, '_', '.' and '$', found '\xff'");
}

TEST_F(VerifyModule, GlobalsHaveATypeAndFitIt) {
  m_.globals[0].initial = 0x100;
  expect("m: expected an initial value within i8 of global '@g', found higher bits");
  m_.globals[0].type = Type::None;
  expect("m: expected an integer or float type of global '@g', found none");
}

TEST_F(VerifyModule, TagsHaveASignatureWithoutResults) {
  m_.tags[0].signature = m_.functions[0].signature;
  expect("m: expected no results of tag '@t', found some");
  m_.tags[0].signature = 99;
  expect("m: expected a signature of tag '@t', found none of that number");
}

TEST_F(VerifyModule, FunctionsHaveASignature) {
  f_.signature = 99;
  expect("m: expected a signature of '@f', found none of that number");
}

TEST_F(VerifyModule, ImportsComeFirstAndHaveNoBody) {
  std::swap(m_.functions[0], m_.functions[1]);
  expect("m: expected imports before all functions with a body, found this one after (@imp)");
  std::swap(m_.functions[0], m_.functions[1]);
  m_.functions[0].blocks.resize(1);
  expect("m: expected an import without a body, found blocks or instructions (@imp)");
  m_.functions[0].blocks.clear();
  m_.functions[0].exported = true;
  expect("m: expected an import not to be exported, found both (@imp)");
}

TEST_F(VerifyModule, TableEntriesExist) {
  m_.table[0] = 2;
  expect("m: expected a function or null in the table, found number 2");
  m_.table[0] = 0;
  m_.has_table = false;
  expect("m: expected no table entries without a table, found some");
}

TEST_F(VerifyModule, DefinitionsAndTypesAreAsMany) {
  f_.value_defs.pop_back();
  expect("m: expected as many value definitions as value types, found 4 (@f)");
}

TEST_F(VerifyModule, LocalsHaveAType) {
  f_.locals[0] = Type::None;
  expect("m: expected a type of each local, found number 0 (@f)");
}

TEST_F(VerifyModule, BlockRangesExist) {
  f_.blocks[1].inst_count = 0xffffffff;
  expect("m: expected instructions of the block within the function, found a range outside (@f ^b1)");
  f_.blocks[2].first_param = 5;
  f_.blocks[1].inst_count = 1;
  expect("m: expected block parameters among the values, found value number 5 of 5 (@f ^b2)");
  f_.blocks[2].param_count = 0xffffffff;
  f_.blocks[2].first_param = 1;
  expect("m: expected block parameters among the values, found value number 1 of 5 (@f ^b2)");
}

TEST_F(VerifyModule, BlocksShareNoInstruction) {
  f_.blocks[1] = f_.blocks[2];
  f_.blocks[1].param_count = 0;
  expect("m: expected blocks that share no instruction, found instruction 6 in two (@f)");
}

TEST_F(VerifyModule, BlocksMayLieInAnyOrder) {
  std::swap(f_.insts[5], f_.insts[6]);
  std::swap(f_.blocks[1].first_inst, f_.blocks[2].first_inst);
  expect("");
}

TEST_F(VerifyModule, ParametersAreTypedAndDefinedByTheirBlock) {
  f_.value_defs[0].index = 1;
  expect("m: expected value_defs to name this block for parameter 0, found another definition (@f ^b0)");
  f_.value_defs[0] = {0, false};
  expect("m: expected value_defs to name this block for parameter 0, found another definition (@f ^b0)");
  f_.value_types[0] = static_cast<Type>(77);
  expect("m: expected a type of parameter 0, found number 77 (@f ^b0)");
}

TEST_F(VerifyModule, ResultsAreTypedAndDefinedByTheirInstruction) {
  f_.value_types[1] = Type::I16;
  expect("m: expected type i8 of result 0 of 'const', found i16 (@f ^b0 #0)");
  f_.value_types[1] = Type::I8;
  f_.value_defs[1].index = 1;
  expect("m: expected value_defs to name this instruction for result 0, found another definition (@f ^b0 #0)");
}

TEST_F(VerifyModule, AValueIsDefinedOnce) {
  f_.insts[1].first_result = 0;
  expect("m: expected value_defs to name this instruction for result 0, found another definition (@f ^b0 #1)");
}

TEST_F(VerifyModule, AUsedValueIsDefined) {
  f_.value_types.push_back(Type::I32);
  f_.value_defs.push_back({0, false});
  f_.pool[f_.insts[1].operands] = 5;
  expect("m: expected a value that a block or an instruction defines, found value number 5 of 6 (@f ^b0 #1)");
}

TEST_F(VerifyModule, ResultCountsAreThoseOfTheRowOrSignature) {
  f_.insts[0].result_count = 0;
  expect("m: expected 1 results of 'const', found 0 (@f ^b0 #0)");
  f_.insts[0].result_count = 1;
  f_.insts[0].first_result = 0xffffffff;
  expect("m: expected results among the values, found value number 4294967295 of 5 (@f ^b0 #0)");
  f_.insts[0].first_result = 1;
  f_.insts[1].result_count = 2;
  expect("m: expected 1 results of 'call', found 2 (@f ^b0 #1)");
}

TEST_F(VerifyModule, OperationsExist) {
  f_.insts[0].op = static_cast<Opcode>(255);
  expect("m: expected an operation, found number 255 (@f ^b0 #0)");
}

TEST_F(VerifyModule, SuffixesAreTypesOrNone) {
  f_.insts[0].type = static_cast<Type>(200);
  expect("m: expected 'const' of type i8 or i16 or i32 or i64 or f32 or f64 or ptr, found ? (@f ^b0 #0)");
  f_.insts[0].type = Type::I8;
  f_.insts[0].from = Type::I8;
  expect("m: expected 'const' without a second type, found i8 (@f ^b0 #0)");
  f_.insts[0].from = Type::None;
  f_.insts[1].type = Type::I8;
  expect("m: expected 'call' without a type, found i8 (@f ^b0 #1)");
}

TEST_F(VerifyModule, OperandsExist) {
  f_.insts[1].operands = 0xffffffff;
  expect("m: expected operands within the pool, found a range outside (@f ^b0 #1)");
  f_.insts[1].operands = 0;
  f_.pool[0] = 5;
  expect("m: expected an operand among the values, found value number 5 of 5 (@f ^b0 #1)");
}

TEST_F(VerifyModule, OperandCountsAreThoseOfTheRow) {
  f_.insts[3].operand_count = 0;
  expect("m: expected 1 operands of 'local_set', found 0 (@f ^b0 #3)");
}

TEST_F(VerifyModule, LiteralsFitTheirType) {
  f_.insts[0].imm = 0x100;
  expect("m: expected a literal within its type, found higher bits (@f ^b0 #0)");
}

TEST_F(VerifyModule, ReferencesExist) {
  f_.insts[1].ref = 2;
  expect("m: expected a function of the module, found number 2 (@f ^b0 #1)");
  f_.insts[1].ref = 0;
  f_.insts[2].ref = 1;
  expect("m: expected a slot of the function, found number 1 (@f ^b0 #2)");
  f_.insts[2].ref = 0;
  f_.insts[3].ref = 1;
  expect("m: expected a local of the function, found number 1 (@f ^b0 #3)");
}

TEST_F(VerifyModule, OtherReferencesExist) {
  Inst& inst = f_.insts[2]; // %p = slot_addr
  inst.op = Opcode::FuncAddr;
  inst.ref = 7;
  expect("m: expected a function of the module, found number 7 (@f ^b0 #2)");
  inst.op = Opcode::GlobalGet;
  inst.type = Type::I8;
  expect("m: expected a global of the module, found number 7 (@f ^b0 #2)");
  Inst& end = f_.insts[6]; // return %z
  inst = Inst();
  inst.op = Opcode::Fuel;
  f_.value_types[3] = Type::Ptr;
  end.op = Opcode::Throw;
  end.ref = 9;
  expect("m: expected a tag of the module, found number 9 (@f ^b2 #0)");
  end.op = Opcode::TailCallIndirect;
  expect("m: expected a signature of the module, found number 9 (@f ^b2 #0)");
}

TEST_F(VerifyModule, TrapsExist) {
  Inst& end = f_.insts[6];
  end = Inst();
  end.op = Opcode::Trap;
  end.imm = kTrapCount;
  expect("m: expected a trap, found number 24 (@f ^b2 #0)");
}

TEST_F(VerifyModule, EdgesExistAndLeadToBlocks) {
  f_.insts[4].first_edge = 0xffffffff;
  expect("m: expected edges within the function, found a range outside (@f ^b0 #4)");
  f_.insts[4].first_edge = 0;
  f_.edges[1].args = 0xffffffff;
  expect("m: expected arguments within the pool, found a range outside (@f ^b0 #4)");
  f_.edges[0].target = 3;
  expect("m: expected a block of the function as target, found number 3 (@f ^b0 #4)");
}

TEST_F(VerifyModule, EdgeArgumentsExist) {
  f_.pool[f_.edges[1].args] = 77;
  expect("m: expected an argument among the values, found value number 77 of 5 (@f ^b0 #4)");
}

TEST_F(VerifyModule, EdgeCountsAndKindsFitTheTerminator) {
  f_.insts[0].edge_count = 1;
  expect("m: expected edges only on terminators, found some on 'const' (@f ^b0 #0)");
  f_.insts[0].edge_count = 0;
  f_.insts[6].edge_count = 1;
  f_.insts[6].first_edge = 1;
  expect("m: expected 0 edges of 'return', found 1 (@f ^b2 #0)");
  f_.insts[6].edge_count = 0;
  f_.edges[2].kind = EdgeKind::CatchAll;
  expect("m: expected the edge to continue at first in 'try_call', found none (@f ^b1 #0)");
  f_.edges[2].kind = EdgeKind::Normal;
  f_.edges[3].kind = EdgeKind::Case;
  expect("m: expected catch or catch_all clauses after the first edge, found another kind (@f ^b1 #0)");
  f_.edges[0].kind = EdgeKind::Catch;
  expect("m: expected case edges and then the default edge of 'switch', found another kind (@f ^b0 #4)");
  f_.insts[4].edge_count = 0;
  expect("m: expected a default edge of 'switch', found none (@f ^b0 #4)");
}

TEST_F(VerifyModule, PlainTerminatorsHavePlainEdges) {
  Inst& inst = f_.insts[4];
  inst.op = Opcode::Jump;
  inst.type = Type::None;
  inst.operand_count = 0;
  inst.first_edge = 1;
  inst.edge_count = 1;
  expect("");
  f_.edges[1].kind = EdgeKind::Case;
  expect("m: expected a plain edge of 'jump', found a case or clause (@f ^b0 #4)");
}

TEST_F(VerifyModule, CaseLiteralsAndTagsExist) {
  f_.edges[0].value = u64{1} << 32;
  expect("m: expected case literals within their type, found higher bits (@f ^b0 #4)");
  f_.edges[0].value = 0;
  f_.edges[3].value = 1;
  expect("m: expected a tag of the module in the clause, found number 1 (@f ^b1 #0)");
}

} // namespace
} // namespace assay
