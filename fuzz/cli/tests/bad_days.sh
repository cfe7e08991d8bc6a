#!/usr/bin/env bash
# bad_days.sh - a campaign that keeps its state, on bad days, with the command as a user has it.
#
#   bad_days.sh ASSAY WORK CORPUS
#
# Ten times kill -9 at random moments, of the parent alone and of all its processes; a disk that is full (a small one
# of its own, where this host lets one be mounted); SIGSTOP of a worker and of the whole campaign; a state that was cut short. At the end the programs done and checked are
# those of a campaign that nothing happened to. Exit status 0: so it is; 125: this build keeps no state.
set -uo pipefail
assay=$1 work=$2 corpus=$3
rm -rf "$work"; mkdir -p "$work"; cd "$work" || exit 2

programs=4000
fuzz() { "$assay" fuzz --plain --programs $programs --seed 3 --jobs 2 --round 1000 --corpus "$corpus" --quiet "$@"; }
fail() { echo "FAILED: $*"; exit 1; }
value() { sed -n "s/.*\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" "$2" | head -1; }

"$assay" fuzz --plain --programs 1 --state probe.db --findings probe >probe.log 2>&1
case $? in 0) ;; 4) if grep -q 'needs SQLite' probe.log; then cat probe.log; exit 125; fi ;; esac

fuzz --state calm.db --findings calm --json >calm.json || fail "the undisturbed campaign: $?"

# kill -9
kills=0
for round in 1 2 3 4 5 6 7 8 9 10; do
  setsid "$assay" fuzz --plain --programs $programs --seed 3 --jobs 2 --round 1000 --corpus "$corpus" --quiet \
    --state hard.db --findings hard >hard.log 2>&1 &
  parent=$!
  sleep "$((RANDOM % 2)).$((RANDOM % 9 + 1))"
  case $((round % 3)) in
    0) kill -STOP -- -$parent 2>/dev/null; sleep 0.3; kill -CONT -- -$parent 2>/dev/null
       kill -9 $parent 2>/dev/null && kills=$((kills + 1)) ;;
    1) kill -9 -- -$parent 2>/dev/null && kills=$((kills + 1)) ;;
    2) kill -9 $parent 2>/dev/null && kills=$((kills + 1)) ;;
  esac
  wait $parent 2>/dev/null
done
fuzz --state hard.db --findings hard --json >hard.json || fail "the campaign that was killed: $?"
[ $kills -ge 1 ] || fail "it was never killed: too short"

# A full disk: first too small for the state, then too small to go on, then large enough.
mkdir disk
on_disk() {
  mount -t tmpfs -o size=32k none disk || return 99
  fuzz --state disk/full.db --findings full >full.log 2>&1
  [ $? = 4 ] && grep -Eq 'disk/full.db: cannot .* the state of the campaign: (database or disk is full|disk I/O error)' full.log ||
    fail "no room at all: $(cat full.log)"
  rm -f disk/*; mount -o remount,size=220k disk
  fuzz 3 --state disk/full.db --findings full >full.log 2>&1
  [ $? = 4 ] && grep -Eq 'checked again by the next call|the next call goes on from there' full.log || fail "a full disk: $(cat full.log)"
  mount -o remount,size=50m disk
  fuzz --state disk/full.db --findings full --json >full.json || fail "after the disk was full: $?"
}
export assay programs corpus; export -f fuzz fail on_disk
runs="hard full stop"
unshare --mount --map-root-user bash -c on_disk
case $? in
  0) ;;
  1) [ -s full.log ] && exit 1
     runs="hard stop"; echo "no disk of its own here: the full disk is left to the unit tests" ;;
  *) runs="hard stop"; echo "no disk of its own here: the full disk is left to the unit tests" ;;
esac

# A worker is stopped from outside: it is told to go on.
setsid "$assay" fuzz --plain --programs $programs --seed 3 --jobs 2 --round 1000 --corpus "$corpus" --quiet --hang 5 \
  --state stop.db --findings stop --json >stop.json 2>stop.log &
parent=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
  sleep 0.1
  for worker in $(pgrep -P $parent); do kill -STOP "$worker" 2>/dev/null; break; done
done
wait $parent || fail "workers were stopped: $? $(cat stop.log)"

for run in $runs; do
  for key in programs checked rounds corpus_added corpus_digest; do
    wanted=$(sed -n '/"state"/,/}/p' calm.json >calm.part; value $key calm.part)
    got=$(sed -n '/"state"/,/}/p' $run.json >$run.part; value $key $run.part)
    [ -n "$wanted" ] && [ "$wanted" = "$got" ] || fail "$run: $key is '$got', undisturbed '$wanted'"
  done
  [ "$(value findings $run.json)" = 0 ] || fail "$run: findings"
done
[ "$(value worker_deaths stop.json)" = 0 ] || fail "a worker that was stopped was taken to be dead"

# A state that lacks its end is refused, with the reason, and stays as it is.
head -c 20000 calm.db >cut.db; cp cut.db cut.kept
fuzz --state cut.db --findings cut >cut.log 2>&1
[ $? = 3 ] || fail "a damaged state: $(cat cut.log)"
grep -q 'cut.db: the state of the campaign is damaged' cut.log || fail "a damaged state, and no reason: $(cat cut.log)"
cmp -s cut.db cut.kept || fail "a damaged state was changed"
echo "killed $kills times, stopped $(value workers_continued stop.json) times: $(value programs calm.part) programs each, all the same"
