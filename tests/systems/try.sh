# try.sh STEP: one cell of the table, in the system itself, from the source tree. All that is said goes to the log; the last line is the
# cell: "yes" with what was seen, or "no" with the reason.
set -u
cd "$(dirname "$0")/../.." || exit
step=$1
holdwatch=scripts/holdwatch
subject=/opt/subject
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HOLDWATCH_LIMIT=200ms

yes() { echo "yes${1:+: $1}"; }
no() { echo "no: $(printf '%s' "$*" | tr '\n|' '  ')"; }

# The last line of a file that says what went wrong.
reason_in() { grep -v '^$' "$1" | grep -E 'ERROR|error|[Cc]annot|holdwatch: |needed' | tail -n 1; }

# What a report on the subject shows of the function that holds.
seen_in() {
  if grep -q 'taken .*hold_for_long' "$1"; then
    yes "names"
  elif grep -q 'taken .*subject+0x' "$1"; then
    if grep -q 'without function names' "$1"; then yes "module+offset, one line says why"; else yes "module+offset"; fi
  else
    no "no report"
  fi
}

# The subject runs for as many seconds in the background: $subject_pid.
start_subject() {
  "$subject" "$1" >"$scratch/subject" 2>&1 &
  subject_pid=$!
  sleep 0.5
}

# A system of before glibc 2.34 keeps the loader's functions in libdl, which a program links to or not.
make_subject() {
  command -v gcc >/dev/null || return 1
  gcc -g -O1 -fno-omit-frame-pointer tests/systems/subject.c -o "$subject" -pthread -Wl,--no-as-needed -ldl &&
    gcc -g -O1 -fno-omit-frame-pointer tests/systems/subject.c -o "$subject-without-libdl" -pthread
}

try_build() {
  dpkg --configure -a  # an earlier run may have been cut off while it installed
  if [ -n "${CCACHE_DIR:-}" ]; then apt-get install -q -y --no-install-recommends ccache; fi
  if scripts/setup build && scripts/configure build -Dstrict=true && meson compile -C build product chatroom; then
    make_subject && yes "$(gcc -dumpversion | sed 's/^/gcc /'), meson $(meson --version)"
  else
    no "see the log"
  fi >"$scratch/build" 2>&1
  cat "$scratch/build"
  tail -n 1 "$scratch/build" | grep -q '^yes' || no "$(reason_in "$scratch/build")"
}

try_demo() {
  scripts/demo >"$scratch/report" 2>"$scratch/rest"
  status=$?
  cat "$scratch/rest" "$scratch/report"
  if [ $status = 0 ] && grep -q 'has held rwlock' "$scratch/report"; then yes; else no "$(reason_in "$scratch/rest")"; fi
}

preload() {
  LD_PRELOAD=/opt/debian-12/libholdwatch.so "$1" >"$scratch/report" 2>&1
  status=$?
  cat "$scratch/report"
}

try_preload() {
  make_subject || { no "no gcc" && return; }
  if ! [ -r /opt/debian-12/libholdwatch.so ]; then echo "not run" && return; fi
  preload "$subject-without-libdl"
  [ $status = 7 ] || { no "ends with status $status, not 7" && return; }
  without_libdl=$([ -s "$scratch/report" ] && echo watched || echo silent)
  preload "$subject"
  [ $status = 7 ] || { no "ends with status $status, not 7" && return; }
  cell=$(seen_in "$scratch/report")
  if [ "$without_libdl" = silent ]; then cell="$cell; silent without libdl"; fi
  echo "$cell"
}

try_attach() {
  start_subject 6
  $holdwatch attach "$subject_pid" --limit 200ms >"$scratch/attach" 2>&1
  status=$?
  sleep 1.5
  if [ $status = 0 ]; then $holdwatch detach "$subject_pid"; fi
  wait "$subject_pid"
  ended=$?
  cat "$scratch/attach" "$scratch/subject"
  if [ $ended != 7 ]; then
    no "the process ended with status $ended, not 7"
  elif [ $status = 0 ]; then
    seen_in "$scratch/subject"
  else
    no "$(tail -n 1 "$scratch/attach")"
  fi
}

try_inspect() {
  start_subject 6
  $holdwatch inspect "$subject_pid" >"$scratch/inspect" 2>&1
  status=$?
  wait "$subject_pid"
  cat "$scratch/inspect"
  if [ $status = 0 ] && grep -q 'hold_for_long' "$scratch/inspect"; then yes names; else no "$(tail -n 1 "$scratch/inspect")"; fi
}

try_doctor() {
  start_subject 3
  $holdwatch doctor "$subject" >"$scratch/doctor" 2>&1
  of_program=$?
  $holdwatch doctor "$subject_pid" >>"$scratch/doctor" 2>&1
  of_process=$?
  wait "$subject_pid"
  cat "$scratch/doctor"
  if [ $of_program = 0 ] && [ $of_process = 0 ]; then yes; else no "$(grep '^no' "$scratch/doctor" | tail -n 1)"; fi
}

# The tests as root, in its closed home directory.
try_tests_as_root() { scripts/test 2>&1; }

# With little of what a developer's shell has: a user who cannot become root, in a closed home directory, in a path with a space,
# under nohup, with a strict umask and the C locale; the packages are from root.
try_tests_as_user() {
  scripts/setup 2>&1
  id tester >/dev/null 2>&1 || useradd --create-home tester || return
  tree="/home/tester/hold watch"
  mkdir -p "$tree"
  copy_source "$tree"
  chown -R tester: /home/tester
  chmod 700 /home/tester
  cd "$tree" || return
  setpriv --reuid=tester --regid=tester --init-groups --reset-env -- \
    env PATH="$PATH" LC_ALL=C ${CCACHE_DIR:+CCACHE_DIR="$CCACHE_DIR"} nohup sh -c 'umask 077; scripts/test' 2>&1
}

copy_source() { tar -c --exclude ./build . | tar -x -C "$1"; }

# As a container without privileges has it: root who may neither mount nor trace other users' processes. Standard input is closed.
try_tests_in_container() {
  setpriv --bounding-set=-sys_admin,-sys_ptrace --inh-caps=-sys_admin,-sys_ptrace scripts/test 2>&1 <&-
}

"try_$step"
