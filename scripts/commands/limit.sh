# limit PID DURATION: changes the limits of a watched process while it runs

help() {
  cat <<'TEXT'
Usage: holdwatch limit PID DURATION

    holdwatch limit 4711 250ms

Locks held longer are reported from now on, for reading or writing; the limit for waits is five times that. Locks that are
held by then are measured by it too. 0 turns reports of holds and waits off.

Exit status: 0; 1 if it could not be done, said in one line: no such process, not yours, not watched, or no answer; 2 for
bad use.
TEXT
}

main() {
  if [ $# != 2 ]; then bad_use "type: holdwatch limit PID DURATION"; fi
  # It may be what the option of that name may be.
  parse_arguments -- --limit="$2"
  tool_path control
  exec "$tool" limit "$@"
}
