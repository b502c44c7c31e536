# inspect PID | --core FILE [PROGRAM]: show which threads of a hanging process wait for which lock, and who holds it

help() {
  cat <<'TEXT'
Usage: holdwatch inspect PID [--json FILE] [--color WHEN]
       holdwatch inspect --core FILE [PROGRAM] [--json FILE] [--color WHEN]

Shows which threads of a hanging process, or of a core file, wait for which lock, who holds it, and whether they are
deadlocked. Threads that are idle in a condition wait are listed after that. The process needs no preparation, and
nothing is injected. A running thread that holds a lock others wait for is sampled by the kernel or, where that is not
allowed, stopped for some microseconds. So is a blocked thread where only its registers can show that it reads a lock:
its call goes on, but the timeout of epoll_wait, semtimedop or a receiving socket begins anew. The last line says
whether threads were stopped.

  --core FILE   inspect a core file; PROGRAM is needed only if the program file has moved
  --color WHEN  auto (on a terminal, unless NO_COLOR is set), always or never
  --json FILE   also append each report to FILE as a line of JSON; - writes JSON to standard output instead of text

Exit status: 0 no deadlock (waiting threads may still be reported), 1 the inspection failed, 2 bad use, 3 a deadlock, or
a lock that can never be released.
TEXT
}

main() {
  # Read here, as the helper does not start where glibc is too old for it.
  for word; do
    case $word in
      -h | --help)
        help
        return
        ;;
    esac
  done
  become holdwatch-inspect "$@"
}
