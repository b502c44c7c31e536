# snapshot PID: has a watched process report all its locks now

help() {
  cat <<'TEXT'
Usage: holdwatch snapshot PID

Every lock that is held at this moment is reported where the process's reports go, however short it is held. The process sees no
signal and no file of this; only its own user and root may ask.

Exit status: 0; 1 if it could not be done, said in one line: no such process, not yours, not watched, or no answer; 2 for
bad use.
TEXT
}

main() {
  tool_path control
  exec "$tool" snapshot "$@"
}
