// compile_frame_test.cpp - frame effects against the code: the stack is followed through the disassembly of each
// prologue, epilogue and tail call, and must be what the FrameOps say after every instruction.
#include "compile_support.h"

#include <cstdlib>
#include <map>

namespace assay::codegen {
namespace {

constexpr int kRbp = 5;

const char* const kNames[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

int reg_number(const std::string& name) {
  for (int i = 0; i < 16; ++i) {
    if (name == kNames[i]) return i;
  }
  return name.rfind("xmm", 0) == 0 ? 32 + std::atoi(name.c_str() + 3) : -1;
}

/// What is true: places relative to the CFA at entry (return address at -8).
struct Truth {
  long rsp = -8;
  long rbp = 0; // meaningful when rbp_known
  bool rbp_known = false;
  long return_at = -8;       // where the return address lies
  std::map<int, long> saved; // registers that no longer have the caller's value, and where it lies
};

/// What the effects say.
struct Described {
  bool by_frame = false;
  long offset = 8;           // CFA = (rbp or rsp) + offset
  std::map<int, long> saved; // place relative to the CFA at entry
};

long number_after(const std::string& text, const std::string& what) {
  const std::size_t at = text.find(what);
  return at == std::string::npos ? 0 : std::strtol(text.c_str() + at + what.size(), nullptr, 0);
}
/// "[rbp - 0x10]" or "[rsp + 8]": the displacement.
bool memory_of(const std::string& text, const std::string& base, long& displacement) {
  const std::size_t at = text.find("[" + base);
  if (at == std::string::npos) return false;
  const std::string rest = text.substr(at + 1 + base.size());
  if (rest[0] == ']') displacement = 0;
  else if (rest.rfind(" + ", 0) == 0 && std::isdigit(static_cast<unsigned char>(rest[3])))
    displacement = std::strtol(rest.c_str() + 3, nullptr, 0);
  else if (rest.rfind(" - ", 0) == 0) displacement = -std::strtol(rest.c_str() + 3, nullptr, 0);
  else return false;
  return true;
}

class FrameCheck {
public:
  FrameCheck(const CodeObject& object, const FunctionCode& function) : ops_(object.frame_of(function)) {
    for (const debug::Line& line : disassemble(object, function)) {
      step(line.text);
      describe(line.offset + line.length);
      compare(line.text);
    }
    EXPECT_EQ(next_, ops_.size()) << "effects at no instruction's end";
  }
  u32 epilogues = 0;

private:
  void step(const std::string& text) {
    const std::size_t space = text.find(' ');
    const std::string op = text.substr(0, space), args = space == std::string::npos ? "" : text.substr(space + 1);
    const std::string first = args.substr(0, args.find(','));
    const int reg = reg_number(first);
    long displacement = 0;
    if (op == "push") {
      truth_.rsp -= 8;
      save(reg, truth_.rsp);
    } else if (op == "pop") {
      EXPECT_EQ(truth_.saved.at(reg), truth_.rsp) << text;
      restore(reg);
      truth_.rsp += 8;
    } else if (text == "mov rbp, rsp") {
      truth_.rbp = truth_.rsp;
      truth_.rbp_known = true;
    } else if (op == "sub" && first == "rsp") {
      truth_.rsp -= number_after(text, ", ");
    } else if (op == "lea" && first == "rsp") {
      truth_.rsp = memory_of(text, "rbp", displacement)
                       ? truth_.rbp + displacement
                       : (memory_of(text, "rsp", displacement), truth_.rsp + displacement);
    } else if (op == "movaps" && first.rfind("xmmword", 0) == 0 && memory_of(text, "rbp", displacement)) {
      save(reg_number(args.substr(args.find(", ") + 2)), truth_.rbp + displacement);
    } else if ((op == "mov" || op == "movaps") && memory_of(args.substr(args.find(',')), "rbp", displacement) &&
               truth_.saved.count(reg) != 0 && truth_.saved.at(reg) == truth_.rbp + displacement) {
      restore(reg);
    } else if (op == "mov" && first == "rax" && memory_of(text, "rbp", displacement) &&
               truth_.rbp + displacement == -8) {
      rax_is_return_address_ = true;
    } else if (op == "mov" && rax_is_return_address_ && memory_of(first, "rbp", displacement)) {
      truth_.return_at = truth_.rbp + displacement;
      rax_is_return_address_ = false;
    }
  }
  void save(int reg, long place) {
    if (reg >= 0 && truth_.saved.count(reg) == 0) truth_.saved[reg] = place;
  }
  void restore(int reg) {
    truth_.saved.erase(reg);
    if (reg == kRbp) truth_.rbp_known = false;
  }

  void describe(u32 end) {
    for (; next_ < ops_.size() && ops_[next_].offset <= end; ++next_) {
      const FrameOp& op = ops_[next_];
      // The beginning of an epilogue holds before its first instruction, so it comes with the end of the one before.
      EXPECT_EQ(op.offset, end);
      apply(op);
    }
  }
  void apply(const FrameOp& op) {
    Described& d = described_;
    switch (op.effect) {
    case FrameEffect::Push:
      if (!d.by_frame) d.offset += 8;
      sp_ -= 8;
      d.saved[op.reg] = sp_;
      break;
    case FrameEffect::Allocate:
      if (!d.by_frame) d.offset += op.value;
      sp_ -= op.value;
      break;
    case FrameEffect::SetFrame: d.by_frame = true; break;
    case FrameEffect::SignReturn:
    case FrameEffect::AuthReturn: break; // not on x64
    case FrameEffect::Save: d.saved[op.reg] = -op.value; break;
    case FrameEffect::EpilogueBegin:
      body_ = {d, truth_, sp_};
      ++epilogues;
      break;
    case FrameEffect::Pop:
      d.saved.erase(op.reg);
      if (!d.by_frame) d.offset -= 8;
      sp_ += 8;
      break;
    case FrameEffect::Release:
      if (!d.by_frame) d.offset -= op.value;
      sp_ += op.value;
      break;
    case FrameEffect::ResetToFrame: sp_ = truth_.rbp + op.value; break;
    case FrameEffect::Restore: d.saved.erase(op.reg); break;
    case FrameEffect::DropFrame:
      d.by_frame = false;
      d.offset = op.value;
      break;
    case FrameEffect::EpilogueEnd:
      d = body_.described;
      truth_ = body_.truth;
      sp_ = body_.sp;
      return;
    }
    if (op.effect == FrameEffect::EpilogueBegin || op.effect == FrameEffect::DropFrame) return;
    EXPECT_EQ(sp_, truth_.rsp) << "effect " << static_cast<u32>(op.effect);
  }

  /// The CFA that the effects give is where the return address lies, plus 8; every register is where they say.
  void compare(const std::string& after) {
    const long cfa = (described_.by_frame ? truth_.rbp : truth_.rsp) + described_.offset;
    EXPECT_EQ(cfa, described_.by_frame ? 0 : truth_.return_at + 8) << after;
    EXPECT_EQ(described_.saved, truth_.saved) << after;
  }

  std::span<const FrameOp> ops_;
  std::size_t next_ = 0;
  Truth truth_;
  Described described_;
  long sp_ = -8;
  bool rax_is_return_address_ = false;
  struct {
    Described described;
    Truth truth;
    long sp = 0;
  } body_;
};

void expect_frames_right(std::string_view text, u32 epilogues) {
  const Module module = parse(text);
  for (Os os : {Os::Linux, Os::Windows}) {
    for (u32 registers : {0u, 2u}) {
      CompileOptions options;
      options.os = os;
      options.host_os = Os::Linux;
      options.max_registers = registers;
      const CodeObject object = compile(module, options);
      SCOPED_TRACE(std::string(name_of(os)) + " " + std::to_string(registers));
      u32 found = 0;
      for (const FunctionCode& f : object.functions) found += FrameCheck(object, f).epilogues;
      EXPECT_EQ(found, epilogues);
    }
  }
}

/// A body in which many values live over a call, so that callee-saved registers are used.
std::string busy_body(const std::string& end) {
  std::string text = "^e(%a: i64, %x: f64):\n";
  for (int i = 0; i < 8; ++i)
    text += " %v" + std::to_string(i) + " = mul.i64 %a, %a\n %w" + std::to_string(i) + " = fmul.f64 %x, %x\n";
  text += " call @log(%a)\n %s0 = add.i64 %v0, %v0\n %t0 = fadd.f64 %w0, %w0\n";
  for (int i = 1; i < 8; ++i) {
    const std::string n = std::to_string(i), p = std::to_string(i - 1);
    text += " %s" + n + " = add.i64 %s" + p + ", %v" + n + "\n %t" + n + " = fadd.f64 %t" + p + ", %w" + n + "\n";
  }
  return text + end;
}

TEST(Frame, SmallLeaf) { expect_frames_right("export func @f(i64) -> i64 {\n^e(%a: i64):\n return %a\n}", 1); }

TEST(Frame, CalleeSavedRegistersAndImports) {
  expect_frames_right("import @log(i64)\nexport func @f(i64, f64) -> i64, f64 {\n" + busy_body(" return %s7, %t7\n}"),
                      2);
}

TEST(Frame, SeveralReturns) {
  expect_frames_right("import @log(i64)\nexport func @f(i64, f64) -> i64, f64 {\n" +
                          busy_body(" branch %a, ^p, ^q\n^p:\n return %s7, %t7\n^q:\n return %a, %x\n}"),
                      3);
}

TEST(Frame, LargeFramesAreProbed) {
  for (const char* size : {"5000", "40000", "1000000"}) {
    expect_frames_right(
        std::string("export func @f(i64) -> i64 {\n slot $s : ") + size + " align 8\n^e(%a: i64):\n return %a\n}", 1);
  }
}

std::string words(int count, const std::string& each, bool numbered) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + each + (numbered ? std::to_string(i) : "");
  return text;
}

/// A function of `from` parameters that tail-calls one of `to`.
std::string tail_program(int from, int to) {
  std::string params, args;
  for (int i = 0; i < from; ++i) params += (i == 0 ? "%p" : ", %p") + std::to_string(i) + ": i64";
  for (int i = 0; i < to; ++i) args += (i == 0 ? "%p" : ", %p") + std::to_string(i % from);
  std::string callee;
  for (int i = 0; i < to; ++i) callee += (i == 0 ? "%q" : ", %q") + std::to_string(i) + ": i64";
  return "import @log(i64)\nfunc @g(" + words(to, "i64", false) + ") -> i64 {\n^e(" + callee +
         "):\n return %q0\n}\nexport func @f(" + words(from, "i64", false) + ") -> i64 {\n^e(" + params +
         "):\n call @log(%p0)\n tail_call @g(" + args + ")\n}";
}

TEST(Frame, TailCallsWithMoreFewerAndAsManyStackArguments) {
  for (const auto& [from, to] : std::vector<std::pair<int, int>>{
           {2, 2}, {2, 12}, {12, 2}, {12, 12}, {12, 14}, {14, 40}, {40, 14}, {3, 100}, {100, 3}}) {
    SCOPED_TRACE(std::to_string(from) + " to " + std::to_string(to));
    expect_frames_right(tail_program(from, to), 3);
  }
}

TEST(Frame, PrologueFitsWindowsUnwindInfo) {
  CompileOptions options;
  options.os = Os::Windows;
  options.host_os = Os::Linux;
  const CodeObject object =
      compile("import @log(i64)\nexport func @f(i64, f64) -> i64, f64 {\n slot $s : 16000 align 8\n" +
                  busy_body(" return %s7, %t7\n}"),
              options);
  for (const FunctionCode& f : object.functions) {
    u32 prologue = 0;
    for (const FrameOp& op : object.frame_of(f)) {
      if (op.effect == FrameEffect::EpilogueBegin) break;
      prologue = op.offset;
    }
    EXPECT_LE(prologue, 255u);
  }
}

} // namespace
} // namespace assay::codegen
