# stop PID: has a watched process report nothing for a while

help() {
  cat <<'TEXT'
Usage: holdwatch stop PID

It goes on recording who holds what, so that holdwatch start finds it all there.
TEXT
}

main() {
  tool_path control
  exec "$tool" stop "$@"
}
