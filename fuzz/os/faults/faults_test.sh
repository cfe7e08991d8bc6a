#!/usr/bin/env bash
# faults_test.sh - the command, with one call of the system after the other failing.
#
#   faults_test.sh ASSAY LIBRARY WORK SOURCE
#
# Each command runs with the N-th call of each kind failing, N going up until it is not reached any more (of allocations and bytes,
# of which there are thousands, some N). Whatever fails: no signal ends the command, it ends in time, and unless it succeeds all
# the same, it says why; nothing half written stays; and a campaign that was hit goes on afterwards to the same end as one that
# was not. What some must say stands at the end. Exit status 0: so it is.
set -uo pipefail
assay=$1 library=$2 work=$3 source=$4
rm -rf "$work"; mkdir -p "$work"; cd "$work" || exit 2
failures=0 struck=0 told=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# hit FAULT COMMAND...: runs it with that fault; false when the fault was not reached.
hit() {
  local fault=$1 status; shift
  rm -f struck
  timeout 60 env ASSAY_FAULT=$fault ASSAY_FAULT_LOG=$work/struck LD_PRELOAD=$library "$@" >out.log 2>err.log
  status=$?
  [ -s struck ] || return 1
  struck=$((struck + 1))
  case $status in
    0) ;;
    3 | 4 | 5) [ -s err.log ] || fail "$fault: $*: status $status without a reason"; told=$((told + 1)) ;;
    1) told=$((told + 1)); [ -s err.log ] || [ -s out.log ] || fail "$fault: $*: status 1 without a word" ;;
    124) fail "$fault: $*: no end" ;;
    *) fail "$fault: $*: status $status: $(tail -3 err.log)" ;;
  esac
  return 0
}

# all FAULT NUMBERS COMMAND...: with each of the numbers, until one is not reached.
all() {
  local fault=$1 numbers=$2 n; shift 2
  for n in $numbers; do hit "$fault@$n" "$@" || break; done
}

few="1 2 3 4 5 6 7 8 10 12 15 20 30 50 80"
many="1 2 3 5 8 13 21 34 55 89 144 233 377 610 987 1597 2584 4181 6765 10946 17711 28657"
for fault in mmap mprotect memfd_create ftruncate fork posix_spawn socketpair send recv fopen rename tmpfile; do
  all $fault "$few" "$assay" run "$source/corpus/run/gcd.air" gcd 48 36
  all $fault "$few" "$assay" check "$source/corpus/run/gcd.air" --exec=native
  all $fault "$few" "$assay" compile "$source/corpus/run/gcd.air" --emit=obj --out gcd.obj
done
all new "$many" "$assay" run "$source/corpus/run/gcd.air" gcd 48 36 --subject=x64-O2-native-linux
all new "$many" "$assay" compile "$source/corpus/run/gcd.air" --emit=asm --level=O2
for n in 0 1 100; do hit bytes@$n "$assay" compile "$source/corpus/run/gcd.air" --emit=obj --out part.obj; done
[ -e part.obj ] && [ "$(stat -c %s part.obj)" -le 100 ] && fail "part of an object file was left behind"

# Folders made smaller: what is there is whole. Each fault has a new folder.
for fault in mmap fork socketpair send recv fopen rename tmpfile bytes; do
  for n in 1 2 3 5 8 13 30; do
    rm -rf least
    hit $fault@$n "$assay" corpus minimise "$source/corpus/regress" --out least || break
    for kept in least/*.air; do
      [ ! -e "$kept" ] || cmp -s "$kept" "$source/corpus/regress/${kept#least/}" || fail "$fault@$n: $kept is not whole"
    done
  done
done
# A finding that could not be shown again is not told to be gone.
for fault in fork@1+ socketpair@1+ tmpfile@1+; do
  hit $fault "$assay" triage "$source/fuzz/os/faults/finding.air" || fail "$fault: triage: not reached"
  grep -q '1 cannot be tried here' out.log || fail "$fault: triage: $(cat out.log)"
done

# A campaign: hit somewhere, then again without: it must end as one that was never hit.
fuzz() { "$assay" fuzz --plain --programs 300 --seed 3 --round 100 --quiet --json "$@"; }
faults="mmap@9 mprotect@5 memfd_create@2 fork@1 fork@2 fork@3+ fopen@4 rename@2 bytes@1000 bytes@100000 bytes@300000 new@5000 new@50000"
if ! fuzz --state calm.db --findings calm >calm.json 2>calm.log; then
  grep -q 'needs SQLite' calm.log || fail "the campaign without faults: $(cat calm.log)"
  faults=""; echo "this build keeps no state: campaigns are left out"
fi
state_of() { sed -n '/"state"/,/}/p' "$1" | grep -E '"(programs|checked|rounds|corpus_added|corpus_digest)": '; }
wanted=$(state_of calm.json)
for fault in $faults; do
  rm -rf hit.db* hit
  hit "$fault" "$assay" fuzz 20 --plain --programs 300 --seed 3 --round 100 --quiet --state hit.db --findings hit
  rm -f hit.json
  fuzz --state hit.db --findings hit >hit.json 2>hit.log || fail "the campaign after $fault: $? $(cat hit.log)"
  got=$(state_of hit.json)
  [ "$wanted" = "$got" ] || fail "the campaign after $fault: $got, not $wanted"
  [ -z "$(find hit -name '.assay-*')" ] || fail "after $fault: a temporary file was left behind"
done

# The reasons.
reason() {
  local fault=$1 words=$2; shift 2
  hit "$fault" "$@" || fail "$fault: $*: not reached"
  grep -q "$words" err.log out.log || fail "$fault: $*: expected '$words', found: $(cat err.log)"
}
reason fork@1+ 'cannot start a worker process: Resource temporarily unavailable' "$assay" replay "$source/fuzz/os/faults/finding.air"
reason bytes@0 'cannot write: No space left on device' "$assay" compile "$source/corpus/run/gcd.air" --emit=obj --out none.obj
reason new@3000 'out of memory' "$assay" compile "$source/corpus/run/gcd.air" --emit=asm
reason fopen@1 'gcd.air: cannot read: Too many open files' "$assay" run "$source/corpus/run/gcd.air" gcd 4 2
[ $failures = 0 ] || { echo "$failures failures"; exit 1; }
echo "$struck faults, $told of them ended a command, each with its reason"
