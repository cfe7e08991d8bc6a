// fields.cpp - which field of a format a byte of tables belongs to, and what leaves bits of it without meaning.
//
// Names are those of the specifications (see each format's header). The reasons are about readers that unwind; the
// strict reader objects to most of such bits. Bytes that cannot be decoded have the name of what they are part of.
// Linear in the tables. Tested in oracle/unwind/tests/meaning_test.cpp.
#include "oracle/unwind/compact.h"
#include "oracle/unwind/dwarf_program.h"
#include "oracle/unwind/windows.h"

namespace assay::oracle {

namespace {

constexpr const char* kEndBehind = "what lies behind the last instruction is nobody's return address";
constexpr const char* kPadding = "padding: no code is read from it";
constexpr const char* kCodeOffset =
    "a code's offset is only compared with addresses of instructions, and there are none "
    "between the two";
constexpr const char* kAdvance =
    "a row's begin is only compared with addresses of instructions, and there are none between the two";

std::string call_frame_instruction(u8 byte) {
  constexpr const char* kLow[] = {"nop",
                                  "set_loc",
                                  "advance_loc1",
                                  "advance_loc2",
                                  "advance_loc4",
                                  "offset_extended",
                                  "restore_extended",
                                  "undefined",
                                  "same_value",
                                  "register",
                                  "remember_state",
                                  "restore_state",
                                  "def_cfa",
                                  "def_cfa_register",
                                  "def_cfa_offset",
                                  "def_cfa_expression",
                                  "expression",
                                  "offset_extended_sf",
                                  "def_cfa_sf",
                                  "def_cfa_offset_sf"};
  constexpr const char* kHigh[] = {"", "advance_loc", "offset", "restore"};
  if (byte >> 6 != 0) return std::string("DW_CFA_") + kHigh[byte >> 6];
  if (byte == 0x2d) return "DW_CFA_AARCH64_negate_ra_state";
  return byte < std::size(kLow) ? std::string("DW_CFA_") + kLow[byte] : "call frame instruction " + hex(byte);
}

} // namespace

TableField DwarfTables::field_at(TableRegion, u64 at, u32) const {
  if (at >= terminator_) return {"terminator", "readers stop at the first zero length, or at the section's end"};
  const auto of_program = [&](const std::vector<u64>& starts) -> TableField {
    u64 instruction = 0;
    for (const u64 start : starts)
      if (start <= at) instruction = start;
    const std::string name = call_frame_instruction(section_.bytes[instruction]);
    if (name == "DW_CFA_nop") return {name, kPadding};
    if (name.find("advance") != std::string::npos) return {name, kAdvance};
    if (name.find("remember") != std::string::npos) return {name, "no state is restored behind it"};
    return {name + (at == instruction ? "" : " operand"), "no instruction lies in the row that it makes"};
  };
  for (const Cie& cie : cies_) {
    if (at < cie.at || at >= cie.end) continue;
    if (at < cie.at + 4) return {"CIE length", ""};
    if (at < cie.at + 8) return {"CIE id", ""};
    if (at == cie.at + 8) return {"CIE version", "1 and 3 differ in the form of the return address column only"};
    if (at < cie.program) return {"CIE augmentation and factors", ""};
    std::vector<u64> starts;
    CfaProgram program(target_, section_.bytes, cie);
    program.instructions = &starts;
    static_cast<void>(program.start());
    return of_program(starts);
  }
  for (const Fde& fde : fdes_) {
    if (at < fde.at || at >= fde.end) continue;
    if (at < fde.at + 4) return {"FDE length", ""};
    if (at < fde.at + 8) return {"FDE CIE pointer", ""};
    if (at < fde.at + 12) return {"FDE initial location", ""};
    if (at < fde.at + 16) return {"FDE range", kEndBehind};
    if (at < fde.program) return {"FDE augmentation data", ""};
    std::vector<u64> starts;
    CfaProgram program(target_, section_.bytes, cies_[fde.cie]);
    static_cast<void>(program.start());
    program.instructions = &starts;
    static_cast<void>(program.run(fde, ~u64{0}));
    return of_program(starts);
  }
  return {"between entries", ""};
}

u64 DwarfTables::function_of(u64 offset) const {
  for (const Fde& fde : fdes_)
    if (offset >= fde.at && offset < fde.end) return fde.begin;
  return 0;
}

TableField WindowsX64Tables::field_at(TableRegion region, u64 at, u32 bit) const {
  if (region == TableRegion::Entries) {
    constexpr const char* kNames[] = {"RUNTIME_FUNCTION.BeginAddress", "RUNTIME_FUNCTION.EndAddress",
                                      "RUNTIME_FUNCTION.UnwindInfoAddress"};
    const u64 field = at % 12 / 4;
    return {kNames[field], field == 1 ? kEndBehind : field == 2 ? "what is there has the same codes" : ""};
  }
  for (const WindowsFunction& function : functions_) {
    auto info = info_at(function.info);
    if (!info || at < function.info || at >= info->end) continue;
    const u64 head = at - function.info;
    if (head == 0) return {bit < 3 ? "UNWIND_INFO.Version" : "UNWIND_INFO.Flags", ""};
    if (head == 1) return {"UNWIND_INFO.SizeOfProlog", "beyond the last code's offset all codes apply, whatever it is"};
    if (head == 2) return {"UNWIND_INFO.CountOfCodes", "the codes counted too many or too few restore nothing"};
    if (head == 3 && bit < 4) return {"UNWIND_INFO.FrameRegister", "no code sets a frame register"};
    if (head == 3) return {"UNWIND_INFO.FrameOffset", "no code sets a frame register"};
    for (u32 slot = 0; slot < info->count;) {
      auto code = code_at(*info, slot);
      if (!code) break;
      const u64 begin = info->codes + 2 * u64{slot}, end = begin + 2 * u64{code->slots};
      slot += code->slots;
      if (at >= end) continue;
      const std::string name = "UNWIND_CODE of op " + std::to_string(code->op);
      if (at == begin) return {name + ": CodeOffset", kCodeOffset};
      if (at > begin + 1) return {name + ": operand", ""};
      return {name + (bit < 4 ? ": UnwindOp" : ": OpInfo"), "this operation does not use its info"};
    }
    if (at < info->codes + 2 * ((info->count + 1u) & ~1u)) return {"unused slot", kPadding};
    return {info->chained ? "chained RUNTIME_FUNCTION" : "handler",
            "only the unwind information of a chained entry is read"};
  }
  return {".xdata that no entry refers to", kPadding};
}

TableField WindowsA64Tables::field_at(TableRegion region, u64 at, u32 bit) const {
  if (region == TableRegion::Entries)
    return at % 8 < 4 ? TableField{".pdata function start", ""}
                      : TableField{".pdata .xdata address", "what is there has the same codes"};
  for (const WindowsFunction& function : functions_) {
    auto info = info_at(function.info);
    if (!info || at < function.info || at >= info->end) continue;
    const u64 head = at - function.info, number = 8 * (head % 4) + bit;
    if (head < 4) {
      if (number < 18) return {".xdata function length", kEndBehind};
      if (number < 20) return {".xdata version", ""};
      if (number < 22) return {number == 20 ? ".xdata X" : ".xdata E", ""};
      return {number < 27 ? ".xdata epilog count or index" : ".xdata code words", "the other codes say the same"};
    }
    if (at < info->codes) {
      if (number < 18) return {"epilog start offset", "the instructions between have codes that do nothing"};
      return {number < 22 ? "epilog reserved bits" : "epilog start index", "the codes there say the same"};
    }
    u64 last = 0;
    for (u64 index = 0; index < info->code_bytes;) {
      auto code = code_at(*info, index);
      if (!code) break;
      if (at < info->codes + index + code->bytes)
        return {"unwind code " + hex(image_.xdata.bytes[info->codes + index]), "no instruction lies between its two "
                                                                               "effects, or no code run comes to it"};
      index += code->bytes;
      last = index;
    }
    return {at >= info->codes + last ? "bytes behind the codes" : "unwind code", kPadding};
  }
  return {".xdata that no entry refers to", kPadding};
}

TableField CompactTables::field_at(TableRegion region, u64 at, u32 bit) const {
  if (region == TableRegion::Frames) {
    if (dwarf_ == nullptr) return {"section of FDEs", "no entry refers to it"};
    TableField field = dwarf_->field_at(region, at, bit);
    const u64 function = dwarf_->function_of(at);
    const auto refers = is_dwarf(function);
    if (function != 0 && refers && !*refers) field.why = "no entry refers to this FDE";
    return field;
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (at < parts_[i].begin || at >= parts_[i].end) continue;
    const std::string name = std::string("__unwind_info ") + part_names_[i];
    const u64 in_word = 8 * ((at - parts_[i].begin) % 4) + bit;
    if (name.find("encodings") == std::string::npos) return {name, "the functions keep their encodings"};
    if (in_word >= 28) return {name + ": flags", "unwinding does not ask for a start, data or a personality"};
    return {name + (in_word >= 24 ? ": mode" : ": registers and sizes"), "no function uses what it says"};
  }
  return {"bytes that nothing refers to", kPadding};
}

} // namespace assay::oracle
