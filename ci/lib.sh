# lib.sh - what ci/test, ci/fuzz and ci/install share. Sourced, not run.

assay_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Prints the comment that opens a script, as its help.
help_of() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$1"; }

jobs_here() { getconf _NPROCESSORS_ONLN 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2; }
# Tests at once: one more, as some mostly wait.
tests_here() { echo $(($(jobs_here) + 1)); }

# configure PRESET: runs cmake when the build folder is new or the presets are newer. Silent when all is well.
# ASSAY_CMAKE_ARGS: more arguments for it.
configure() {
  local dir="$assay_root/build/$1" log="$assay_root/build/$1.configure.log"
  [ -f "$dir/build.ninja" ] && [ "$dir/build.ninja" -nt "$assay_root/CMakePresets.json" ] && return 0
  mkdir -p "$assay_root/build"
  say "configuring preset $1 in build/$1"
  (cd "$assay_root" && cmake --preset "$1" ${ASSAY_CMAKE_ARGS:-}) >"$log" 2>&1 || { cat "$log" >&2; die "cmake --preset $1 failed"; }
}

# build PRESET [TARGET...]: silent when nothing is to do, ninja's own progress otherwise.
build() {
  local dir="$assay_root/build/$1"
  shift
  case "$(ninja -C "$dir" -n "$@" 2>&1)" in *"no work to do"*) return 0 ;; esac
  ninja -C "$dir" "$@" || die "the build in $dir failed"
}

# Why this host cannot build and run ARM64 programs beside its own; nothing when it can. With "tests": the test suite.
no_arm64() {
  if [ "$(uname -s)" != Linux ] || [ "$(uname -m)" = aarch64 ]; then echo "not a Linux host with another processor"
  elif ! command -v aarch64-linux-gnu-g++ >/dev/null; then echo "no cross compiler (package g++-aarch64-linux-gnu)"
  elif ! command -v qemu-aarch64 >/dev/null; then echo "no qemu-aarch64 (package qemu-user)"
  elif [ "${1:-}" = tests ] && ! [ -e /usr/lib/aarch64-linux-gnu/cmake/GTest ]; then
    echo "no libraries for arm64 (package libgtest-dev:arm64)"
  fi
}

# Why this host cannot build and run Windows programs beside its own; nothing when it can.
no_win64() {
  if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then echo "not a Linux host on x86-64"
  elif ! command -v x86_64-w64-mingw32-g++-posix >/dev/null; then
    echo "no cross compiler (package g++-mingw-w64-x86-64-posix)"
  elif ! [ -d /usr/src/googletest ]; then echo "no sources of GoogleTest (package libgtest-dev)"
  elif ! command -v wine >/dev/null || ! command -v wineboot >/dev/null; then echo "no Wine (packages wine, wine64)"
  fi
}

# Where ci/install-cross puts what it brings.
cross_cache() { echo "${ASSAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/assay}"; }

# Why this host cannot build and run Windows programs for ARM64; nothing when it can.
no_winarm64() {
  local cache
  cache=$(cross_cache)
  if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then echo "not a Linux host on x86-64"
  elif ! [ -x "$cache/zig/zig" ] && [ -z "${ASSAY_ZIG:-}" ]; then echo "no cross compiler (ci/install-cross brings zig)"
  elif ! [ -x "$cache/wine-arm64/usr/lib/wine/wine64" ]; then echo "no Wine for ARM64 (ci/install-cross brings it)"
  elif ! [ -d /usr/src/googletest ]; then echo "no sources of GoogleTest (package libgtest-dev)"
  elif ! command -v qemu-aarch64 >/dev/null; then echo "no qemu-aarch64 (package qemu-user)"
  elif ! "$assay_root/ci/wine-arm64" --try; then echo "no binfmt_misc in user namespaces (Linux 6.7, and the right to make them)"
  fi
}

# Why this host cannot compile and link for macOS; nothing when it can.
no_macos() {
  if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then echo "not a Linux host on x86-64"
  elif ! [ -x "$(cross_cache)/zig/zig" ] && [ -z "${ASSAY_ZIG:-}" ]; then
    echo "no cross compiler (ci/install-cross zig brings it)"
  elif ! [ -d /usr/src/googletest ]; then echo "no sources of GoogleTest (package libgtest-dev)"
  fi
}

# What is different on Windows: memory, faults, function tables, structured exceptions, the conventions of C functions.
# What is pure runs alike everywhere.
windows_targets=(os_tests jit_tests native_tests selftest_tests)
windows_tests='^(os|jit|native|selftest)\.'

# For awk: what XML says, as text.
plain_text='
  function plain(text) {
    gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text); gsub(/&amp;/, "\\&", text)
    return text
  }'

# Prints "name: reason" for each skipped test of a JUnit file: what the test said, or ctest's word for it.
list_skips() {
  awk "$plain_text"'
    /<testcase /    { name = $0; sub(/.*<testcase name="/, "", name); sub(/".*/, "", name); skipped = 0; why = ""; take = 0 }
    /<skipped/      { skipped = 1; word = $0; if (!sub(/.*message="/, "", word)) word = "skipped"; sub(/".*/, "", word) }
    take && NF      { if (why == "") { why = $0; sub(/<\/system-out>.*/, "", why) } take = 0 }
    skipped && /: Skipped$/ { take = 1 }
    skipped && /(skipped|Skipped): / { why = $0; sub(/^.*[sS]kipped: /, "", why); sub(/<\/system-out>.*/, "", why) }
    /<\/testcase>/  { if (skipped) printf "  %s: %s\n", plain(name), plain(why == "" ? word : why) }
  ' "$1"
}

# Prints "name:" and the last lines of what it said for each failed test of a JUnit file.
list_failures() {
  awk -v most=40 "$plain_text"'
    function keep(text) { line[count++] = plain(text) }
    /<testcase /    { name = $0; sub(/.*<testcase name="/, "", name); sub(/".*/, "", name); failed = 0; inside = 0; count = 0 }
    /<failure/      { failed = 1 }
    /<system-out>/  { inside = 1; sub(/.*<system-out>/, "") }
    inside && /<\/system-out>/ { text = $0; sub(/<\/system-out>.*/, "", text); if (text != "") keep(text); inside = 0 }
    inside          { keep($0) }
    /<\/testcase>/  {
      if (!failed) next
      printf "  %s:\n", plain(name)
      if (count > most) printf "    (%d lines before)\n", count - most
      for (i = (count > most ? count - most : 0); i < count; ++i) printf "    %s\n", line[i]
    }
  ' "$1"
}

# Builds the agent that runs ARM64 code under qemu-aarch64, where this host can.
build_agent() {
  local reason
  reason=$(no_arm64)
  if [ -n "$reason" ]; then say "no ARM64 agent: $reason"; return 0; fi
  configure agent-arm64
  build agent-arm64 assay_agent
}
