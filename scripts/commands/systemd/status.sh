# holdwatch systemd status: whether a unit is enabled, with which options, and which of its processes are watched.

. "$commands/systemd/unit.sh"

# One line on a process; sets $found if our library is in it, or might be.
describe_process() {
  if ! maps=$(cat "/proc/$1/maps" 2>/dev/null); then
    if [ -d "/proc/$1" ]; then
      found=1
      say_action "  process $1: cannot be looked into; ask as root"
    fi
    return
  fi
  read -r process_name <"/proc/$1/comm" || return
  case $maps in
    */libholdwatch.so*)
      found=1
      if grep -qs '^holdwatch' "/proc/$1/task/"*/comm; then
        say_action "  process $1 $process_name: watched"
      else
        say_action "  process $1 $process_name: prepared; the watch begins with its second thread, unless EXE leaves it out"
      fi
      ;;
    *) say_action "  process $1 $process_name: not watched" ;;
  esac
}

describe_processes() {
  found=
  property ControlGroup
  if [ -z "$value" ]; then return; fi
  for mount in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    if [ -r "$mount$value/cgroup.procs" ]; then
      for pid in $(find "$mount$value" -name cgroup.procs -exec cat {} +); do describe_process "$pid"; done
      return
    fi
  done
}

status_unit() {
  load_unit
  enabled=
  # An instance may be enabled by its template.
  for file in "$drop_in" "$of_template"; do
    if ! [ -r "$file" ]; then continue; fi
    enabled=$file
    say_action "$unit: enabled by $file"
    sed -n 's/^Environment="HOLDWATCH_\(.*\)"$/  \1/p' "$file"
    break
  done
  if [ -z "$enabled" ]; then say_action "$unit: not enabled; type: holdwatch systemd enable ${unit%.service}"; fi
  case $unit in
    *@.service) [ -n "$enabled" ] && return 0 || return 1 ;;
  esac
  describe_processes
  property ActiveState
  if [ "$value" != active ]; then
    say_action "  it does not run"
  elif [ -n "$enabled" ] && [ -z "$found" ]; then
    say_action "  it was started without the watch; type: systemctl ${flag_user:+--user }restart $unit"
    return 1
  fi
  [ -n "$enabled" ]
}
