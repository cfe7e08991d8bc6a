// Linear memory: every access at every edge, growth, fill and copy, data, globals.
#include "harness.h"

namespace assay::oracle {
namespace {

struct AccessRow {
  Opcode op;
  Type type;
  u32 bytes;
};
constexpr AccessRow kLoads[] = {
    {Opcode::Load, Type::I8, 1},     {Opcode::Load, Type::I16, 2},    {Opcode::Load, Type::I32, 4},
    {Opcode::Load, Type::I64, 8},    {Opcode::Load, Type::F32, 4},    {Opcode::Load, Type::F64, 8},
    {Opcode::Load8S, Type::I16, 1},  {Opcode::Load8U, Type::I64, 1},  {Opcode::Load16S, Type::I32, 2},
    {Opcode::Load16U, Type::I64, 2}, {Opcode::Load32S, Type::I64, 4}, {Opcode::Load32U, Type::I64, 4},
};
constexpr AccessRow kStores[] = {
    {Opcode::Store, Type::I8, 1},   {Opcode::Store, Type::I16, 2},   {Opcode::Store, Type::I32, 4},
    {Opcode::Store, Type::I64, 8},  {Opcode::Store, Type::F32, 4},   {Opcode::Store, Type::F64, 8},
    {Opcode::Store8, Type::I64, 1}, {Opcode::Store16, Type::I32, 2}, {Opcode::Store32, Type::I64, 4},
};
constexpr u64 kSize = 100;
constexpr u64 kMax = ~u64{0};

TEST(Memory, loads_trap_exactly_when_a_byte_is_outside) {
  for (const AccessRow& row : kLoads) {
    for (u64 offset : {u64{0}, u64{1}, u64{40}, kSize - row.bytes, kSize, kMax, kMax - 7}) {
      OneOp f(row.op, row.type, Type::None, offset, kSize);
      for (u64 address : {u64{0}, u64{1}, u64{60}, kSize - row.bytes, kSize - row.bytes + 1, kSize - 1, kSize,
                          kSize + 1, kMax, kMax - row.bytes, kMax - offset + 1, kSize - row.bytes - offset}) {
        const bool wraps = address + offset < address;
        const bool inside = !wraps && address + offset <= kSize - row.bytes;
        const Outcome& got = f.run({address});
        if (inside) EXPECT_EQ(got.kind, OutcomeKind::Returned) << info(row.op).name << ' ' << address << '+' << offset;
        else
          EXPECT_TRUE(trapped(got, TrapKind::OutOfBounds, {0, 0, 0}))
              << info(row.op).name << ' ' << address << '+' << offset;
      }
    }
  }
}

TEST(Memory, stores_trap_exactly_when_a_byte_is_outside_and_then_store_nothing) {
  for (const AccessRow& row : kStores) {
    for (u64 offset : {u64{0}, u64{3}, kSize - row.bytes, kMax}) {
      OneOp f(row.op, row.type, Type::None, offset, kSize);
      for (u64 address : {u64{0}, u64{1}, kSize - row.bytes, kSize - row.bytes + 1, kSize - 1, kSize, kMax, kMax - 3}) {
        const bool inside = address + offset >= address && address + offset <= kSize - row.bytes;
        const Outcome& got = f.run({address, 0xf1f2f3f4f5f6f7f8 & bit_mask(row.type)});
        u64 stored = 0;
        for (u8 byte : got.memory) stored += byte != 0;
        EXPECT_EQ(stored, inside ? row.bytes : 0) << info(row.op).name << ' ' << address << '+' << offset;
        if (!inside) {
          EXPECT_TRUE(trapped(got, TrapKind::OutOfBounds, {0, 0, 0}));
        }
      }
    }
  }
}

TEST(Memory, stores_are_little_endian_at_any_alignment) {
  OneOp f(Opcode::Store, Type::I32, Type::None, 1, 8);
  const Outcome& got = f.run({2, 0x04030201});
  EXPECT_EQ(got.memory, (std::vector<u8>{0, 0, 0, 1, 2, 3, 4, 0}));
}

TEST(Memory, narrow_loads_extend_as_they_say) {
  Program p(R"(memory 8
data 0 "\80\ff\7f\81\fe\ff\ff\ff"
func @f(i64) -> i16, i64, i32, i64, i64, i64, i64 {
^b(%a: i64):
  %0 = load8_s.i16 %a, 0
  %1 = load8_u.i64 %a, 0
  %2 = load16_s.i32 %a, 0
  %3 = load16_u.i64 %a, 0
  %4 = load32_s.i64 %a, 0
  %5 = load32_u.i64 %a, 0
  %6 = load.i64 %a, 0
  return %0, %1, %2, %3, %4, %5, %6
})");
  EXPECT_EQ(p.values("f", {0}),
            (Values{0xff80, 0x80, 0xffffff80, 0xff80, 0xffffffff817fff80, 0x817fff80, 0xfffffffe817fff80}));
}

TEST(Memory, an_i32_address_is_unsigned) {
  Program p("memory 16\nfunc @f(i32) -> i8 {\n^b(%a: i32):\n  %0 = load.i8 %a, 1\n  return %0\n}\n");
  EXPECT_TRUE(trapped(p.run("f", {0xffffffff}), TrapKind::OutOfBounds, p.at("f", 0, 0)));
  EXPECT_EQ(p.values("f", {14}), (Values{0}));
}

constexpr std::string_view kGrow = R"(memory 70000 300000
func @grow(i64) -> i64, i64 {
^b(%n: i64):
  %0 = memory_grow.i64 %n
  %1 = memory_size.i64
  return %0, %1
}
func @grow32(i32) -> i32 {
^b(%n: i32):
  %0 = memory_grow.i32 %n
  return %0
}
)";

TEST(Memory, grow_gives_the_old_size_in_whole_pages_and_adds_bytes) {
  Program p(kGrow);
  EXPECT_EQ(p.values("grow", {0}), (Values{1, 1}));
  EXPECT_EQ(p.values("grow", {2}), (Values{1, 3}));
  EXPECT_EQ(p.run("grow", {3}).memory.size(), 70000u + 3 * 65536);
}

TEST(Memory, grow_beyond_the_maximum_gives_minus_one_and_changes_nothing) {
  Program p(kGrow);
  EXPECT_EQ(p.values("grow", {4}), (Values{~u64{0}, 1}));
  EXPECT_EQ(p.values("grow", {~u64{0}}), (Values{~u64{0}, 1}));
  EXPECT_EQ(p.values("grow", {u64{1} << 48}), (Values{~u64{0}, 1})); // times 65536 wraps to 0
  EXPECT_EQ(p.run("grow", {4}).memory.size(), 70000u);
  EXPECT_EQ(p.values("grow32", {0x80000000}), (Values{0xffffffff}));
}

constexpr std::string_view kBulk = R"(memory 16
data 0 "0123456789abcdef"
func @fill(i64, i8, i64) {
^b(%a: i64, %v: i8, %n: i64):
  memory_fill.i64 %a, %v, %n
  return
}
func @copy(i32, i32, i32) {
^b(%to: i32, %from: i32, %n: i32):
  memory_copy.i32 %to, %from, %n
  return
}
)";

std::string memory_of(const Outcome& outcome) { return {outcome.memory.begin(), outcome.memory.end()}; }

TEST(Memory, fill_writes_the_range_and_nothing_else) {
  Program p(kBulk);
  EXPECT_EQ(memory_of(p.run("fill", {2, '*', 3})), "01***56789abcdef");
  EXPECT_EQ(memory_of(p.run("fill", {13, '*', 3})), "0123456789abc***");
  EXPECT_EQ(p.run("fill", {16, '*', 0}).kind, OutcomeKind::Returned);
}

TEST(Memory, fill_beyond_the_end_traps_even_when_empty_and_stores_nothing) {
  Program p(kBulk);
  for (const auto& [address, length] :
       {std::pair<u64, u64>{17, 0}, {16, 1}, {13, 4}, {0, 17}, {1, ~u64{0}}, {~u64{0}, 1}}) {
    const Outcome& got = p.run("fill", {address, '*', length});
    EXPECT_TRUE(trapped(got, TrapKind::OutOfBounds, p.at("fill", 0, 0))) << address;
    EXPECT_EQ(memory_of(got), "0123456789abcdef");
  }
}

TEST(Memory, copy_moves_overlapping_ranges_both_ways) {
  Program p(kBulk);
  EXPECT_EQ(memory_of(p.run("copy", {2, 0, 6})), "0101234589abcdef");
  EXPECT_EQ(memory_of(p.run("copy", {0, 2, 6})), "2345676789abcdef");
  EXPECT_EQ(p.run("copy", {16, 16, 0}).kind, OutcomeKind::Returned);
}

TEST(Memory, copy_beyond_the_end_traps_on_either_side) {
  Program p(kBulk);
  EXPECT_TRUE(trapped(p.run("copy", {17, 0, 0}), TrapKind::OutOfBounds, p.at("copy", 0, 0)));
  EXPECT_TRUE(trapped(p.run("copy", {0, 17, 0}), TrapKind::OutOfBounds, p.at("copy", 0, 0)));
  EXPECT_TRUE(trapped(p.run("copy", {11, 0, 6}), TrapKind::OutOfBounds, p.at("copy", 0, 0)));
  const Outcome& got = p.run("copy", {0, 11, 6});
  EXPECT_TRUE(trapped(got, TrapKind::OutOfBounds, p.at("copy", 0, 0)));
  EXPECT_EQ(memory_of(got), "0123456789abcdef");
}

TEST(Memory, every_run_starts_with_fresh_memory_and_globals) {
  Program p(R"(memory 4
data 1 "\07"
global @g : i16 = -2
func @f(i8) -> i8, i16 {
^b(%v: i8):
  %a = const.i64 1
  %old = load.i8 %a, 0
  %count = global_get.i16 @g
  store.i8 %a, 0, %v
  %wide = zext.i16.i8 %v
  global_set.i16 @g, %wide
  return %old, %count
}
)");
  EXPECT_EQ(p.values("f", {9}), (Values{7, 0xfffe}));
  EXPECT_EQ(p.values("f", {9}), (Values{7, 0xfffe}));
  const Outcome& got = p.run("f", {200});
  EXPECT_EQ(got.memory, (std::vector<u8>{0, 200, 0, 0}));
  EXPECT_EQ(got.globals, (Values{200}));
}

} // namespace
} // namespace assay::oracle
