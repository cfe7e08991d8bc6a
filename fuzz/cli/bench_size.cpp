// bench_size.cpp - see bench_size.h. An object file's sections are read here, as far as that needs (ELF, 64 bits).
#include "fuzz/cli/bench_size.h"

#include "assay/compiler.h"
#include "assay/verify.h"
#include "fuzz/check/finding.h"
#include "fuzz/cli/bench_module.h"
#include "fuzz/cli/commands.h"
#include "fuzz/cli/work_folder.h"
#include "fuzz/opinion/opinion.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

constexpr u32 kManyFunctions = 1000;
constexpr const char* kManyName = "1000 functions";

Error no_size(ErrorKind kind, std::string message) { return Error{kind, {}, 0, 0, std::move(message)}; }

u64 number_at(const std::string& bytes, std::size_t at, u32 size) {
  u64 out = 0;
  for (u32 i = 0; i < size && at + i < bytes.size(); ++i) out |= u64{static_cast<u8>(bytes[at + i])} << (8 * i);
  return out;
}

/// Bytes of all sections that are executed.
Result<u64> code_bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (bytes.size() < 64 || bytes.compare(0, 5, "\177ELF\2") != 0)
    return no_size(ErrorKind::Unsupported, "the C compiler makes no ELF files of 64 bits");
  constexpr u64 kExecuted = 4;
  const u64 first = number_at(bytes, 0x28, 8), each = number_at(bytes, 0x3a, 2), count = number_at(bytes, 0x3c, 2);
  u64 out = 0;
  for (u64 i = 0; i < count; ++i) {
    const u64 section = first + i * each;
    if ((number_at(bytes, section + 8, 8) & kExecuted) != 0) out += number_at(bytes, section + 0x20, 8);
  }
  return out;
}

class SizeMeasurement {
public:
  SizeMeasurement() : folder_("sizes") {}

  Result<void> begin(SizeFigures& out) {
    out.engines = {"O0", "O2"};
    std::vector<std::string> missing;
    for (const auto& [flag, suffix] : {std::pair("-DAIR_PLAIN", " -O2"), std::pair("-DAIR_QUIET", " checked")}) {
      for (const fuzz::CCompiler& each :
           fuzz::find_c_compilers(fuzz::usual_c_compilers(), std::string("-std=c11 -O2 -w ") + flag, missing)) {
        if (flag == std::string("-DAIR_QUIET") && each.name.find("clang") == each.name.npos) continue;
        out.engines.push_back(each.name + suffix);
        commands_.push_back(each.command);
      }
    }
    const auto parsed = parse_and_verify("memory 65536\nexport func @f() {\n^e:\n  return\n}\n");
    if (!parsed) return parsed.error();
    for (const std::string& command : commands_) {
      const auto bytes = as_c(*parsed, command);
      if (!bytes) return bytes.error();
      empty_.push_back(*bytes);
    }
    return {};
  }

  Result<SizeFigures::Row> row(const std::string& name, const Module& module) {
    SizeFigures::Row out{name, {}};
    for (const Level level : {Level::O0, Level::O2}) {
      CompileOptions options;
      options.target = Target::X64;
      options.level = level;
      options.entries = Entries::Exported;
      CodeObject object;
      if (auto done = Compiler(options).compile(module, object); !done) return done.error();
      out.bytes.push_back(object.code.size());
    }
    for (std::size_t i = 0; i < commands_.size(); ++i) {
      const auto bytes = as_c(module, commands_[i]);
      if (!bytes) return bytes.error();
      out.bytes.push_back(*bytes - std::min(*bytes, empty_[i]));
    }
    return out;
  }

private:
  Result<u64> as_c(const Module& module, const std::string& command) {
    const auto text = kernel_as_c(module);
    if (!text) return text.error();
    const std::string source = folder_.file("program.c"), object = folder_.file("program.o");
    if (auto done = fuzz::write_file_atomically(source, *text); !done) return done.error();
    const std::string line =
        command + " -c -o " + fuzz::shell_word(object) + " " + fuzz::shell_word(source) + " >/dev/null 2>&1";
    if (std::system(line.c_str()) != 0) return no_size(ErrorKind::Internal, command + " does not compile a program");
    return code_bytes_of(object);
  }

  WorkFolder folder_;
  std::vector<std::string> commands_;
  std::vector<u64> empty_; // bytes of the program of one empty function, by command
};

/// All kernels together.
SizeFigures::Row sum_of_kernels(const SizeFigures& figures) {
  SizeFigures::Row out{"all kernels", std::vector<u64>(figures.engines.size())};
  for (const SizeFigures::Row& row : figures.rows)
    for (std::size_t e = 0; e < out.bytes.size() && row.program != kManyName; ++e) out.bytes[e] += row.bytes[e];
  return out;
}

std::string bytes_line(const SizeFigures::Row& row) {
  std::string out = fmt::format("{:<15}", row.program);
  for (const u64 bytes : row.bytes) out += fmt::format("{:>17}", bytes);
  return out + "\n";
}

std::string ratios_of(const SizeFigures::Row& row) {
  std::string out = fmt::format("{:<15}", "O2 beside each");
  for (const u64 bytes : row.bytes)
    out += fmt::format("{:>17.2f}", static_cast<double>(row.bytes[1]) / static_cast<double>(std::max<u64>(1, bytes)));
  return out + "\n";
}

} // namespace

Result<SizeFigures> measure_sizes(const std::string& corpus, const std::vector<std::string>& only) {
  SizeFigures out;
  SizeMeasurement measurement;
  if (auto done = measurement.begin(out); !done) return done.error();
  const auto add = [&](const std::string& name, const Module& module) -> Result<void> {
    auto row = measurement.row(name, module);
    if (!row) return row.error();
    out.rows.push_back(std::move(*row));
    return {};
  };
  for (const KernelCall& kernel : kernel_calls()) {
    if (!only.empty() && std::find(only.begin(), only.end(), kernel.file) == only.end()) continue;
    const auto source = read_source(corpus + "/" + kernel.file + ".ore");
    if (!source) return source.error();
    const auto module = load_module(*source);
    if (!module) return module.error();
    if (auto done = add(kernel.file, *module); !done) return done.error();
  }
  if (out.rows.empty()) return unknown_kernel();
  if (only.empty())
    if (auto done = add(kManyName, make_bench_module(kManyFunctions)); !done) return done.error();
  return out;
}

std::string to_text(const SizeFigures& figures) {
  std::string out = fmt::format("{:<15}", "bytes of code");
  for (const std::string& engine : figures.engines) out += fmt::format("{:>17}", engine);
  out += "\n";
  for (const SizeFigures::Row& row : figures.rows) {
    if (row.program != kManyName) out += bytes_line(row);
  }
  const SizeFigures::Row all = sum_of_kernels(figures);
  out += "\n" + bytes_line(all) + ratios_of(all);
  if (figures.rows.back().program == kManyName)
    out += "\n" + bytes_line(figures.rows.back()) + ratios_of(figures.rows.back());
  return out;
}

std::string to_json(const SizeFigures& figures) {
  nlohmann::ordered_json json{{"tool", fuzz::tool_version()}, {"programs", nlohmann::ordered_json::array()}};
  for (const SizeFigures::Row& row : figures.rows) {
    nlohmann::ordered_json bytes;
    for (std::size_t e = 0; e < figures.engines.size(); ++e) bytes[figures.engines[e]] = row.bytes[e];
    json["programs"].push_back({{"name", row.program}, {"bytes", bytes}});
  }
  return json.dump(2);
}

} // namespace assay::cli
