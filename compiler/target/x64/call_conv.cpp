// call_conv.cpp - System V AMD64 and Microsoft x64 as data, and the walk that gives each value its place.
//
// System V: integer and float registers are counted apart, the rest goes to the stack in order, 8 bytes each.
// Microsoft: the n-th argument has the n-th place whatever its class; the first four stack words are the shadow of
// the register arguments. Linear in the values. Tested in compiler/codegen/tests/call_conv_test.cpp.
#include "compiler/target/x64/call_conv.h"

namespace assay::x64 {

namespace {

using codegen::ArgPlace;
using codegen::RegSet;

constexpr RegSet set_of(std::initializer_list<Gpr> regs) {
  RegSet set = 0;
  for (Gpr reg : regs) set |= codegen::bit(index_of(reg));
  return set;
}

/// xmm `first` to 15.
constexpr RegSet xmms_from(u32 first) { return ((RegSet{1} << (16 - first)) - 1) << (32 + first); }

constexpr RegSet kSysvSaved = set_of({Gpr::Rbx, Gpr::Rbp, Gpr::R12, Gpr::R13, Gpr::R14, Gpr::R15});
constexpr RegSet kSysvClobbered =
    set_of({Gpr::Rax, Gpr::Rcx, Gpr::Rdx, Gpr::Rsi, Gpr::Rdi, Gpr::R8, Gpr::R9, Gpr::R10, Gpr::R11}) | xmms_from(0);
constexpr RegSet kWindowsSaved = kSysvSaved | set_of({Gpr::Rsi, Gpr::Rdi}) | xmms_from(6);
constexpr RegSet kWindowsClobbered = kSysvClobbered & ~kWindowsSaved;

/// What codegen::CallConv repeats of the tables, for runtime calls.
void share_orders(X64Conv& conv) {
  for (u32 i = 0; i < 4; ++i) {
    conv.base.int_args[i] = index_of(conv.args.ints[i]);
    conv.base.float_args[i] = index_of(conv.args.floats[i]);
  }
  conv.base.int_result = index_of(conv.results.ints[0]);
  conv.base.float_result = index_of(conv.results.floats[0]);
  conv.base.tail_target = index_of(kTarget);
}

X64Conv make_sysv(Os os) {
  X64Conv conv;
  conv.base.os = os;
  conv.base.callee_saved = kSysvSaved;
  conv.base.caller_saved = kSysvClobbered;
  conv.args = {{Gpr::Rdi, Gpr::Rsi, Gpr::Rdx, Gpr::Rcx, Gpr::R8, Gpr::R9},
               6,
               {Xmm::Xmm0, Xmm::Xmm1, Xmm::Xmm2, Xmm::Xmm3, Xmm::Xmm4, Xmm::Xmm5, Xmm::Xmm6, Xmm::Xmm7},
               8};
  conv.results = {{Gpr::Rax, Gpr::Rdx, Gpr::Rcx, Gpr::Rsi, Gpr::Rdi, Gpr::R8, Gpr::R9},
                  7,
                  {Xmm::Xmm0, Xmm::Xmm1, Xmm::Xmm2, Xmm::Xmm3, Xmm::Xmm4, Xmm::Xmm5, Xmm::Xmm6, Xmm::Xmm7},
                  8};
  share_orders(conv);
  return conv;
}

X64Conv make_windows() {
  X64Conv conv;
  conv.base.os = Os::Windows;
  conv.base.callee_saved = kWindowsSaved;
  conv.base.caller_saved = kWindowsClobbered;
  conv.base.shadow_bytes = 32;
  conv.args = {{Gpr::Rcx, Gpr::Rdx, Gpr::R8, Gpr::R9}, 4, {Xmm::Xmm0, Xmm::Xmm1, Xmm::Xmm2, Xmm::Xmm3}, 4};
  conv.results = {{Gpr::Rax, Gpr::Rdx, Gpr::Rcx, Gpr::R8, Gpr::R9, Gpr::R10},
                  6,
                  {Xmm::Xmm0, Xmm::Xmm1, Xmm::Xmm2, Xmm::Xmm3, Xmm::Xmm4, Xmm::Xmm5},
                  6};
  conv.positional = true;
  share_orders(conv);
  return conv;
}

/// Hands out registers, then memory words, of one list.
class Placer {
public:
  Placer(const RegisterOrder& order, bool positional, u32 memory_start)
      : order_(order), positional_(positional), memory_(memory_start) {}

  ArgPlace place(Type type) {
    const bool is_fp = is_float(type);
    u32& used = is_fp ? floats_ : ints_;
    const u32 index = positional_ ? position_ : used;
    ++position_;
    ArgPlace result;
    result.type = type;
    if (index < (is_fp ? order_.float_count : order_.int_count)) {
      ++used;
      result.in_register = true;
      result.reg = is_fp ? index_of(order_.floats[index]) : index_of(order_.ints[index]);
      return result;
    }
    result.offset = memory_;
    memory_ += 8;
    spilled_ = true;
    return result;
  }
  /// Bytes of memory in use, a multiple of 16; 0 when every value has a register.
  u32 memory_bytes() const { return spilled_ ? (memory_ + 15) & ~15u : 0; }

private:
  const RegisterOrder& order_;
  bool positional_;
  u32 memory_;
  u32 ints_ = 0, floats_ = 0, position_ = 0;
  bool spilled_ = false;
};

} // namespace

const X64Conv& x64_conv(Os os) {
  static const X64Conv sysv = make_sysv(Os::Linux);
  static const X64Conv apple = make_sysv(Os::Apple);
  static const X64Conv windows = make_windows();
  return os == Os::Windows ? windows : os == Os::Apple ? apple : sysv;
}

const codegen::CallConv& call_conv(Os os) { return x64_conv(os).base; }

void layout_call(const codegen::CallConv& base, std::span<const Type> params, std::span<const Type> results,
                 codegen::CallLayout& out) {
  const X64Conv& conv = x64_conv(base.os);
  out.params.clear();
  out.results.clear();
  Placer result_places(conv.results, false, 0);
  for (Type type : results) out.results.push_back(result_places.place(type));
  out.result_bytes = result_places.memory_bytes();
  Placer places(conv.args, conv.positional, conv.base.shadow_bytes);
  out.result_pointer = out.result_bytes != 0 ? places.place(Type::Ptr) : ArgPlace{};
  for (Type type : params) out.params.push_back(places.place(type));
  out.stack_bytes = places.memory_bytes();
}

} // namespace assay::x64
