# start PID: has a watched process report again, after holdwatch stop

help() {
  cat <<'TEXT'
Usage: holdwatch start PID

What is held too long by then is reported at once.

Exit status: 0; 1 if it could not be done, said in one line: no such process, not yours, not watched, or no answer; 2 for
bad use.
TEXT
}

main() {
  tool_path control
  exec "$tool" start "$@"
}
