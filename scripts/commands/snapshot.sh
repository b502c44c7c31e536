# snapshot PID: has a watched process report all its locks now

help() {
  cat <<'TEXT'
Usage: holdwatch snapshot PID

Every lock that is held at this moment is reported where the process's reports go, however short it is held. The process sees no
signal and no file of this; only its own user and root may ask.
TEXT
}

main() {
  tool_path control
  exec "$tool" snapshot "$@"
}
