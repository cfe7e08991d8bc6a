// corpus_test.cpp - every run that a check line of corpus/run and corpus/real asks for, in the emulator and by the
// oracle, in the
// conventions of Linux and of Windows. What the lines expect is the business of `assay check`.
#include "assay/text.h"
#include "qemu/unicorn/tests/support.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace assay::qemu {
namespace {

namespace fs = std::filesystem;

constexpr u64 kCorpusFuel = 1000000;

/// The call of a line "; run: @f(1, -2) ..."; false when the line is none.
bool parse_run(const Module& module, std::string_view line, FunctionId& function, std::vector<u64>& args) {
  constexpr std::string_view kStart = "; run: @";
  if (line.substr(0, kStart.size()) != kStart) return false;
  line.remove_prefix(kStart.size());
  const size_t open = line.find('('), close = line.find(')');
  function = module.find_function(line.substr(0, open));
  EXPECT_NE(function, kNone) << line;
  std::string_view list = line.substr(open + 1, close - open - 1);
  args.clear();
  for (const Type type : module.params_of(module.functions[function])) {
    const size_t comma = std::min(list.find(','), list.size());
    const auto value = parse_literal(list.substr(0, comma), type);
    EXPECT_TRUE(value) << line;
    args.push_back(value ? *value : 0);
    list.remove_prefix(comma);
    while (!list.empty() && (list[0] == ',' || list[0] == ' ')) list.remove_prefix(1);
  }
  return true;
}

class UnicornCorpus : public Unicorn {
protected:
  void check_file(const fs::path& path, Os os) {
    std::ifstream in(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    auto module = parse_and_verify(text, path.string());
    ASSERT_TRUE(module) << module.error().to_string();
    CompileOptions options;
    options.os = options.host_os = os;
    if (os == Os::Linux) options.features = emulated_features(Target::X64);
    CodeObject object;
    if (auto done = Compiler(options).compile(*module, object); !done) {
      ASSERT_EQ(done.error().kind, ErrorKind::Unsupported) << done.error().to_string();
      return; // the compiler says that it cannot
    }
    oracle_.prepare(*module);
    ASSERT_TRUE(executor_->load(*module, object));
    std::istringstream lines(text);
    FunctionId function = kNone;
    std::vector<u64> args;
    for (std::string line; std::getline(lines, line);) {
      if (parse_run(*module, line, function, args)) check_run(*module, function, args, path.string() + " " + line);
    }
  }

  void check_run(const Module& module, FunctionId function, std::span<const u64> args, const std::string& what) {
    Outcome wanted, out;
    oracle_.run(function, args, kCorpusFuel, host_, wanted);
    if (wanted.kind == OutcomeKind::Refused) return;
    executor_->run(function, args, kCorpusFuel, host_, out);
    ++runs_;
    unknown_ += compare(module, out, wanted) == Agreement::Unknown;
    EXPECT_NE(compare(module, out, wanted), Agreement::Differ)
        << what << ": " << first_difference(module, out, wanted) << " " << out.text;
  }

  oracle::Interpreter oracle_;
  u32 runs_ = 0, unknown_ = 0;
};

TEST_F(UnicornCorpus, AgreesWithTheOracle) {
  u32 files = 0;
  for (const char* folder : {"run", "real"}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(ASSAY_SOURCE_DIR) / "corpus" / folder)) {
      if (entry.path().extension() != ".air") continue;
      ++files;
      for (const Os os : {Os::Linux, Os::Windows}) check_file(entry.path(), os);
    }
  }
  EXPECT_GT(files, 50u);
  EXPECT_GT(runs_, 1000u);
  EXPECT_LT(unknown_, runs_ / 20);
  EXPECT_EQ(executor_->starts(), 1u);
}

} // namespace
} // namespace assay::qemu
