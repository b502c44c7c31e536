# doctor [PROGRAM|PID]: tells whether the watch will work, here and for a program, and what it will not see

help() {
  cat <<'TEXT'
Usage: holdwatch doctor [PROGRAM|PID]

Tells, a line each and with the remedy, whether the watch will work on this machine; with PROGRAM, whether for it, and what
will not be seen of it; with PID, the same for a process that runs, and whether it is watched. Changes nothing.

A line begins with ok, with note (the watch works, but sees or tells less), or with no (nothing is watched).

Exit status: 0; 1 if a line begins with no; 2 for bad use, or if there is no such program or process; 3 if the process is
another user's, or the program's file may not be read, so that what matters most could not be looked at; a line says what.
TEXT
}

main() {
  parse_arguments -- "$@"
  eval "$operands"
  if [ $# -gt 1 ] || [ -n "$given" ]; then bad_use "type: holdwatch doctor [PROGRAM|PID]"; fi
  tool_path doctor
  exec "$tool" "$library" "$@"
}
