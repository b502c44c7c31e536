# inspect PID | --core FILE [PROGRAM]: show which threads of a hanging process wait for which lock, and who holds it

help() {
  become holdwatch-inspect --help
}

main() {
  become holdwatch-inspect "$@"
}
