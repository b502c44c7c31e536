# limit PID DURATION: change the limits of a watched process while it runs

help() {
  cat <<'TEXT'
Usage: holdwatch limit PID DURATION

    holdwatch limit 4711 250ms

From now on, reports locks held longer than DURATION, for reading or writing; the limit for waits becomes five times
that. Current holds count too. 0 turns reports of holds and waits off.

Exit status: 0; 1 on failure, with one line that says why: no such process, not yours, not watched, or no response; 2 for
bad use.
TEXT
}

main() {
  if [ $# != 2 ]; then bad_use "usage: holdwatch limit PID DURATION"; fi
  # It may be what the option of that name may be.
  parse_arguments -- --limit="$2"
  become control limit "$@"
}
