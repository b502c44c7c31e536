# inspect PID | --core FILE [PROGRAM]: show which threads of a hanging process wait for which lock, and who holds it

help() {
  tool_path holdwatch-inspect
  "$tool" --help
}

main() {
  tool_path holdwatch-inspect
  exec "$tool" "$@"
}
