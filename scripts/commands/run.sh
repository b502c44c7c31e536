# run [OPTION...] [--] PROGRAM [ARG...]: runs PROGRAM under the watch

help() {
  cat <<'TEXT'
Usage: holdwatch run [OPTION...] [--] PROGRAM [ARGUMENT...]

Runs PROGRAM under the watch, in the place of this very process: pid, signals and exit status are PROGRAM's own.

    holdwatch run --limit 200ms --json locks.jsonl ./server --port 80

Options, each also HOLDWATCH_NAME in the environment:
TEXT
  tool_path arguments
  "$tool" run --list
  cat <<'TEXT'

Exit status: PROGRAM's; 1 if there is no library to preload; 2 for bad use; 126 if PROGRAM cannot be run; 127 if there is
none.
TEXT
}

# Ours after the ones that are there: some insist on being the first. With glibc before 2.34 also what the program may not link to.
join_preload() {
  case $library in
    *[:\ ]*) fail "the loader cannot preload $library: its path has a colon or a space" ;;
  esac
  case :${LD_PRELOAD-}: in
    *[:\ ]"$library"[:\ ]*) ;;
    *) LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}$library${needed_beside:+:$needed_beside} ;;
  esac
}

main() {
  parse_arguments --program -- "$@"
  eval "$operands"
  if [ $# = 0 ]; then bad_use "no program given; type: holdwatch run [OPTION...] PROGRAM [ARGUMENT...]"; fi
  if ! [ -r "$library" ]; then fail "there is no $library: build or install it again"; fi
  join_preload
  export LD_PRELOAD
  exec "$@"
}
