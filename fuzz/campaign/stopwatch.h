// stopwatch.h - how long a campaign has worked, whatever clocks do meanwhile.
//
// The parent looks many times a second. A longer gap between two looks means that it stood still itself (stopped,
// swapped out, the machine asleep) or that the clock was set: it counts as kMaxGap, and a clock that goes backwards
// as nothing. So no worker is taken to hang because its parent slept. Tested in fuzz/campaign/tests/stopwatch_test.cpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

namespace assay::fuzz {

class Stopwatch {
public:
  using Clock = std::function<double()>; // seconds from wherever
  static constexpr double kMaxGap = 1;

  static double steady() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  explicit Stopwatch(Clock clock = {}) : clock_(clock ? std::move(clock) : Clock(steady)), last_(clock_()) {}
  /// Looks at the clock; seconds since the beginning.
  double look() {
    const double now = clock_();
    const double gap = std::max(0.0, now - last_);
    if (gap > kMaxGap) left_out_ += gap - kMaxGap;
    seconds_ += std::min(gap, kMaxGap);
    last_ = now;
    return seconds_;
  }
  double seconds() const { return seconds_; }
  /// Seconds of standing still, which are not counted.
  double left_out() const { return left_out_; }

private:
  Clock clock_;
  double last_, seconds_ = 0, left_out_ = 0;
};

} // namespace assay::fuzz
