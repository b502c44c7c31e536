# doctor [PROGRAM|PID]: check whether holdwatch works here and for a program, and what it will not see

help() {
  cat <<'TEXT'
Usage: holdwatch doctor [PROGRAM|PID]

Checks whether holdwatch works on this machine; with PROGRAM, also whether it works for that program and what it will not
see; with PID, the same for a running process, and whether it is watched. Prints one line per finding, with the remedy.
Changes nothing.

Each line begins with ok, with note (holdwatch works, but sees or reports less), or with no (nothing is watched).

Exit status: 0; 1 if a line begins with no; 2 for bad use, or if there is no such program or process; 3 if the most
important checks were impossible because the process belongs to another user, the program's file cannot be read, or /proc
is not mounted; a line says which.
TEXT
}

main() {
  parse_arguments -- "$@"
  eval "$operands"
  if [ $# -gt 1 ] || [ -n "$given" ]; then bad_use "usage: holdwatch doctor [PROGRAM|PID]"; fi
  become doctor -- "$library" "$@"
}
