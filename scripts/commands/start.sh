# start PID: resume the reports of a watched process after holdwatch stop

help() {
  cat <<'TEXT'
Usage: holdwatch start PID

Locks that are already held too long by then are reported at once.

Exit status: 0; 1 on failure, with one line that says why: no such process, not yours, not watched, or no response; 2 for
bad use.
TEXT
}

main() {
  become control start "$@"
}
