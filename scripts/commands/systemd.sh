# systemd enable|disable|status UNIT [OPTION...]: watch a systemd service

help() {
  cat <<'TEXT'
Usage: holdwatch systemd enable UNIT [--user] [--dry-run] [--now] [--force] [OPTION...]
       holdwatch systemd disable UNIT [--user] [--dry-run] [--now]
       holdwatch systemd status UNIT [--user]

enable makes holdwatch watch a service from its next start on, through a drop-in file:
/etc/systemd/system/UNIT.d/50-holdwatch.conf. Reports go to the journal unless --log says otherwise:

    holdwatch systemd enable chat --limit 200ms
    systemctl restart chat
    journalctl -u chat HOLDWATCH_EVENT=hold

Only the service's main program is watched, not the programs that it starts or that ExecStartPre= runs, unless --exe says
otherwise. enable warns about unit settings that prevent watching, with the remedy. UNIT may be a template (chat@) or an
instance.

  --user      a unit of your own systemd instance
  --dry-run   show what would be written or removed; change nothing
  --now       also restart the unit if it is running
  --force     enable even if the service would fail to start, or be killed, with holdwatch

disable removes the drop-in, and the unit's drop-in directory if enable created it. status shows whether the unit is
enabled, with which options, and which of its processes are watched.

Exit status: 0; 1 on failure, or if status found the unit not enabled or running unwatched; 2 for bad use.
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
  if ! command -v systemctl >/dev/null; then fail "systemctl not found: this machine has no systemd"; fi
  if [ -n "${flag_user-}" ]; then
    if [ -z "${XDG_RUNTIME_DIR-}" ]; then fail "--user: your systemd instance is not running (XDG_RUNTIME_DIR is not set); log in again"; fi
    if [ -z "${XDG_CONFIG_HOME-}${HOME-}" ]; then fail "--user: HOME is not set, so the directory of your units is unknown"; fi
  elif ! [ -d /run/systemd/system ]; then
    fail "systemd is not running"
  elif [ "$action" != status ] && [ -z "${flag_dry_run-}" ] && [ "$(id -u)" != 0 ]; then
    fail "only root can change a system unit; run: sudo holdwatch systemd $action $unit (or --user for your own units)"
  fi
}

no_unit() { bad_use "invalid unit name '$1'; to list units: systemctl list-units --type=service"; }

# "chat" is chat.service. What systemctl would take for a pattern, or escape, is refused: a drop-in has one exact name.
name_unit() {
  unit=$1
  case $unit in
    *[!a-zA-Z0-9:_.@\\-]* | '' | -* | @* | .*) no_unit "$unit" ;;
    *.service) ;;
    *.socket | *.target | *.timer | *.path | *.slice | *.scope | *.mount | *.device | *.swap | *.automount)
      bad_use "$unit runs no program itself; use the service: ${unit%.*}.service"
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
  say "$unit is an alias of $id"
  unit=$id
  show_as
}

# Has systemd read what has changed, and the unit start anew if it runs and --now was given.
take_effect() {
  control daemon-reload || fail "systemctl daemon-reload failed: see above"
  if ! control --quiet is-active "$unit" 2>/dev/null; then
    case $unit in
      *@.service) say_action "to restart a running instance: systemctl ${flag_user:+--user }restart ${unit%.service}NAME" ;;
    esac
    return
  fi
  if [ -n "${flag_now-}" ]; then
    control restart "$unit" || fail "systemctl restart $unit failed: see above"
    say_action "$unit restarted"
  else
    say_action "the running service is unchanged until it is restarted: systemctl ${flag_user:+--user }restart $unit"
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
    *) bad_use "usage: holdwatch systemd enable|disable|status UNIT (see holdwatch systemd --help)" ;;
  esac
  case $action in
    enable) flags='user dry-run now force' ;;
    disable) flags='user dry-run now' ;;
    status) flags=user ;;
  esac
  forget_own_options
  parse_arguments --anywhere --flags "$flags" -- "$@"
  eval "$operands"
  if [ $# != 1 ]; then bad_use "$action requires one unit; usage: holdwatch systemd $action UNIT"; fi
  if [ "$action" != enable ] && [ -n "$given" ]; then bad_use "$action does not take the options of enable; usage: holdwatch systemd $action UNIT"; fi
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
