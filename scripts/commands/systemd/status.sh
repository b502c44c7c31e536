# holdwatch systemd status: whether a unit is enabled, with which options, and which of its processes are watched.

. "$commands/systemd/unit.sh"

# One line on a process, as `holdwatch doctor` tells it; sets $found if it is watched, will be, or cannot be asked.
describe_process() {
  { read -r process_name <"/proc/$1/comm"; } 2>/dev/null || return
  watch=$("$tool" "$library" "$1" 2>/dev/null | sed -n 's/^\([a-z]*\)  *watch  *\(.*\)$/\1 \2/p')
  case $watch in
    '') return ;;
    ok\ * | *'not watched yet'* | *'cannot be determined'*) found=1 ;;
  esac
  say_action "  process $1 $process_name: ${watch#* }"
}

describe_processes() {
  found=
  tool_path doctor
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
    sed -n 's/^HOLDWATCH_\([A-Z_]*\)="\(.*\)"$/  \1=\2/p' "${file%.conf}.env" 2>/dev/null
    break
  done
  if [ -z "$enabled" ]; then say_action "$unit: not enabled; to enable it: holdwatch systemd enable ${unit%.service}"; fi
  case $unit in
    *@.service) [ -n "$enabled" ] && return 0 || return 1 ;;
  esac
  describe_processes
  property ActiveState
  if [ "$value" != active ]; then
    say_action "  it is not running"
  elif [ -n "$enabled" ] && [ -z "$found" ]; then
    say_action "  none of its processes is watched; to restart it: systemctl ${flag_user:+--user }restart $unit"
    return 1
  fi
  [ -n "$enabled" ]
}
