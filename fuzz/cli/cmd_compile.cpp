// cmd_compile.cpp - `assay compile FILE --emit=STAGE,...`: what the compiler makes of a program, stage by stage.
//
// Every host compiles for every target that the version has. Text stages go to the output; `obj` is the CodeObject
// file, to --out or the output. `c` is the program itself as C, in which the compiler has no part. Tested end to end in
// fuzz/cli/tests/cli_test.cmake.
#include "compiler/codegen/dump.h"
#include "compiler/codegen/observer.h"
#include "compiler/debug/disassemble.h"
#include "compiler/jit/code_object_file.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/check/finding.h"
#include "fuzz/cli/commands.h"
#include "fuzz/export_c/export_c.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>

namespace assay::cli {
namespace {

constexpr std::string_view kStages[] = {"air", "ssa", "opt", "lir", "asm", "unwind", "obj", "c"};

struct CompileCommand {
  std::string file, out;
  std::vector<std::string> emit{"asm"};
  std::string target{name_of(host_target())}, level = "O0", os;
  bool baseline = false, spill_all = false;
  u32 max_registers = 0, block_padding = 0;
  bool exported = false;
  std::vector<std::string> passes, without;
};

/// Prints each function's LIR with its allocation as the compiler makes it, and keeps what the optimiser made.
class StagePrinter final : public codegen::Observer {
public:
  StagePrinter(const Module& module, Target target) : optimised_module(module), module_(module), target_(target) {}
  void optimised(FunctionId function, const Function& body) override {
    Function& to = optimised_module.functions[function];
    const std::string name = to.name;
    const bool exported = to.exported;
    to = body;
    to.name = name;
    to.exported = exported;
  }
  std::string allocated(FunctionId function, const codegen::LirFunction& lir, const codegen::Allocation& allocation,
                        const codegen::RegisterFile&) override {
    text += "; @" + module_.functions[function].name + "\n";
    codegen::dump_lir(target_, lir, &allocation, text);
    return {};
  }
  std::string text;
  Module optimised_module;

private:
  const Module& module_;
  Target target_;
};

std::string function_heading(const CodeObject& object, const FunctionCode& code) {
  return fmt::format("; @{}{} [{:#x}, {:#x}) {} bytes, frame {} bytes\n", object.names[code.function],
                     code.is_thunk ? " (import)" : "", code.begin, code.end, code.end - code.begin, code.frame_size);
}

std::string position_note(const CodeObject& object, u32 offset) {
  std::string out;
  if (const FaultSite* fault = object.fault_at(offset)) out += fmt::format("  ; may trap {}", name_of(fault->trap));
  for (const Reloc& reloc : object.relocs)
    if (reloc.offset >= offset && reloc.offset < offset + 8 && reloc.function < object.names.size()) {
      out += fmt::format("  ; @{}", object.names[reloc.function]);
      break;
    }
  return out;
}

Result<std::string> assembly(const CodeObject& object) {
  std::string out;
  std::vector<debug::Line> lines;
  for (const FunctionCode& code : object.functions) {
    out += function_heading(object, code);
    const std::span<const u8> bytes{object.code.data() + code.begin, code.end - code.begin};
    if (auto done = debug::disassemble(object.target, bytes, code.begin, lines); !done) return done.error();
    for (const debug::Line& line : lines) {
      std::string hex;
      for (u32 i = 0; i < line.length; ++i) hex += fmt::format("{:02x}", bytes[line.offset + i]);
      const bool call = line.text.starts_with("call") || line.text.starts_with("bl") || line.text.starts_with("lea") ||
                        line.text.starts_with("jmp");
      const std::string note = call || object.fault_at(code.begin + line.offset) != nullptr
                                   ? position_note(object, code.begin + line.offset)
                                   : "";
      out += fmt::format("{:6x}  {:<24} {}{}\n", code.begin + line.offset, hex, line.text, note);
    }
  }
  return out;
}

constexpr std::string_view kEffectNames[] = {
    "push",           "allocate", "set_frame",  "save",        "epilogue_begin", "pop",         "release",
    "reset_to_frame", "restore",  "drop_frame", "sign_return", "auth_return",    "epilogue_end"};

/// The frame description of each function, from which every unwind format is written.
std::string frames(const CodeObject& object) {
  std::string out;
  for (const FunctionCode& code : object.functions) {
    out += function_heading(object, code);
    for (const FrameOp& op : object.frame_of(code))
      out += fmt::format("{:6x}  {:<15} reg {:<3} value {}\n", op.offset, kEffectNames[static_cast<u32>(op.effect)],
                         op.reg, op.value);
  }
  return out;
}

int write_object(const CodeObject& object, const std::string& path) {
  std::vector<u8> bytes;
  jit::serialise(object, bytes);
  if (!path.empty()) {
    const auto written = fuzz::write_file_atomically(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return written ? static_cast<int>(kClean) : (report(written.error()), static_cast<int>(kCannot));
  }
  return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() ? kClean : kCannot;
}

int options_of(const CompileCommand& command, CompileOptions& out) {
  for (const std::string& stage : command.emit)
    if (std::find(std::begin(kStages), std::end(kStages), stage) == std::end(kStages))
      return usage_error("compile", "--emit has no '" + stage + "'; expected some of air,ssa,opt,lir,asm,unwind,obj,c");
  if (command.target == "a64") out.target = Target::A64;
  else if (command.target == "x64") out.target = Target::X64;
  else return usage_error("compile", "--target has no '" + command.target + "'; expected x64 or a64");
  if (command.level == "O2") out.level = Level::O2;
  else if (std::find(command.emit.begin(), command.emit.end(), "opt") != command.emit.end())
    return usage_error("compile", "--emit=opt is of --level=O2: programs are compiled as they are at O0");
  else if (command.level != "O0")
    return usage_error("compile", "--level has no '" + command.level + "'; expected O0 or O2");
  for (const Os os : {Os::Linux, Os::Windows, Os::Apple})
    if (command.os == name_of(os)) out.os = out.host_os = os;
  if (!command.os.empty() && command.os != name_of(out.os))
    return usage_error("compile", "--os has no '" + command.os + "'; expected linux, windows or apple");
  // Of another processor nothing beyond its baseline is known here.
  if (!command.baseline && out.target == host_target()) out.features = host_features();
  out.spill_all = command.spill_all;
  const auto passes = opt::parse_passes(command.passes, command.without);
  if (!passes) return usage_error("compile", passes.error().message);
  out.passes = *passes;
  out.max_registers = command.max_registers;
  out.block_padding = command.block_padding;
  if (command.exported) out.entries = Entries::Exported;
  return kClean;
}

/// The program with its locals made values, and nothing else done.
Result<std::string> ssa_form(const Module& module) {
  CompileOptions options;
  options.level = Level::O2;
  options.passes.order[options.passes.order_count++] = static_cast<u8>(opt::PassId::Ssa);
  StagePrinter printer(module, options.target);
  options.observer = &printer;
  CodeObject object;
  if (auto compiled = Compiler(options).compile(module, object); !compiled) return compiled.error();
  return to_text(printer.optimised_module);
}

int emit(const std::string& stage, const Module& module, const SourceMap& map, const CodeObject& object,
         const StagePrinter& printer, const CompileCommand& command) {
  if (stage == "obj") return write_object(object, command.out);
  std::string text;
  if (stage == "air") text = to_text(module);
  else if (stage == "lir") text = printer.text;
  else if (stage == "opt") text = to_text(printer.optimised_module);
  else if (stage == "unwind") text = frames(object);
  else {
    auto listing = stage == "ssa" ? ssa_form(module)
                   : stage == "c" ? fuzz::export_c(module, command.file, &map)
                                  : assembly(object);
    if (!listing) return report(listing.error());
    text = std::move(*listing);
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kClean;
}

int compile(const CompileCommand& command) {
  CompileOptions options;
  if (const int status = options_of(command, options); status != kClean) return status;
  const auto source = read_source(command.file);
  if (!source) return report(source.error());
  std::vector<Error> errors;
  SourceMap map; // of AIR
  const auto module = load_module(*source, &map, &errors);
  if (!module) return report(errors, source->text);
  StagePrinter printer(*module, options.target);
  options.observer = &printer;
  Compiler compiler(options);
  CodeObject object;
  const bool only_program = std::all_of(command.emit.begin(), command.emit.end(),
                                        [](const std::string& stage) { return stage == "air" || stage == "c"; });
  if (!only_program)
    if (auto compiled = compiler.compile(*module, object); !compiled) return report(compiled.error());
  for (const std::string& stage : command.emit)
    if (const int status = emit(stage, *module, map, object, printer, command); status != kClean) return status;
  return kClean;
}

} // namespace

void add_compile(CLI::App& app, int& status) {
  auto options = std::make_shared<CompileCommand>();
  CLI::App* command = app.add_subcommand("compile", "show what the compiler makes of a program");
  command->add_option("FILE", options->file, "program, '-' for standard input")->required();
  command->add_option("--emit", options->emit, "stages: air,ssa,opt,lir,asm,unwind,obj,c")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  command->add_option("-o,--out", options->out, "file for obj; without it the output");
  command->add_option("--target", options->target, "x64 or a64")->capture_default_str();
  command->add_option("--level", options->level, "O0 or O2")->capture_default_str();
  command->add_option("--os", options->os, "linux, windows or apple; without it this host's");
  command->add_flag("--baseline", options->baseline, "only what every processor of the target has");
  command->add_flag("--spill-all", options->spill_all, "keep every value in its stack slot");
  command->add_option("--max-registers", options->max_registers, "of each class, 0 for all")->capture_default_str();
  command
      ->add_option("--block-padding", options->block_padding, "bytes that do nothing before each block but the first")
      ->check(CLI::Range(0u, kMostBlockPadding))
      ->capture_default_str();
  command->add_flag("--exported", options->exported, "only what exported functions and the table lead to");
  add_passes(*command, options->passes, options->without);
  command->callback([options, &status] { status = compile(*options); });
}

} // namespace assay::cli
