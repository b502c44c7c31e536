# run [OPTION...] [--] PROGRAM [ARG...]: run PROGRAM and watch its locks

help() {
  cat <<'TEXT'
Usage: holdwatch run [OPTION...] [--] PROGRAM [ARGUMENT...]

Runs PROGRAM and watches its locks. PROGRAM replaces the launcher: pid, signals and exit status are its own.

    holdwatch run --limit 200ms --json locks.jsonl ./server --port 80

Options, each also HOLDWATCH_NAME in the environment:
TEXT
  tool_path arguments
  "$tool" run --list
  cat <<'TEXT'

Exit status: that of PROGRAM; 1 if the library cannot be preloaded; 2 for bad use; 126 if PROGRAM cannot be run; 127 if
it does not exist.
TEXT
}

# Ours after the ones that are there: some insist on being the first. With glibc before 2.34 also what the program may not link to.
join_preload() {
  case :${LD_PRELOAD-}: in
    *[:\ ]"$library"[:\ ]*) ;;
    *) LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}$library${needed_beside:+:$needed_beside} ;;
  esac
}

main() {
  parse_arguments --program --library "$library" -- "$@"
  eval "$operands"
  if [ $# = 0 ]; then bad_use "no program given; usage: holdwatch run [OPTION...] PROGRAM [ARGUMENT...]"; fi
  join_preload
  export LD_PRELOAD
  exec "$@"
}
