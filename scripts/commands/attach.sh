# attach PID [OPTION...]: watches a running process that nobody has prepared

help() {
  cat <<'TEXT'
Usage: holdwatch attach PID [OPTION...]

Brings holdwatch into a running process: no restart, no preload. One of its threads that waits in a system call does the
loading, some milliseconds long; the others run on. From then on its lock calls are watched as under holdwatch run, those of
libraries that it loads later too. What was held or waited for before is told from the locks' own fields.

    holdwatch attach 4711 --limit 200ms --log /var/log/locks.txt
    holdwatch detach 4711

The options are those of the process from then on. A path is the process's own, which may run in a container or as another
user; a relative one is completed from your working directory. If the process cannot write there, it is not attached to.
Without --log, reports go to its standard error. It must be yours, or you root.

Options, each also HOLDWATCH_NAME in the environment:
TEXT
  tool_path arguments
  "$tool" attach --list
  cat <<'TEXT'

Exit status: 0; 1 if it cannot be attached to, said in one line with the remedy; 2 for bad use.
TEXT
}

main() {
  parse_arguments --anywhere --environment -- "$@"
  eval "$operands"
  if [ $# != 1 ]; then bad_use "type: holdwatch attach PID [OPTION...]"; fi
  if ! [ -r "$library" ]; then fail "there is no $library: build or install it again"; fi
  library=$(readlink -f -- "$library")
  tool_path control
  exec "$tool" attach "$library" "$@"
}
