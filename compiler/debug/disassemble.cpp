// disassemble.cpp - the one file that knows Capstone (its C API of versions 4 and 5).
//
// Linear sweep. A handle is opened for each call, so there is no shared state and any thread may call; that costs
// some microseconds, an instruction about one. Without Capstone at build time every call is Unsupported.
// Tested in compiler/debug/tests/disassemble_test.cpp.
#include "compiler/debug/disassemble.h"

#include <algorithm>
#include <cstdio>

#ifdef ASSAY_CAPSTONE
#include <capstone/capstone.h>
#endif

namespace assay::debug {

#ifdef ASSAY_CAPSTONE

namespace {

/// The handle and the instruction buffer, given back on every way out.
struct Session {
  csh handle = 0;
  cs_insn* insn = nullptr;
  bool open = false;

  explicit Session(Target target) {
    const cs_arch arch = target == Target::X64 ? CS_ARCH_X86 : CS_ARCH_ARM64;
    const cs_mode mode = target == Target::X64 ? CS_MODE_64 : CS_MODE_LITTLE_ENDIAN;
    open = cs_open(arch, mode, &handle) == CS_ERR_OK;
    if (open) insn = cs_malloc(handle);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    if (insn != nullptr) cs_free(insn, 1);
    if (open) cs_close(&handle);
  }
};

std::string raw_bytes(std::span<const u8> bytes) {
  std::string text = ".byte";
  for (size_t i = 0; i < bytes.size(); ++i) {
    char part[8];
    std::snprintf(part, sizeof part, "%s 0x%02x", i == 0 ? "" : ",", bytes[i]);
    text += part;
  }
  return text;
}

} // namespace

bool can_disassemble() { return true; }

Result<void> disassemble(Target target, std::span<const u8> bytes, u64 address, std::vector<Line>& out) {
  out.clear();
  Session session(target);
  if (session.insn == nullptr)
    return Error{.kind = ErrorKind::Unsupported,
                 .message = "this Capstone cannot decode target " + std::string(target == Target::X64 ? "x64" : "a64")};
  const u8* code = bytes.data();
  size_t left = bytes.size();
  u64 at = address;
  while (left != 0) {
    const u32 offset = static_cast<u32>(bytes.size() - left);
    if (cs_disasm_iter(session.handle, &code, &left, &at, session.insn)) {
      std::string text = session.insn->mnemonic;
      if (session.insn->op_str[0] != '\0') (text += ' ') += session.insn->op_str;
      out.push_back({offset, session.insn->size, std::move(text)});
      continue;
    }
    const size_t length = target == Target::X64 ? 1 : std::min<size_t>(4, left);
    out.push_back({offset, static_cast<u32>(length), raw_bytes(bytes.subspan(offset, length))});
    code += length;
    left -= length;
    at += length;
  }
  return {};
}

#else

bool can_disassemble() { return false; }

Result<void> disassemble(Target, std::span<const u8>, u64, std::vector<Line>& out) {
  out.clear();
  return Error{.kind = ErrorKind::Unsupported,
               .message = "this build has no disassembler: Capstone was not found when it was configured"};
}

#endif

} // namespace assay::debug
