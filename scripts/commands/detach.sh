# detach PID: gives a process back that was attached to

help() {
  cat <<'TEXT'
Usage: holdwatch detach PID

Turns its calls back to the functions that they led to, and ends holdwatch's threads in it. The process runs on, and can be
attached to again. One that was started under holdwatch run stays watched: holdwatch stop ends the reports.

Exit status: 0; 1 if it could not be done, said in one line: no such process, not yours, not watched, or no answer; 2 for
bad use.
TEXT
}

main() {
  tool_path control
  exec "$tool" detach "$@"
}
