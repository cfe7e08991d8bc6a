// unused.cpp - drops what nothing refers to from a module: functions, globals, tags, the table.
//
// Exported functions and the entry are kept with all that they may reach. Linear. Tested in
// fuzz/reduce/tests/edits_test.cpp.
#include "fuzz/reduce/edit_functions.h"

namespace assay::fuzz {
namespace {

/// New numbers for what is marked, kNone for the rest.
u32 number(std::vector<u32>& marks) {
  u32 count = 0;
  for (u32& mark : marks) mark = mark == kNone ? kNone : count++;
  return count;
}

template <typename Thing> void keep_marked(std::vector<Thing>& things, const std::vector<u32>& names) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == kNone) continue;
    if (count != i) things[count] = std::move(things[i]);
    ++count;
  }
  things.resize(count);
}

struct Marks {
  std::vector<u32> functions, globals, tags;
  bool table = false;
  std::vector<FunctionId> work;

  void function(FunctionId id) {
    if (id == kNone || functions[id] != kNone) return;
    functions[id] = 0;
    work.push_back(id);
  }
};

void mark_uses(const Module& module, const Function& f, Marks& marks) {
  for (const Inst& inst : f.insts) {
    const Form form = info(inst.op).form;
    if (names_function(inst.op)) marks.function(inst.ref);
    else if (form == Form::Global) marks.globals[inst.ref] = 0;
    else if (form == Form::Throw) marks.tags[inst.ref] = 0;
    else if ((form == Form::CallIndirect || form == Form::TryCallIndirect) && !marks.table) {
      marks.table = true;
      for (const FunctionId id : module.table) marks.function(id);
    }
  }
  for (const Edge& edge : f.edges)
    if (edge.kind == EdgeKind::Catch) marks.tags[edge.value] = 0;
}

void rename(Function& f, const Marks& marks) {
  for (Inst& inst : f.insts) {
    const Form form = info(inst.op).form;
    if (names_function(inst.op)) inst.ref = marks.functions[inst.ref];
    else if (form == Form::Global) inst.ref = marks.globals[inst.ref];
    else if (form == Form::Throw) inst.ref = marks.tags[inst.ref];
  }
  for (Edge& edge : f.edges)
    if (edge.kind == EdgeKind::Catch) edge.value = marks.tags[edge.value];
}

} // namespace

void drop_unused(Program& program) {
  Module& m = program.module;
  Marks marks;
  marks.functions.assign(m.functions.size(), kNone);
  marks.globals.assign(m.globals.size(), kNone);
  marks.tags.assign(m.tags.size(), kNone);
  marks.function(program.entry);
  for (FunctionId id = 0; id < m.functions.size(); ++id)
    if (m.functions[id].exported) marks.function(id);
  while (!marks.work.empty()) {
    const FunctionId id = marks.work.back();
    marks.work.pop_back();
    mark_uses(m, m.functions[id], marks);
  }
  number(marks.functions);
  number(marks.globals);
  number(marks.tags);
  if (!marks.table) {
    m.table.clear();
    m.has_table = false;
  }
  for (FunctionId& id : m.table) id = id == kNone ? kNone : marks.functions[id];
  if (program.entry != kNone) program.entry = marks.functions[program.entry];
  for (FunctionId id = 0; id < m.functions.size(); ++id)
    if (marks.functions[id] != kNone) rename(m.functions[id], marks);
  keep_marked(m.functions, marks.functions);
  keep_marked(m.globals, marks.globals);
  keep_marked(m.tags, marks.tags);
}

} // namespace assay::fuzz
