// debuggee.cpp - the program that debuggers and profilers look at in the tests of this folder.
//
//   tools_debuggee FILE WHAT [WHERE]   WHAT: calls, registers, spin; TOOLS are those named behind a '+', as in
//                                      calls+debugger
//
// `calls` nests outer -> inner -> host_cb three times and stops in stop_here. `registers` enters with a known value in
// each callee-saved register. `spin` computes for about half a second. It prints what it did, so that a test can tell
// that the program was not changed by being looked at. Needs the file nested.air.
#include "assay/engine.h"
#include "assay/verify.h"
#include "compiler/jit/installer.h"
#include "compiler/jit/instance.h"
#include "compiler/opt/pipeline.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

using assay::i64;
using assay::u64;

volatile i64 stopped_with = -1; // volatile, so that the function below stays one that is called

/// Where the tests put a breakpoint.
extern "C" [[gnu::noinline]] void stop_here(i64 n) { stopped_with = n; }

std::function<i64(i64)> call_again;

extern "C" [[gnu::noinline]] i64 host_cb(i64 n) {
  if (n > 0) return call_again(n - 1) + 1;
  stop_here(n);
  return 7;
}

namespace {

[[noreturn]] void give_up(const assay::Error& error) {
  std::fprintf(stderr, "%s\n", error.to_string().c_str());
  std::exit(1);
}

std::string contents(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

assay::ToolOptions tools_of(const std::string& what, const char* directory) {
  assay::ToolOptions tools;
  tools.debugger = what.find("+debugger") != what.npos;
  tools.perf_map = what.find("+map") != what.npos;
  tools.perf_dump = what.find("+dump") != what.npos;
  if (directory != nullptr) tools.directory = directory;
  return tools;
}

void calls(const assay::Instance& program) {
  const auto outer = program.function<i64(i64)>("outer").value();
  call_again = [&](i64 n) { return outer(n); };
  std::printf("outer: %lld\n", static_cast<long long>(outer(2)));
}

void spin(const assay::Instance& program) {
  const auto spin_from = program.function<i64(i64)>("spin_from").value();
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  i64 sum = 0;
  while (std::chrono::steady_clock::now() < end) sum += spin_from(1000000);
  std::printf("spin: %s\n", sum == 0 ? "none" : "some");
}

struct StopsAtOnce final : assay::jit::ImportHandler {
  void on_import(assay::jit::Instance&, assay::FunctionId, std::span<const u64> args, std::span<u64> results) override {
    results[0] = static_cast<u64>(host_cb(static_cast<i64>(args[0])));
  }
};

/// By way of the entry stub, with the register file that the tests know: register i holds 0x5a0000 + i.
void registers(const char* path, const assay::ToolOptions& options) {
  assay::SourceMap map;
  const assay::Module module = assay::parse_module(contents(path), path, &map).value();
  const assay::DebugSource source{path, &module, &map};
  assay::CompileOptions how;
  how.level = assay::Level::O2;
  how.passes.switched_off =
      1u << static_cast<assay::u32>(assay::opt::PassId::Inline); // a frame a function, as in an Engine
  assay::CodeObject object;
  if (auto done = assay::Compiler(how).compile(module, object); !done) give_up(done.error());
  assay::jit::InstallOptions install;
  if (options.any()) {
    auto tools = assay::jit::CodeTools::create(options);
    if (!tools) give_up(tools.error());
    install.tools = *tools;
  }
  auto installer = assay::jit::Installer::create(install);
  if (!installer) give_up(installer.error());
  assay::jit::Installed code;
  if (auto done = installer->install(object, code, &source); !done) give_up(done.error());
  assay::jit::Instance instance;
  StopsAtOnce host;
  if (auto done = instance.load(module, code, host); !done) give_up(done.error());
  instance.set_fuel(1000000);
  assay::EntryFrame frame;
  for (u64 i = 0; i < assay::EntryFrame::kRegisters; ++i) frame.gpr_in[i] = 0x5a0000 + i;
  const assay::FunctionId outer = module.find_function("outer");
  const u64 zero = 0;
  instance.place(outer, {&zero, 1}, frame);
  instance.enter(outer, frame);
  u64 result = 0;
  instance.collect(outer, frame, {&result, 1});
  std::printf("registers: %llu\n", static_cast<unsigned long long>(result));
  static_cast<void>(installer->uninstall(code));
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: tools_debuggee FILE WHAT [DIRECTORY]\n");
    return 2;
  }
  const std::string what = argv[2];
  assay::EngineOptions options;
  options.tools = tools_of(what, argc > 3 ? argv[3] : nullptr);
  if (what.rfind("registers", 0) == 0) {
    registers(argv[1], options.tools);
    return 0;
  }
  assay::Engine engine(options);
  engine.bind("host", &host_cb);
  engine.bind("stop", &host_cb);
  const auto program = engine.load_text(contents(argv[1]), argv[1]);
  if (!program) give_up(program.error());
  if (what.rfind("spin", 0) == 0) spin(*program);
  else calls(*program);
  return 0;
}
