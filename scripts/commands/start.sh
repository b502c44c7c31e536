# start PID: has a watched process report again, after holdwatch stop

help() {
  cat <<'TEXT'
Usage: holdwatch start PID

What is held too long by then is reported at once.
TEXT
}

main() {
  tool_path control
  exec "$tool" start "$@"
}
