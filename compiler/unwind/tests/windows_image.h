// windows_image.h - code and Windows tables as they would lie in an image, and a PE file of it for other people's
// readers.
#pragma once

#include "compiler/codegen/relocate.h"
#include "compiler/unwind/tables.h"

#include "cfi_support.h"

namespace assay::unwind {

struct WindowsImage {
  static constexpr u32 kCode = 0x1000;
  std::vector<u8> bytes; // [rva]
  UnwindTables tables;
  u32 tables_rva = 0;

  explicit WindowsImage(const CodeObject& object) {
    const u64 tables_at = (object.code.size() + 0xfff) & ~u64{0xfff};
    tables_rva = static_cast<u32>(kCode + tables_at);
    const auto done = write_tables(UnwindFormat::Windows, object, {tables_at, kCode}, tables);
    EXPECT_TRUE(done) << done.error().to_string();
    bytes.resize(tables_rva + tables.bytes.size());
    std::vector<u8> code = object.code;
    EXPECT_TRUE(codegen::relocate(object, code.data(), kCode));
    std::copy(code.begin(), code.end(), bytes.begin() + kCode);
    std::copy(tables.bytes.begin(), tables.bytes.end(), bytes.begin() + tables_rva);
  }
  u8 u8_at(u32 rva) const { return bytes.at(rva); }
  u32 u16_at(u32 rva) const { return bytes.at(rva) | static_cast<u32>(bytes.at(rva + 1)) << 8; }
  u32 u32_at(u32 rva) const { return u16_at(rva) | u16_at(rva + 2) << 16; }
  u32 entries_rva() const { return tables_rva + tables.entries.at; }

  /// A PE32+ file with .text, .xdata (all tables) and .pdata (a copy of the entries: they are addresses).
  std::string pe_file(u16 machine) const {
    const u32 xdata_size = static_cast<u32>(tables.bytes.size());
    const u32 pdata_rva = (tables_rva + xdata_size + 0xfff) & ~0xfffu;
    std::string out(0x400, '\0');
    const auto put = [&](u32 at, u64 value, u32 size) {
      for (u32 i = 0; i < size; ++i) out[at + i] = static_cast<char>(value >> (8 * i));
    };
    put(0, 0x5a4d, 2); // MZ
    put(0x3c, 0x40, 4);
    put(0x40, 0x4550, 4); // PE
    put(0x44, machine, 2);
    put(0x46, 3, 2);     // sections
    put(0x54, 240, 2);   // optional header
    put(0x56, 0x22, 2);  // executable, large addresses
    put(0x58, 0x20b, 2); // PE32+
    put(0x58 + 16, kCode, 4);
    put(0x58 + 20, kCode, 4);
    // The image base stays 0: LLVM leaves it out where it looks for ARM64 records.
    put(0x58 + 32, 0x1000, 4);
    put(0x58 + 36, 0x200, 4);
    put(0x58 + 48, 6, 2);
    put(0x58 + 56, pdata_rva + ((tables.entries.size + 0xfff) & ~0xfffu), 4);
    put(0x58 + 60, 0x400, 4);
    put(0x58 + 68, 3, 2);
    put(0x58 + 108, 16, 4); // data directories
    put(0x58 + 112 + 8 * 3, pdata_rva, 4);
    put(0x58 + 112 + 8 * 3 + 4, tables.entries.size, 4);
    u32 header = 0x58 + 240;
    const auto section = [&](const char* name, u32 rva, const u8* data, u32 size, u32 flags) {
      const u32 raw = static_cast<u32>(out.size()), raw_size = (size + 0x1ff) & ~0x1ffu;
      std::copy(name, name + std::strlen(name), out.begin() + header);
      put(header + 8, size, 4), put(header + 12, rva, 4), put(header + 16, raw_size, 4), put(header + 20, raw, 4);
      put(header + 36, flags, 4);
      header += 40;
      out.append(reinterpret_cast<const char*>(data), size);
      out.resize(raw + raw_size);
    };
    // Not up to the next section: LLVM takes the byte behind a section for its own.
    section(".text", kCode, bytes.data() + kCode, tables_rva - kCode - 16, 0x60000020);
    section(".xdata", tables_rva, tables.bytes.data(), xdata_size, 0x40000040);
    section(".pdata", pdata_rva, tables.bytes.data() + tables.entries.at, tables.entries.size, 0x40000040);
    return out;
  }

  /// What `tool` says of the file; empty when there is no such tool.
  std::string read_by(const std::string& tool, u16 machine) const {
    const std::string name = tool.substr(0, tool.find(' '));
    if (run_and_read(name + " --version 2>/dev/null").empty()) return {};
    const std::string path =
        testing::TempDir() + "assay_pe_" + unique_name() + ".exe";
    const std::string file = pe_file(machine);
    std::ofstream(path, std::ios::binary).write(file.data(), static_cast<std::streamsize>(file.size()));
    const std::string text = run_and_read(tool + " " + path + " 2>&1");
    std::remove(path.c_str());
    return text;
  }
};

} // namespace assay::unwind
