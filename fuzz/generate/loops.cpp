// loops.cpp - counted loops: tested at the top or at the bottom, with carried values that may swap or
// rotate, breaks and continues from any depth of statements, and fuel in every header; and plain ones of one or two
// blocks, which take no fuel, as most loops of real programs (fuzz/mutate/counted.h tells why they need none).
//
// Invariant: each way back to a header hands it the next counter, so the number of rounds is fixed on entry;
// multiplicity_ is the product of the rounds of all loops around. Tested in fuzz/generate/tests/.
#include "fuzz/generate/body.h"
#include "fuzz/generate/draw/constants.h"

#include <algorithm>

namespace assay::fuzz {

/// Rounds such that the loop's body keeps the whole call below the configured number of instructions.
u32 Body::draw_trips(u32 size) {
  const u64 room = config_.max_dynamic > cost_ ? config_.max_dynamic - cost_ : 0;
  const u64 most = room / (multiplicity_ * (size + 4) + 1);
  return static_cast<u32>(std::min<u64>(random_.in(config_.trips), std::max<u64>(most, 1)));
}

/// The first counter and the limit; in the block before the loop.
void Body::set_counter(Loop& loop) {
  constexpr Type kInts[] = {Type::I32, Type::I64, Type::I8, Type::I16};
  const Type type = loop.counter_type = random_.pick(kInts);
  loop.rule = random_.below(kCounterRules);
  const bool known = random_.coin();
  const auto number = [&] { return known ? literal(type, loop.trips) : masked(type, loop.trips); };
  loop.step = 1;
  switch (loop.rule) {
  case kCountsDownToZero:
    loop.counter = number();
    loop.limit = literal(type, 0);
    break;
  case kCountsUpUnsigned:
    loop.counter = literal(type, 0);
    loop.limit = number();
    break;
  case kCountsUpSigned:
    loop.counter = literal(type, ~u64{loop.trips} + 1);
    loop.limit = literal(type, 0);
    break;
  default: { // any odd step from any start, around the end of the type
    const u64 first = edge_constant(random_, type);
    loop.step = edge_constant(random_, type) | 1;
    loop.counter = literal(type, first);
    loop.limit = literal(type, first + loop.step * loop.trips);
    break;
  }
  }
}

ValueId Body::next_counter(const Loop& loop) {
  const Type type = loop.counter_type;
  if (loop.rule == kCountsDownToZero) return emit(Opcode::Sub, type, {loop.counter, literal(type, 1)});
  return emit(Opcode::Add, type, {loop.counter, literal(type, loop.step)});
}

/// A condition that is nonzero while rounds are left. At the bottom of a loop with a limit of 0 rounds the
/// counter may have passed the limit by one, so these compare in order where the rule gives one.
ValueId Body::loop_goes_on(const Loop& loop, ValueId counter) {
  const Type type = loop.counter_type;
  switch (loop.rule) {
  case kCountsDownToZero: return emit(Opcode::GtS, type, {counter, loop.limit});
  case kCountsUpUnsigned: return emit(Opcode::LtU, type, {counter, loop.limit});
  case kCountsUpSigned: return emit(Opcode::LtS, type, {counter, loop.limit});
  default: return emit(Opcode::Ne, type, {counter, loop.limit});
  }
}

/// What the next round's carried parameters are: those of this round rotated, or new values.
void Body::next_carried(const Loop& loop, ValueList& out) {
  arguments(loop.carried.span(), out);
  if (!random_.chance(config_.permuted_params)) return;
  const u32 count = loop.carried.count;
  for (u32 i = 0; i < count; ++i) {
    for (u32 k = 1; k <= count; ++k) {
      const u32 other = (i + k) % count;
      if (loop.carried.items[other] != loop.carried.items[i]) continue;
      out.items[i] = emitter_.param(loop.header, other + 1);
      break;
    }
  }
}

/// A carried number becomes x * a + c, or the low bits of that, as generators of random numbers have it. Which one;
/// kNone: there is none that could, or not this time.
u32 Body::next_drawn(const Loop& loop, ValueList& next) {
  if (loop.trips < 4 || (loop.rule != kCountsUpUnsigned && loop.rule != kCountsUpSigned)) return kNone;
  for (u32 i = 0; i < loop.carried.count; ++i) {
    const Type type = loop.carried.items[i];
    if ((type != Type::I32 && type != Type::I64) || !random_.chance(config_.drawing_loop)) continue;
    const ValueId times = literal(type, edge_constant(random_, type));
    ValueId value = emit(Opcode::Mul, type, {emitter_.param(loop.header, i + 1), times});
    value = emit(Opcode::Add, type, {value, literal(type, edge_constant(random_, type))});
    if (random_.coin())
      value = emit(Opcode::And, type, {value, literal(type, bit_mask(type) >> random_.below(bits_of(type)))});
    next.items[i] = value;
    return i;
  }
  return kNone;
}

void Body::loop(u32 depth) {
  if (cost_ + 400 * multiplicity_ < config_.max_dynamic && random_.chance(config_.plain_loop)) return plain_loop();
  const u32 size = share(2);
  Loop loop;
  draw_types(config_.block_params, loop.carried);
  draw_types(config_.block_params, loop.exit_types);
  const bool test_first = random_.coin();
  loop.trips = draw_trips(size);
  if (!test_first) loop.trips = std::max(loop.trips, 1u);
  set_counter(loop);
  const bool watches = random_.chance(config_.watching_loop);
  Place place;
  if (watches) place = draw_place(); // its address is known before the loop
  TypeList params;
  params.push(loop.counter_type);
  for (const Type type : loop.carried.span()) params.push(type);
  ValueList args, carried;
  arguments(loop.carried.span(), carried);
  args.push(loop.counter);
  for (const ValueId value : carried.span()) args.push(value);
  loop.header = emitter_.block(params.span());
  loop.exit = emitter_.block(loop.exit_types.span());
  jump(loop.header, args);

  const u64 multiplicity = multiplicity_;
  multiplicity_ *= std::max(loop.trips, 1u);
  enter(loop.header, params.span());
  emit(Opcode::Fuel, Type::None, Type::None, {}, kNone, random_.chance(1, 8) ? random_.between(2, 9) : 1);
  loop.counter = emitter_.param(loop.header, 0);
  const Mark header = mark();
  if (test_first) {
    if (random_.chance(1, 3)) operation();
    const ValueId more = loop_goes_on(loop, loop.counter);
    ValueList results;
    arguments(loop.exit_types.span(), results);
    const BlockId body = emitter_.block();
    branch(more, {body}, {loop.exit, results.span()});
    start(body);
  }
  const ValueId found = watches ? read(place) : kNone;
  if (watches) offer(place.type, found);
  loops_.push_back(loop);
  if (random_.chance(config_.calling_loop)) call_statement(depth + 1);
  if (module_->memory_size >= 16 && random_.chance(config_.indexing_loop)) counter_access(loop);
  statements(emitted_ + size, depth + 1);
  loops_.pop_back();
  if (watches) {
    const ValueId other = pick_or_convert(place.type);
    write(place, combine(place.type, found, other));
  }
  ValueList next;
  next_carried(loop, next);
  const u32 drawn = test_first ? next_drawn(loop, next) : kNone;
  args.count = 0;
  args.push(next_counter(loop));
  for (const ValueId value : next.span()) args.push(value);
  if (test_first) {
    jump(loop.header, args);
  } else {
    const ValueId more = loop_goes_on(loop, args.items[0]);
    ValueList results;
    arguments(loop.exit_types.span(), results);
    branch(more, {loop.header, args.span()}, {loop.exit, results.span()});
  }
  multiplicity_ = multiplicity;
  release(header); // the header's own values dominate the exit
  enter(loop.exit, loop.exit_types.span());
  if (watches && place.load == Opcode::PLoad) observe(place.type, read(place)); // nothing else shows it
  if (drawn != kNone) observe(loop.carried.items[drawn], emitter_.param(loop.header, drawn + 1));
}

/// What a turn of a plain loop makes of the header's parameters: the counter's comes first and is not among `next`.
void Body::plain_turn(Type counter, const TypeList& types, BlockId header, ValueList& next) {
  const u32 operations = random_.coin() ? 0 : random_.below(4);
  for (u32 i = 0; i < operations; ++i) {
    if (module_->memory_size >= 64 && random_.chance(1, 6))
      access_at_end(emitter_.param(header, 0), counter, random_.below(16));
    else operation();
  }
  for (u32 i = 0; i < types.count; ++i) {
    const ValueId now = emitter_.param(header, i + 1);
    next.push(random_.chance(1, 5) ? pick(types.items[i]) : combine(types.items[i], now, pick(types.items[i])));
  }
}

/// A loop over at most sixteen numbers whose limit may not be known, in two blocks, or in one that is tested at its
/// end. As often as not nothing reads what it made.
void Body::plain_loop() {
  constexpr Type kInts[] = {Type::I32, Type::I64, Type::I8, Type::I16};
  const Type type = random_.pick(kInts);
  const u32 most = random_.chance(1, 4) ? 15 : 7;
  const bool falls = random_.chance(1, 3), known = random_.coin(), in_one = random_.coin();
  const u64 step = random_.chance(1, 4) ? 2 + random_.below(2) : 1;
  const ValueId bound = known ? literal(type, random_.below(most + 1)) : masked(type, most);
  const ValueId zero = literal(type, random_.chance(1, 4) ? ~u64{0} : 0), by = literal(type, step);
  TypeList params, carried;
  params.push(type);
  for (u32 i = random_.below(3); i != 0; --i) carried.push(random_type(random_));
  for (const Type each : carried.span()) params.push(each);
  ValueList args, next;
  args.push(falls ? bound : zero);
  for (const Type each : carried.span()) args.push(pick_or_convert(each));
  const BlockId header = emitter_.block(params.span()), exit = emitter_.block();
  const BlockId body = in_one ? kNone : emitter_.block();
  jump(header, args);
  const u64 multiplicity = multiplicity_;
  multiplicity_ *= most;
  const Mark scope = mark();
  enter(header, params.span());
  const ValueId counter = emitter_.param(header, 0), limit = falls ? zero : bound;
  const Opcode order =
      falls ? (random_.coin() ? Opcode::GtS : Opcode::GeS) : (random_.coin() ? Opcode::LtS : Opcode::LeS);
  if (!in_one) {
    branch(emit(order, type, {counter, limit}), {body}, {exit});
    start(body);
  }
  plain_turn(type, carried, header, next);
  args.count = 0;
  args.push(emit(falls ? Opcode::Sub : Opcode::Add, type, {counter, by}));
  for (const ValueId value : next.span()) args.push(value);
  if (in_one) branch(emit(order, type, {args.items[0], limit}), {header, args.span()}, {exit});
  else jump(header, args);
  multiplicity_ = multiplicity;
  release(scope);
  start(exit);
  if (random_.chance(3, 5)) return;
  for (u32 i = 0; i < carried.count; ++i) observe(carried.items[i], emitter_.param(header, i + 1));
}

/// break or continue, of this loop or one further out.
void Body::leave_or_repeat_loop() {
  const Loop loop = loops_[loops_.size() - 1 - random_.below(std::min<u32>(2, static_cast<u32>(loops_.size())))];
  ValueList args;
  if (random_.coin()) {
    arguments(loop.exit_types.span(), args);
    return jump(loop.exit, args);
  }
  // In a loop tested at the bottom this way back must make the test as well.
  ValueList carried;
  next_carried(loop, carried);
  args.push(next_counter(loop));
  for (const ValueId value : carried.span()) args.push(value);
  ValueList results;
  arguments(loop.exit_types.span(), results);
  const ValueId more = loop_goes_on(loop, args.items[0]);
  branch(more, {loop.header, args.span()}, {loop.exit, results.span()});
}

} // namespace assay::fuzz
