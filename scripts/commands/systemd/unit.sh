# What systemd says about a unit: sourced by `holdwatch systemd`.

# What `property` can be asked for.
known_properties=LoadState,ActiveState,MainPID,ControlGroup,User,DynamicUser,ExecStart,Environment,EnvironmentFiles
known_properties=$known_properties,UnsetEnvironment,NoNewPrivileges,RootDirectory,RootImage,BindPaths,BindReadOnlyPaths
known_properties=$known_properties,ProtectHome,ProtectSystem,PrivateTmp,TemporaryFileSystem,InaccessiblePaths
known_properties=$known_properties,ReadOnlyPaths,ReadWritePaths,NoExecPaths,ExecPaths,RuntimeDirectory,StateDirectory
known_properties=$known_properties,CacheDirectory,LogsDirectory,SystemCallFilter,SystemCallErrorNumber
known_properties=$known_properties,RestrictAddressFamilies,AppArmorProfile,SELinuxContext
known_properties=$known_properties,MountAPIVFS,DropInPaths,TasksMax,TasksCurrent,LimitNPROC,LogNamespace
known_properties=$known_properties,Group,SupplementaryGroups

# Reads the properties once.
load_unit() {
  properties=$(control show -p "$known_properties" "$shown_unit") || fail "systemctl show $shown_unit failed: see above"
  while IFS= read -r line; do
    eval "property_${line%%=*}=\${property_${line%%=*}:+\$property_${line%%=*}\$newline}\${line#*=}"
  done <<END
$properties
END
  property LoadState
  case $value in
    loaded) ;;
    not-found) fail "no such unit: $unit; to list units: systemctl list-units --type=service" ;;
    masked) fail "$unit is masked and cannot start; to unmask it: systemctl unmask $unit" ;;
    *) fail "$unit cannot be loaded ($value); for details: systemctl status $unit" ;;
  esac
  property ExecStart
  if [ -z "$value" ]; then fail "$unit starts no program"; fi
}

# Sets $value; a property that comes more than once has a line for each.
property() { eval "value=\${property_$1-}"; }

# Whether systemd knows the property at all, be it empty.
is_known() { eval "[ -n \"\${property_$1+x}\" ]"; }

is_set() {
  property "$1"
  [ "$value" = yes ]
}

# The user that the unit's programs run as, as a number. One that systemd makes up has no rights anywhere; one that depends
# on the template's instance is not known.
find_user() {
  property User
  user=${value:-root}
  if [ -n "${flag_user-}" ]; then user=$(id -un); fi
  uid=$(id -u "$user" 2>/dev/null) || uid=65534
  if is_set DynamicUser; then uid=65534; fi
  case $user in
    *"$instance"*) uid=unknown ;;
  esac
}
