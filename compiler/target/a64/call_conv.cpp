// call_conv.cpp - the walk that gives each value its place on ARM64, the register sets, the allocator's order.
//
// Integers and floats are counted apart; who finds no register goes to memory in the order of the list, at the next
// multiple of 8, or of its own size where the convention packs. AAPCS64 rounds the counts up for 128-bit integers and
// vectors only, which AIR has not. Linear in the values. Tested in compiler/target/a64/tests/call_conv_test.cpp.
#include "compiler/target/a64/call_conv.h"

#include <initializer_list>

namespace assay::a64 {

namespace {

using codegen::ArgPlace;
using codegen::bit;
using codegen::CallConv;
using codegen::RegisterFile;
using codegen::RegSet;

/// All registers with unified indices `first` to `last`.
constexpr RegSet range(u32 first, u32 last) { return (~RegSet{0} >> (63 - (last - first))) << first; }
constexpr RegSet ints(u32 first, u32 last) { return range(first, last); }
constexpr RegSet floats(u32 first, u32 last) { return range(32 + first, 32 + last); }

constexpr RegSet kPlatform = bit(index_of(Gpr::X18));
constexpr RegSet kCalleeSaved = ints(19, 29) | floats(8, 15);
// x30 is clobbered by the call itself: a function that makes one saves it with its frame record.
constexpr RegSet kCallerSaved = ints(0, 17) | bit(index_of(kLinkRegister)) | floats(0, 7) | floats(16, 31);

constexpr CallConv make_conv(Os os) {
  CallConv conv;
  conv.target = Target::A64;
  conv.os = os;
  conv.callee_saved = kCalleeSaved;
  // Plain Linux lets C use x18 as one more temporary. Elsewhere it is neither side's to save.
  conv.caller_saved = kCallerSaved | (os == Os::Linux ? kPlatform : 0);
  conv.saved_vector_bytes = 8;
  conv.packed_arguments = os == Os::Apple;
  for (u32 i = 0; i < 4; ++i) {
    conv.int_args[i] = index_of(int_register(i));
    conv.float_args[i] = index_of(float_register(i));
  }
  conv.int_result = index_of(int_register(0));
  conv.float_result = index_of(float_register(0));
  conv.tail_target = index_of(kTarget);
  return conv;
}

/// Hands out registers, then memory, of one list.
class Placer {
public:
  explicit Placer(bool packed) : packed_(packed) {}

  ArgPlace place(Type type) {
    const bool is_fp = is_float(type);
    u32& used = is_fp ? floats_ : ints_;
    ArgPlace result;
    result.type = type;
    if (used < kListRegisters) {
      result.in_register = true;
      result.reg = is_fp ? index_of(float_register(used)) : index_of(int_register(used));
      ++used;
      return result;
    }
    const u32 bytes = packed_ ? size_of(type) : 8;
    result.offset = (memory_ + bytes - 1) & ~(bytes - 1);
    memory_ = result.offset + bytes;
    return result;
  }
  /// Bytes of memory in use, a multiple of 16.
  u32 memory_bytes() const { return (memory_ + 15) & ~15u; }

private:
  bool packed_;
  u32 ints_ = 0, floats_ = 0, memory_ = 0;
};

RegisterFile make_register_file() {
  RegisterFile file;
  file.callee_saved = kCalleeSaved;
  file.scratch[0] = index_of(kScratch);
  file.scratch[1] = index_of(kFloatScratch);
  const auto append = [&](std::initializer_list<u32> numbers, u32 reg_class) {
    for (u32 n : numbers) file.order[reg_class][file.order_count[reg_class]++] = static_cast<u8>(32 * reg_class + n);
  };
  // Temporaries first, then what calls and returns ask for, the first arguments last; callee-saved from the one end.
  append({9, 10, 11, 12, 13, 14, 15, 8, 7, 6, 5, 4, 3, 2, 1, 0}, 0);
  append({19, 20, 21, 22, 23, 24, 25, 26, 27}, 0);
  append({16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 7, 6, 5, 4, 3, 2, 1, 0}, 1);
  append({8, 9, 10, 11, 12, 13, 14, 15}, 1);
  for (u32 c = 0; c < 2; ++c) {
    for (u32 i = 0; i < file.order_count[c]; ++i) file.allocatable |= bit(file.order[c][i]);
  }
  return file;
}

} // namespace

const CallConv& call_conv(Os os) {
  static constexpr CallConv conventions[] = {make_conv(Os::Linux), make_conv(Os::Windows), make_conv(Os::Apple)};
  static_assert(conventions[static_cast<u32>(Os::Windows)].os == Os::Windows);
  static_assert(conventions[static_cast<u32>(Os::Apple)].os == Os::Apple);
  return conventions[static_cast<u32>(os)];
}

const RegisterFile& register_file(Os) {
  static const RegisterFile file = make_register_file();
  return file;
}

void layout_call(const CallConv& conv, std::span<const Type> params, std::span<const Type> results,
                 codegen::CallLayout& out) {
  out.params.clear();
  out.results.clear();
  Placer result_places(false);
  for (Type type : results) out.results.push_back(result_places.place(type));
  out.result_bytes = result_places.memory_bytes();
  out.result_pointer = ArgPlace{};
  if (out.result_bytes != 0) out.result_pointer = {Type::Ptr, true, index_of(kResultPointer), 0};
  Placer places(conv.packed_arguments);
  for (Type type : params) out.params.push_back(places.place(type));
  out.stack_bytes = places.memory_bytes();
}

} // namespace assay::a64
