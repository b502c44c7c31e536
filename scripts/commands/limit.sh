# limit PID DURATION: changes the limits of a watched process while it runs

help() {
  cat <<'TEXT'
Usage: holdwatch limit PID DURATION

    holdwatch limit 4711 250ms

Locks held longer are reported from now on, for reading or writing; the limit for waits is five times that. Locks that are
held by then are measured by it too.
TEXT
}

main() {
  tool_path control
  exec "$tool" limit "$@"
}
