# detach PID: gives a process back that was attached to

help() {
  cat <<'TEXT'
Usage: holdwatch detach PID

Turns its calls back to the functions that they led to, and ends holdwatch's threads in it. The process runs on, and can be
attached to again. One that was started under holdwatch run stays watched: holdwatch stop ends the reports.
TEXT
}

main() {
  tool_path control
  exec "$tool" detach "$@"
}
