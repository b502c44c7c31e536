# inspect PID | --core FILE [PROGRAM]: says who waits for which lock, held by whom, in a process that hangs now

help() {
  tool_path holdwatch-inspect
  "$tool" --help
}

main() {
  tool_path holdwatch-inspect
  exec "$tool" "$@"
}
