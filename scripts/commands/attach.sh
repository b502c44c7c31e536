# attach PID [OPTION...]: watch a running process that was started without holdwatch

help() {
  cat <<'TEXT'
Usage: holdwatch attach PID [OPTION...]

Loads holdwatch into a running process, without a restart or LD_PRELOAD. One of its threads that waits in a system call
is paused for some milliseconds to load the library; the others run on. From then on its lock calls are watched as under
holdwatch run, including those of libraries loaded later. What is stuck already is reported at once, as far as the locks'
own fields and the scheduler show it, and the worst of it is printed here.

    holdwatch attach 4711 --limit 200ms --log /var/log/locks.txt
    holdwatch detach 4711

The options apply to the process from then on. Paths are as the process sees them, which may run in a container or as
another user; relative paths are completed from your working directory. If the process cannot write to a path, attach is
refused. Without --log, reports go to the process's standard error. You must own the process or be root.

Options, each also HOLDWATCH_NAME in the environment:
TEXT
  tool_path arguments
  "$tool" attach --list
  cat <<'TEXT'

Exit status: 0; 1 if attaching failed, with one line that says why and what to do; 2 for bad use.
TEXT
}

main() {
  parse_arguments --anywhere --environment -- "$@"
  eval "$operands"
  if [ $# != 1 ]; then bad_use "usage: holdwatch attach PID [OPTION...]"; fi
  if ! [ -r "$library" ]; then fail "cannot read $library: build or install holdwatch again"; fi
  library=$(readlink -f -- "$library")
  become control attach "$library" "$@"
}
