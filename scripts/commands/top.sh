# top PID: show live which locks of a watched process are held and waited for, the worst first

help() {
  cat <<'TEXT'
Usage: holdwatch top PID [--interval DURATION] [--count N] [--color WHEN]

Shows a table of the locks that are held or waited for now: for how long, by which thread, where it took the lock, what it
is doing, and what that costs the others. Locks whose holders wait for nobody come first, and below them those that they
hold up. Enter unfolds a row: the stacks of holders and waiters, as in a report. The ? key lists all keys.

    holdwatch top 4711
    holdwatch top 4711 --count 1

If standard input and output are not both a terminal, each list is printed as lines of text. The process must be watched (run
or attach). It is asked once a second; nothing is written to its log, and none of its threads is stopped.

  --interval DURATION  how often to ask, at least 100ms (default: 1s)
  --count N            end after N lists
  --color WHEN         auto (on a terminal, unless NO_COLOR is set), always or never

Exit status: 0; 1 on failure, with one line that says why: no such process, not yours, not watched, no response, or it has
exited since; 2 for bad use.
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
  become holdwatch-top "$@"
}
