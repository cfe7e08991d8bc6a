// windows_step_test.cpp - RtlVirtualUnwind against the truth, at every instruction of compiled functions on Windows
// x64.
//
// The processor single-steps: a vectored handler sees each instruction of installed code, stubs included, before it
// runs. It keeps a stack of the frames as they truly are (a call pushes one: its registers are what unwinding must give
// until the return) and asks the system for the caller's. A missing entry would be taken for a leaf, so that one is
// there is checked first. In the epilogue of a function that pops stack arguments (ret n), which the system
// disassembles, the caller's rsp is the one behind these or before them; callers, having a frame pointer, do not mind.
// When code calls out, the return address is replaced by that of a breakpoint and stepping goes on behind the call.
// Controls: each unwind code changed must be noticed.
#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/codegen/call_conv.h"
#include "compiler/jit/instance.h"
#include "compiler/unwind/tests/corpus_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#endif

namespace assay::jit {
namespace {

#if defined(_WIN32) && defined(__x86_64__)

constexpr DWORD kBegin = 0xe0a55a01; // an exception of ours: begin stepping
constexpr DWORD kTrapFlag = 0x100;
constexpr u32 kMostSteps = 500; // of one call; those of a loop are alike

/// What the frame's caller has in its callee-saved registers, and where it goes on.
struct Registers {
  u64 rip = 0, rsp = 0;
  u64 general[8] = {}; // rbx rbp rsi rdi r12-r15
  M128A vector[10] = {};
};
constexpr const char* kNames[8] = {"rbx", "rbp", "rsi", "rdi", "r12", "r13", "r14", "r15"};

Registers registers_of(const CONTEXT& c) {
  Registers out{c.Rip, c.Rsp, {c.Rbx, c.Rbp, c.Rsi, c.Rdi, c.R12, c.R13, c.R14, c.R15}, {}};
  std::memcpy(out.vector, &c.Xmm6, sizeof out.vector);
  return out;
}

u64 word_at(u64 address) {
  u64 word = 0;
  std::memcpy(&word, reinterpret_cast<const void*>(address), 8);
  return word;
}

/// Whether the instruction there is a call.
bool is_call(u64 pc) {
  const u8* at = reinterpret_cast<const u8*>(pc);
  if ((*at & 0xf0) == 0x40) ++at; // REX
  return *at == 0xe8 || (*at == 0xff && (at[1] >> 3 & 7) == 2);
}

/// Steps through installed code on this thread while it is alive. One at a time.
class Stepper {
public:
  Stepper() {
    arena_.emplace(os::CodeArena::create().value());
    const os::CodeBlock block = *arena_->allocate(1); // full of breakpoints
    EXPECT_TRUE(arena_->publish(block));
    breakpoint_ = reinterpret_cast<u64>(block.exec);
    self_ = this;
    handler_ = AddVectoredExceptionHandler(1, &Stepper::on_exception);
  }
  ~Stepper() {
    RemoveVectoredExceptionHandler(handler_);
    self_ = nullptr;
  }

  /// Forgets frames. The address of code to call instead of `entry`: a breakpoint, from which on that function is gone
  /// through step by step, until it has returned.
  u64 begin_at(u64 entry, Instance& instance) {
    know(instance);
    entry_ = entry;
    return breakpoint_;
  }
  /// Goes step by step from here until code is left for the last time: through the entry stub as well.
  void begin_here(Instance& instance) {
    know(instance);
    RaiseException(kBegin, 0, 0, nullptr);
  }
  u64 steps() const { return steps_; }
  u64 mismatches() const { return mismatches_; }
  const std::string& first_mismatch() const { return text_; }
  void clear() {
    mismatches_ = 0;
    text_.clear();
  }

private:
  void know(Instance& instance) {
    const Installed& code = instance.code();
    entries_.clear();
    popped_.clear();
    for (const FunctionCode& function : code.object()->functions) {
      entries_.push_back(code.base() + function.begin);
      popped_.push_back(instance.layout_of(function.function).stack_bytes);
    }
    frames_.clear();
    was_inside_ = false;
    entry_ = 0;
    stops_there_ = false;
    gone_ = 0;
  }
  static LONG CALLBACK on_exception(EXCEPTION_POINTERS* info) {
    CONTEXT& context = *info->ContextRecord;
    const DWORD code = info->ExceptionRecord->ExceptionCode;
    if (code == kBegin) {
      context.EFlags |= kTrapFlag;
    } else if (code == EXCEPTION_BREAKPOINT && context.Rip - self_->breakpoint_ <= 1) {
      self_->at_breakpoint(context);
    } else if (code == EXCEPTION_SINGLE_STEP) {
      self_->step(context);
    } else {
      return EXCEPTION_CONTINUE_SEARCH;
    }
    return EXCEPTION_CONTINUE_EXECUTION;
  }

  void step(CONTEXT& context) {
    const u64 pc = context.Rip, sp = context.Rsp;
    const bool inside = os::in_code_range(pc);
    const bool called = was_inside_ && sp == last_sp_ - 8 && is_call(last_pc_);
    if (inside) {
      if (called || !was_inside_) push(context);
      else if (frames_.size() == 1 && pc == frames_[0].rip && stops_there_) return;
      else if (!frames_.empty() && pc == frames_.back().rip && sp >= frames_.back().rsp) frames_.pop_back();
      else if (std::find(entries_.begin(), entries_.end(), pc) != entries_.end() && is_tail_call(sp)) replace(context);
      check(context);
    } else if (was_inside_) {
      if (called) { // out: the next that is of interest is where that call returns to
        gone_on_at_ = word_at(sp);
        std::memcpy(reinterpret_cast<void*>(sp), &breakpoint_, 8);
      }
      return; // and the flag is not set again
    }
    went_on(context, inside);
  }

  /// In the place of the first function, or back from a call out.
  void at_breakpoint(CONTEXT& context) {
    stops_there_ |= entry_ != 0;
    context.Rip = entry_ != 0 ? entry_ : gone_on_at_;
    if (entry_ != 0) push(context);
    entry_ = 0;
    check(context);
    went_on(context, true);
  }
  void went_on(CONTEXT& context, bool inside) {
    if (++gone_ > kMostSteps) return; // the rest runs by itself
    was_inside_ = inside;
    last_pc_ = context.Rip;
    last_sp_ = context.Rsp;
    context.EFlags |= kTrapFlag;
  }
  /// At a function's first instruction, and not by a call: either a loop to there, which no function has, or a tail
  /// call.
  bool is_tail_call(u64 sp) const { return !frames_.empty() && word_at(sp) == frames_.back().rip; }

  void push(const CONTEXT& context) {
    frames_.emplace_back();
    replace(context);
  }
  void replace(const CONTEXT& context) {
    frames_.back() = registers_of(context);
    frames_.back().rip = word_at(context.Rsp);
    frames_.back().rsp = context.Rsp + 8;
  }

  void check(const CONTEXT& context) {
    ++steps_;
    CONTEXT up = context;
    DWORD64 base = 0;
    RUNTIME_FUNCTION* const entry = RtlLookupFunctionEntry(context.Rip, &base, nullptr);
    if (entry == nullptr) return differs(context, "no entry");
    void* data = nullptr;
    DWORD64 establisher = 0;
    RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, context.Rip, entry, &up, &data, &establisher, nullptr);
    if (frames_.empty()) return differs(context, "no frame");
    const Registers found = registers_of(up);
    const Registers& truth = frames_.back();
    if (found.rip != truth.rip) return differs(context, "rip");
    // A tail call with other stack arguments moves the return address, and with it what the caller's rsp will be.
    const bool moved = (found.rsp - truth.rsp) % 8 == 0 && word_at(found.rsp - 8) == truth.rip;
    if (found.rsp != truth.rsp && !moved && found.rsp != truth.rsp + popped_at(context.Rip))
      return differs(context, "rsp");
    for (u32 i = 0; i < 8; ++i)
      if (found.general[i] != truth.general[i]) return differs(context, kNames[i]);
    if (std::memcmp(found.vector, truth.vector, sizeof found.vector) != 0) return differs(context, "xmm6-15");
  }
  u64 popped_at(u64 pc) const {
    const auto behind = std::upper_bound(entries_.begin(), entries_.end(), pc);
    return behind == entries_.begin() ? 0 : popped_[static_cast<std::size_t>(behind - entries_.begin()) - 1];
  }
  void differs(const CONTEXT& context, const char* what) {
    if (mismatches_++ != 0) return;
    std::ostringstream out;
    out << what << " at 0x" << std::hex << context.Rip << ", function 0x";
    const auto behind = std::upper_bound(entries_.begin(), entries_.end(), context.Rip);
    out << (behind == entries_.begin() ? 0 : behind[-1]);
    text_ = out.str();
  }

  static Stepper* self_;
  void* handler_ = nullptr;
  std::optional<os::CodeArena> arena_;
  u64 breakpoint_ = 0;
  std::vector<u64> entries_, popped_; // of each function: address, and bytes of stack arguments
  std::vector<Registers> frames_;
  bool was_inside_ = false;
  u64 last_pc_ = 0, last_sp_ = 0;
  u64 gone_on_at_ = 0;
  u64 entry_ = 0;            // to go to from the breakpoint
  bool stops_there_ = false; // when the first function returns
  u32 gone_ = 0;             // since it began
  u64 steps_ = 0, mismatches_ = 0;
  std::string text_; // of the first mismatch
};
Stepper* Stepper::self_ = nullptr;

class Stepping : public testing::Test, protected ImportHandler {
protected:
  void on_import(Instance&, FunctionId, std::span<const u64>, std::span<u64>) override { ++imports_; }

  bool load(std::string_view text, Level level) {
    EXPECT_TRUE(installer_->uninstall(code_));
    auto module = parse_and_verify(text);
    if (!module || !module->tags.empty()) return false; // who throws goes past the calls that are waited for
    module_ = std::move(module).value();
    CompileOptions options;
    options.level = level;
    const auto compiled = Compiler(options).compile(module_, object_);
    EXPECT_TRUE(compiled) << compiled.error().to_string();
    EXPECT_TRUE(installer_->install(object_, code_));
    EXPECT_TRUE(instance_.load(module_, code_, *this));
    return true;
  }
  /// Every exported function, with small numbers for arguments.
  void run_all(u64 fuel, bool with_stub = false) {
    for (FunctionId id = 0; id < module_.functions.size(); ++id) {
      const Function& function = module_.functions[id];
      if (function.imported || !function.exported) continue;
      std::vector<u64> args(module_.params_of(function).size());
      for (std::size_t i = 0; i < args.size(); ++i) args[i] = 3 + i;
      instance_.reset();
      instance_.set_fuel(fuel);
      EntryFrame frame; // no two registers are alike, so that none can be taken for another
      for (u32 r = 0; r < EntryFrame::kRegisters; ++r) {
        frame.gpr_in[r] = 0x1000 + r;
        frame.fpr_in[r][0] = 0x2000 + r;
        frame.fpr_in[r][1] = 0x3000 + r;
      }
      instance_.place(id, args, frame);
      TrapValue trap;
      if (with_stub) stepper_.begin_here(instance_);
      else frame.code = stepper_.begin_at(frame.code, instance_);
      static_cast<void>(instance_.try_enter(id, frame, trap));
    }
  }
  ~Stepping() override { EXPECT_TRUE(installer_->uninstall(code_)); }

  Result<Installer> installer_ = Installer::create({}, (*process_stubs())->trap_entry);
  Module module_;
  CodeObject object_;
  Installed code_;
  Instance instance_;
  Stepper stepper_;
  u64 imports_ = 0;
};

TEST_F(Stepping, TheSystemFindsTheCallerAtEveryInstructionOfTheCorpus) {
  u32 programs = 0;
  for (const std::string& text : unwind::corpus_programs("run")) {
    for (const Level level : {Level::O0, Level::O2}) {
      if (!load(text, level)) continue;
      ++programs;
      run_all(40);
      ASSERT_EQ(stepper_.mismatches(), 0u) << stepper_.first_mismatch() << " in\n" << text;
    }
  }
  RecordProperty("steps", static_cast<int>(stepper_.steps()));
  EXPECT_GT(programs, 50u);
  EXPECT_GT(imports_, 10u);
  EXPECT_GT(stepper_.steps(), 20000u);
}

TEST_F(Stepping, TheSystemFindsTheCallerInStubs) {
  ASSERT_TRUE(load("import @host()\nexport func @f(i64) {\n^e(%a: i64):\n  call @host()\n  return\n}\n"
                   "export func @g() {\n^e:\n  trap user3\n}\n",
                   Level::O2));
  run_all(40);
  const u64 without = stepper_.steps();
  run_all(40, true);
  EXPECT_EQ(stepper_.mismatches(), 0u) << stepper_.first_mismatch();
  EXPECT_GT(stepper_.steps(), 2 * without + 200); // some 80 moves each way
}

/// Saves integers and vectors: many values live across a call.
std::string frame_program() {
  std::string before, after, a = "%a", x = "%x", s = "%a", t = "%x";
  const auto append = [](std::string& text, const std::string& name, const char* op, std::string& last,
                         const std::string& with) {
    text += "  " + name + " = " + op + " " + last + ", " + with + "\n";
    last = name;
  };
  for (u32 i = 0; i < 12; ++i) {
    const std::string n = std::to_string(i);
    append(before, "%a" + n, "add.i64", a, "%a");
    append(before, "%x" + n, "fadd.f64", x, "%x");
    append(after, "%s" + n, "xor.i64", s, "%a" + n);
    append(after, "%t" + n, "fmul.f64", t, "%x" + n);
  }
  return "import @host()\nfunc @leaf() {\n^e:\n  call @host()\n  return\n}\n"
         "export func @f(i64, f64) -> i64, f64 {\n^e(%a: i64, %x: f64):\n" +
         before + "  call @leaf()\n" + after + "  return " + s + ", " + t + "\n}\n";
}

/// The unwind codes of a function, writable. Its memory is code memory, which is made executable again at the end.
class Codes {
public:
  explicit Codes(u64 pc) {
    DWORD64 base = 0;
    const RUNTIME_FUNCTION* entry = RtlLookupFunctionEntry(pc, &base, nullptr);
    info_ = reinterpret_cast<u8*>(base + entry->UnwindData);
    EXPECT_TRUE(VirtualProtect(info_, 4 + 2 * 255, PAGE_EXECUTE_READWRITE, &before_));
  }
  ~Codes() { VirtualProtect(info_, 4 + 2 * 255, before_, &before_); }
  u32 count() const { return info_[2]; }
  u8* slot(u32 i) { return info_ + 4 + 2 * i; }

private:
  u8* info_ = nullptr;
  DWORD before_ = 0;
};

/// Slots behind the first that a code takes.
u32 more_slots(const u8* slot) {
  switch (slot[1] & 15) {
  case 1: return (slot[1] >> 4) == 0 ? 1 : 2;
  case 4:
  case 8: return 1;
  case 5:
  case 9: return 2;
  default: return 0;
  }
}

TEST_F(Stepping, EachUnwindCodeThatIsChangedIsNoticed) {
  ASSERT_TRUE(load(frame_program(), Level::O2));
  run_all(1000);
  ASSERT_EQ(stepper_.mismatches(), 0u) << stepper_.first_mismatch();
  Codes codes(code_.entry(module_.find_function("f")));
  u32 kinds = 0;
  for (u32 i = 0; i < codes.count(); i += 1 + more_slots(codes.slot(i))) {
    u8* const slot = codes.slot(i);
    const u32 op = slot[1] & 15;
    if ((kinds & 8) == 0 && (op == 1 || op == 2)) continue; // undone before rsp is taken from the frame register
    // Another register (never rsp: it would be followed), size or place; the code of the frame register becomes an
    // allocation.
    u8* const changed = op == 4 || op == 8 || (op == 1 && (slot[1] >> 4) == 0) ? slot + 2 : slot + 1;
    const u8 right = *changed;
    *changed = op == 3 ? static_cast<u8>(right ^ 1) : static_cast<u8>(right ^ (changed == slot + 1 ? 0xf0 : 0x01));
    stepper_.clear();
    run_all(1000);
    EXPECT_GT(stepper_.mismatches(), 0u) << "slot " << i << " operation " << op;
    *changed = right;
    kinds |= 1u << op;
  }
  EXPECT_EQ(kinds & 0x109, 0x109u) << "pushes, a frame register and vectors must be among them: " << kinds;
  stepper_.clear();
  run_all(1000);
  EXPECT_EQ(stepper_.mismatches(), 0u) << stepper_.first_mismatch();
}

#endif

} // namespace
} // namespace assay::jit
