# stop PID: pause the reports of a watched process

help() {
  cat <<'TEXT'
Usage: holdwatch stop PID

The process keeps recording which thread holds which lock, so that holdwatch start can report current holds at once.

Exit status: 0; 1 on failure, with one line that says why: no such process, not yours, not watched, or no response; 2 for
bad use.
TEXT
}

main() {
  become control stop "$@"
}
