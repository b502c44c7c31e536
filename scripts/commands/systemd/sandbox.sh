# What of the file system a unit can see, and where it can write: sourced by `holdwatch systemd enable`.

# Whether path $1 lies in directory $2.
lies_in() {
  case $1/ in
    "${2%/}"/*) return 0 ;;
  esac
  return 1
}

# Whether path $1 lies in one of the list that property $2 is; $entry is which. Marks of systemd's before a path are left
# out, and what follows a colon; of BindPaths=, it is the second path that counts.
is_listed() {
  property "$2"
  for entry in $value; do
    entry=${entry#[-+]}
    case $2:$entry in
      Bind*:*:*)
        entry=${entry#*:}
        entry=${entry%%:*}
        ;;
      *) entry=${entry%%:*} ;;
    esac
    if lies_in "$1" "$entry"; then return 0; fi
  done
  return 1
}

is_bound() { is_listed "$1" BindReadOnlyPaths || is_listed "$1" BindPaths; }

# Whether path $1 lies in what the unit can in no way get at: not even bound to somewhere, it is seen.
is_closed() {
  property ProtectHome
  hider="ProtectHome=$value"
  if [ "$value" = yes ] && lies_in_home "$1"; then return 0; fi
  is_listed "$1" InaccessiblePaths && hider="InaccessiblePaths=$entry"
}

lies_in_home() { lies_in "$1" /home || lies_in "$1" /root || lies_in "$1" /run/user; }

# Whether the unit cannot see path $1, and by which of its lines: $hider.
is_hidden() {
  if is_closed "$1"; then return 0; fi
  if is_bound "$1"; then return 1; fi
  property RootDirectory
  if [ -n "$value" ]; then
    hider="RootDirectory=$value"
    if ! [ -e "$value$1" ]; then return 0; fi
  fi
  property RootImage
  hider="RootImage=$value"
  if [ -n "$value" ]; then return 0; fi
  property ProtectHome
  hider="ProtectHome=$value"
  if [ "$value" = tmpfs ] && lies_in_home "$1"; then return 0; fi
  hider=PrivateTmp=yes
  if is_set PrivateTmp && { lies_in "$1" /tmp || lies_in "$1" /var/tmp; }; then return 0; fi
  is_listed "$1" TemporaryFileSystem && hider="TemporaryFileSystem=$entry"
}

# $remedy is what to add to the unit so that it sees path $1, which $hider hides.
show_path() {
  case $hider in
    ProtectHome=yes) remedy="ProtectHome=tmpfs and BindReadOnlyPaths=$1" ;;
    InaccessiblePaths=*)
      property InaccessiblePaths
      remedy=
      for entry in $value; do
        if ! lies_in "$1" "${entry#[-+]}"; then remedy="$remedy $entry"; fi
      done
      remedy="InaccessiblePaths=${remedy:+ and then InaccessiblePaths=${remedy# }}"
      ;;
    *) remedy="BindReadOnlyPaths=$1" ;;
  esac
}

# The numbers of the groups that the unit's user has, and as the first the one of its programs.
list_groups() {
  property Group
  groups=$(id -g "${value:-$user}" 2>/dev/null || getent group "$value" | cut -d: -f3)
  groups="${groups:-65534}$(id -G "$user" 2>/dev/null | sed 's/^/ /')"
  property SupplementaryGroups
  for group in $value; do groups="$groups$(getent group "$group" | sed 's/^[^:]*:[^:]*:\([0-9]*\).*$/ \1/')"; done
}

# Runs a test as the unit's user; true where that cannot be tried.
user_can() {
  if [ "$(id -u)" = "$uid" ]; then
    test "$@"
    return
  fi
  if [ "$(id -u)" != 0 ] || [ "$uid" = unknown ] || ! command -v setpriv >/dev/null; then return 0; fi
  list_groups
  setpriv --reuid="$uid" --regid="${groups%% *}" --groups="$(printf '%s' "$groups" | tr -s ' ' ,)" test "$@"
}

# Whether the unit cannot write in directory $1, and why: $hider.
is_read_only() {
  if is_hidden "$1"; then return 0; fi
  if is_own_directory "$1"; then return 1; fi
  property ProtectSystem
  hider="ProtectSystem=$value"
  case $value:$1/ in
    strict:/dev/* | strict:/proc/* | strict:/sys/*) ;;
    strict:* | yes:/usr/* | yes:/boot/* | full:/usr/* | full:/boot/* | full:/etc/*)
      is_listed "$1" ReadWritePaths || return 0
      ;;
  esac
  if is_listed "$1" ReadOnlyPaths && ! is_listed "$1" ReadWritePaths; then
    hider="ReadOnlyPaths=$entry"
    return 0
  fi
  hider="the missing directory $1"
  if ! [ -d "$1" ]; then return 0; fi
  return 1
}

# One that systemd makes for the unit and gives to its user.
is_own_directory() {
  for pair in RuntimeDirectory:/run StateDirectory:/var/lib CacheDirectory:/var/cache LogsDirectory:/var/log; do
    property "${pair%%:*}"
    for entry in $value; do
      if lies_in "$1" "${pair#*:}/${entry%%:*}"; then return 0; fi
    done
  done
  return 1
}
