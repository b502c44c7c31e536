# systemd enable|disable|status UNIT [OPTION...]: has a service of systemd watched

help() {
  cat <<'TEXT'
Usage: holdwatch systemd enable UNIT [--user] [--dry-run] [--now] [--force] [OPTION...]
       holdwatch systemd disable UNIT [--user] [--dry-run] [--now]
       holdwatch systemd status UNIT [--user]

enable has a service watched from its next start on, by a drop-in: /etc/systemd/system/UNIT.d/50-holdwatch.conf. Reports go
to the journal unless --log says otherwise:

    holdwatch systemd enable chat --limit 200ms
    systemctl restart chat
    journalctl -u chat HOLDWATCH_EVENT=hold

Only the service's main program is watched, not what it starts or what ExecStartPre= runs, unless --exe says otherwise.
What would keep the watch from working is said, with what to do about it. A template (chat@) may be given, or an instance.

  --user      a unit of the user's own systemd
  --dry-run   show what would be written or removed; change nothing
  --now       restart the unit too, if it runs
  --force     enable although the service could not start, or would end, with the watch

disable takes the drop-in away again, and the unit's directory if enable has made it. status tells whether the unit is
enabled, with which options, and which of its processes are watched.

Exit status: 0; 1 if it could not be done, or status found the unit not enabled or running without the watch; 2 for bad
use.
TEXT
  if [ "${action-enable}" = enable ]; then
    printf '\nOptions of enable:\n'
    tool_path arguments
    "$tool" systemd --list
  fi
}

newline='
'

say_action() { printf '%s\n' "$*"; }

# The directory of a unit's drop-ins.
drop_in_directory() {
  if [ -n "${flag_user-}" ]; then
    directory=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/$unit.d
  else
    directory=/etc/systemd/system/$unit.d
  fi
}

control() { systemctl ${flag_user:+--user} "$@"; }

need_systemd() {
  if ! command -v systemctl >/dev/null; then fail "no systemctl here: this machine has no systemd"; fi
  if [ -n "${flag_user-}" ]; then
    if [ -z "${XDG_RUNTIME_DIR-}" ]; then fail "--user: no systemd of yours runs (XDG_RUNTIME_DIR is not set); log in anew"; fi
    if [ -z "${XDG_CONFIG_HOME-}${HOME-}" ]; then fail "--user: HOME is not set, and so nobody knows where your units are"; fi
  elif ! [ -d /run/systemd/system ]; then
    fail "systemd does not run here"
  elif [ "$action" != status ] && [ -z "${flag_dry_run-}" ] && [ "$(id -u)" != 0 ]; then
    fail "a unit of the system is root's to change; type: sudo holdwatch systemd $action $unit (or --user for your own)"
  fi
}

no_unit() { bad_use "'$1' is no name of a unit; systemctl list-units --type=service lists them"; }

# "chat" is chat.service. What systemctl would take for a pattern, or escape, is refused: a drop-in has one exact name.
name_unit() {
  unit=$1
  case $unit in
    *[!a-zA-Z0-9:_.@\\-]* | '' | -* | @* | .*) no_unit "$unit" ;;
    *.service) ;;
    *.socket | *.target | *.timer | *.path | *.slice | *.scope | *.mount | *.device | *.swap | *.automount)
      bad_use "$unit runs no program of its own; name the service: ${unit%.*}.service"
      ;;
    *) unit=$unit.service ;;
  esac
  if [ ${#unit} -gt 255 ]; then no_unit "$unit"; fi
}

# What systemd is to be asked for: of a template, an instance that does not exist.
instance=HoldwatchInstance
show_as() {
  case $unit in
    *@.service) shown_unit=${unit%.service}$instance.service ;;
    *) shown_unit=$unit ;;
  esac
}

# An alias is no more than another name.
resolve_alias() {
  show_as
  id=$(control show --value -p Id "$shown_unit" 2>/dev/null) || return
  if [ -z "$id" ] || [ "$id" = "$shown_unit" ]; then return; fi
  case $unit in
    *@.service) id=${id%"$instance".service}.service ;;
  esac
  say "$unit is another name of $id"
  unit=$id
  show_as
}

# Has systemd read what has changed, and the unit start anew if it runs and --now was given.
take_effect() {
  control daemon-reload || fail "systemctl daemon-reload failed: see above"
  if ! control --quiet is-active "$unit" 2>/dev/null; then
    case $unit in
      *@.service) say_action "for an instance that runs: systemctl ${flag_user:+--user }restart ${unit%.service}NAME" ;;
    esac
    return
  fi
  if [ -n "${flag_now-}" ]; then
    control restart "$unit" || fail "systemctl restart $unit failed: see above"
    say_action "$unit restarted"
  else
    say_action "it runs on as it was started; type: systemctl ${flag_user:+--user }restart $unit"
  fi
}

# What this shell's own programs are watched with is not the unit's.
forget_own_options() {
  for name in $(export -p | sed -n 's/^.* \(HOLDWATCH_[A-Z_]*\)=.*$/\1/p'); do unset "$name"; done
}

main() {
  action=${1-}
  case $action in
    enable | disable | status) shift ;;
    *) bad_use "type: holdwatch systemd enable UNIT, disable UNIT or status UNIT (holdwatch systemd --help)" ;;
  esac
  case $action in
    enable) flags='user dry-run now force' ;;
    disable) flags='user dry-run now' ;;
    status) flags=user ;;
  esac
  forget_own_options
  parse_arguments --anywhere --flags "$flags" -- "$@"
  eval "$operands"
  if [ $# != 1 ]; then bad_use "$action wants one unit; type: holdwatch systemd $action UNIT"; fi
  if [ "$action" != enable ] && [ -n "$given" ]; then bad_use "$action takes none of the options of enable"; fi
  name_unit "$1"
  need_systemd
  resolve_alias
  drop_in_directory
  drop_in=$directory/50-holdwatch.conf
  environment_file=$directory/50-holdwatch.env
  of_template=${directory%@*}@.service.d/50-holdwatch.conf
  . "$commands/systemd/$action.sh"
  "${action}_unit"
}
