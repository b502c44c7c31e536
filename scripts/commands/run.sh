# run [OPTION...] [--] PROGRAM [ARG...]: runs PROGRAM under the watch

help() {
  cat <<'TEXT'
Usage: holdwatch run [OPTION...] [--] PROGRAM [ARGUMENT...]

Runs PROGRAM under the watch, in this very process: its pid, signals and exit status are PROGRAM's own.
TEXT
}

# The program takes this process's place.
main() {
  if [ "${1-}" = -- ]; then shift; fi
  if [ $# = 0 ]; then bad_use "no program given; type: holdwatch run [OPTION...] PROGRAM [ARGUMENT...]"; fi
  case $library in
    *[:\ ]*) fail "the loader cannot preload $library: there is a colon or a space in its path" ;;
  esac
  case :${LD_PRELOAD-}: in
    *[:\ ]"$library"[:\ ]*) ;;
    *) LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}$library ;;
  esac
  export LD_PRELOAD
  exec "$@"
}
