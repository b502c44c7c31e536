# detach PID: stop watching a process that was attached to

help() {
  cat <<'TEXT'
Usage: holdwatch detach PID

Restores all redirected calls and ends holdwatch's threads in the process. The process runs on and can be attached to
again. A process started with holdwatch run cannot be detached from: use holdwatch stop to end its reports.

Exit status: 0; 1 on failure, with one line that says why: no such process, not yours, not watched, or no response; 2 for
bad use.
TEXT
}

main() {
  become control detach "$@"
}
