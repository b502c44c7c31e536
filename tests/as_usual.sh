#!/bin/sh
# Starts a test with what a login shell would give it, whatever meson was started with: signals that nohup or a job in the
# background ignores are ignored by every program from there on down, and a test that sends one would wait in vain; file modes
# follow the umask, and words the locale.
# The loader cannot preload from a path with a space or a colon. If the build directory has such a path, the test gets its files by
# another one, a symbolic link.
umask 022
export LC_ALL=C.UTF-8
case $PWD in
  *[:\ ]*) ;;
  *) exec env --default-signal "$@" ;;
esac

directory=$(mktemp -d) || exit
trap 'rm -r "$directory"' EXIT
chmod 755 "$directory"
ln -s "$PWD" "$directory/build"
count=$#
for word; do
  case $word in
    "$PWD" | "$PWD"/*) word=$directory/build${word#"$PWD"} ;;
    [!/-]*/*) if [ -e "$word" ]; then word=$directory/build/$word; fi ;;
  esac
  set -- "$@" "$word"
done
shift "$count"
env --default-signal "$@"
