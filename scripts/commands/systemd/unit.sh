# What systemd says about a unit, and what of its programs' files: sourced by `holdwatch systemd`.

newline='
'

# What `property` can be asked for.
known_properties=LoadState,ActiveState,MainPID,ControlGroup,User,DynamicUser,ExecStart,Environment,EnvironmentFiles
known_properties=$known_properties,UnsetEnvironment,NoNewPrivileges,RootDirectory,RootImage,BindPaths,BindReadOnlyPaths
known_properties=$known_properties,ProtectHome,ProtectSystem,PrivateTmp,TemporaryFileSystem,InaccessiblePaths
known_properties=$known_properties,ReadOnlyPaths,ReadWritePaths,NoExecPaths,ExecPaths,RuntimeDirectory,StateDirectory
known_properties=$known_properties,CacheDirectory,LogsDirectory,SystemCallFilter,SystemCallErrorNumber
known_properties=$known_properties,RestrictAddressFamilies,AppArmorProfile,SELinuxContext

# Reads the properties once; a template's are those of an instance that does not exist.
load_unit() {
  case $unit in
    *@.service) shown_unit=${unit%.service}holdwatch.service ;;
    *) shown_unit=$unit ;;
  esac
  properties=$(control show -p "$known_properties" "$shown_unit") || fail "systemctl show $shown_unit failed: see above"
  while IFS= read -r line; do
    eval "property_${line%%=*}=\${property_${line%%=*}:+\$property_${line%%=*}\$newline}\${line#*=}"
  done <<END
$properties
END
  property LoadState
  case $value in
    loaded) ;;
    not-found) fail "there is no unit $unit; systemctl list-units --type=service lists them" ;;
    masked) fail "$unit is masked: it cannot start; type: systemctl unmask $unit" ;;
    *) fail "$unit cannot be loaded ($value): systemctl status $unit tells why" ;;
  esac
  property ExecStart
  if [ -z "$value" ]; then fail "$unit starts no program"; fi
}

# Sets $value; a property that comes more than once has a line for each.
property() { eval "value=\${property_$1-}"; }

is_set() {
  property "$1"
  [ "$value" = yes ]
}

# The user that the unit's programs run as, as a number. One that systemd makes up has no rights anywhere.
find_user() {
  property User
  user=${value:-root}
  if [ -n "${flag_user-}" ]; then user=$(id -un); fi
  uid=$(id -u "$user" 2>/dev/null) || uid=65534
  if is_set DynamicUser; then uid=65534; fi
}

# The programs of ExecStart=, a line each: path, and the name by which it knows itself. One with a space in its path is
# left out: systemd shows its arguments without quotes.
list_programs() {
  property ExecStart
  programs=$(printf '%s\n' "$value" | sed -n 's/^{ path=\([^ ]*\) ; argv\[\]=\([^ ;]*\).*$/\1 \2/p')
}

# Sets what `program` prints: $program_kind, $program_path, $program_interpreter, $program_obstacle.
look_at_program() {
  tool_path program
  eval "$("$tool" "$1" "$uid")"
}

# The last value of LD_PRELOAD among "NAME=value" words as systemd quotes them, or in the lines of a file.
preload_in_words() {
  printf '%s\n' "$1" |
    sed -n -e 's/^\(.* \)\{0,1\}"LD_PRELOAD=\([^"]*\)".*$/\2/p' -e t -e 's/^\(.* \)\{0,1\}LD_PRELOAD=\([^ ]*\).*$/\2/p'
}

preload_in_file() { sed -n "s/^[[:space:]]*LD_PRELOAD=[\"']\{0,1\}\([^\"']*\)[\"']\{0,1\}[[:space:]]*\$/\1/p" "$1" | tail -n 1; }

# Without our own library, which an earlier enable has brought there.
without_ours() {
  others=
  for entry in $(printf '%s\n' "$1" | tr ':' ' '); do
    case $entry in
      libholdwatch.so | */libholdwatch.so) ;;
      *) others=$others${others:+:}$entry ;;
    esac
  done
}

# Finds in which file the unit sets LD_PRELOAD, if it does: such a file wins over the unit's own lines.
find_preload_file() {
  preload_file=
  property EnvironmentFiles
  while IFS= read -r file; do
    file=${file% (ignore_errors=*}
    if [ -r "$file" ] && [ "$file" != "$environment_file" ] && [ -n "$(preload_in_file "$file")" ]; then
      preload_file=$file
    fi
  done <<END
$value
END
}

# The value of LD_PRELOAD that the unit is to have: what is there, then ours.
join_unit_preload() {
  find_preload_file
  if [ -n "$preload_file" ]; then
    without_ours "$(preload_in_file "$preload_file")"
  else
    property Environment
    without_ours "$(preload_in_words "$value")"
    if [ -z "$others" ]; then without_ours "$(control show-environment | sed -n 's/^LD_PRELOAD=//p')"; fi
  fi
  preload=${others:+$others:}$library
}
