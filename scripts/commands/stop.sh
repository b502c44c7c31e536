# stop PID: has a watched process report nothing for a while

help() {
  cat <<'TEXT'
Usage: holdwatch stop PID

It goes on recording who holds what, so that holdwatch start finds it all there.

Exit status: 0; 1 if it could not be done, said in one line: no such process, not yours, not watched, or no answer; 2 for
bad use.
TEXT
}

main() {
  tool_path control
  exec "$tool" stop "$@"
}
