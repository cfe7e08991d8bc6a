// unwind.cpp - applying rules. See unwind.h. Tested in oracle/unwind/tests/.
#include "oracle/unwind/unwind.h"

#include <cstdio>

namespace assay::oracle {

namespace {

Error unreadable(const char* what, u64 address) {
  return Error{ErrorKind::BadInput, {}, 0, 0, std::string(what) + " is not on the stack: " + hex(address)};
}

} // namespace

std::string hex(u64 value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

Error malformed(u64 at, const std::string& what) {
  return Error{ErrorKind::BadInput, {}, 0, 0, "byte " + hex(at) + ": " + what};
}

void FrameRule::save(RegIndex reg, u8 bytes, Place at) {
  for (u32 i = 0; i < saved_count; ++i) {
    if (saved[i].reg != reg) continue;
    saved[i] = {reg, bytes, at};
    return;
  }
  saved[saved_count++] = {reg, bytes, at}; // as many places as registers
}

bool caller_value(const FrameRule& rule, const RegisterFile& file, const Region& stack, RegIndex reg, u32 half,
                  u64& out, u64& bad_address) {
  const SavedRegister* saved = rule.find(reg);
  if (saved == nullptr) {
    out = file.value[reg][half];
    return true;
  }
  bad_address = address_of(saved->at, file) + u64{8} * half;
  return saved->bytes >= 8 * (half + 1) && stack.read(bad_address, &out, 8);
}

bool caller_pc(const FrameRule& rule, const RegisterFile& file, const Region& stack, u64& out, u64& bad_address) {
  if (rule.return_in != kNoRegister) {
    out = file.value[rule.return_in][0];
  } else {
    bad_address = address_of(rule.return_at, file);
    if (!stack.read(bad_address, &out, 8)) return false;
  }
  if (rule.return_signed) out = plain_address(out);
  return true;
}

Result<void> unwind(const FrameRule& rule, Target target, const Region& stack, RegisterFile& file) {
  u64 words[kUnwindRegisters][2];
  u64 bad = 0, pc = 0;
  for (u32 i = 0; i < rule.saved_count; ++i) {
    const SavedRegister& saved = rule.saved[i];
    words[i][0] = words[i][1] = 0; // a lost register is zero, as is what was not saved of one
    for (u32 half = 0; half < saved.bytes / 8u; ++half) {
      if (!caller_value(rule, file, stack, saved.reg, half, words[i][half], bad))
        return unreadable("the place of a saved register", bad);
    }
  }
  if (!caller_pc(rule, file, stack, pc, bad)) return unreadable("the return address", bad);
  const u64 sp = caller_sp(rule, file);
  for (u32 i = 0; i < rule.saved_count; ++i) {
    file.value[rule.saved[i].reg][0] = words[i][0];
    if (rule.saved[i].reg >= 32) file.value[rule.saved[i].reg][1] = words[i][1];
  }
  file.pc = pc;
  file.value[stack_pointer_of(target)][0] = sp;
  return {};
}

} // namespace assay::oracle
