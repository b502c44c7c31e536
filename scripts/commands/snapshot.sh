# snapshot [--waits] PID: make a watched process report all its held locks, or list its condition waits, now

help() {
  cat <<'TEXT'
Usage: holdwatch snapshot [--waits] PID

Reports every lock that is held at this moment, however short the hold, to the process's usual log. The process gets no
signal and no new file; only its own user and root can do this.

  --waits   list the threads that are idle in a condition wait instead, by stack: 32 stacks at most

Exit status: 0; 1 on failure, with one line that says why: no such process, not yours, not watched, or no response; 2 for
bad use.
TEXT
}

main() {
  become control snapshot "$@"
}
