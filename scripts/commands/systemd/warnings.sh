# What in a unit would keep the watch from working, each with what to do about it: sourced by `holdwatch systemd enable`.
# What does not stand in its way is not spoken of: NoNewPrivileges=, MemoryDenyWriteExecute=, ProtectProc=, PrivateUsers=,
# SystemCallFilter=@system-service and most others. tests/systemd tries them all.

# What the watch calls the kernel for; a filter that ends the service for one of them ends it at the first report at the latest.
needed_calls='access brk clock_nanosleep clone3 close connect exit faccessat2 fcntl futex getdents64 getpeername getpid
  getrandom getsockname getsockopt gettid ioctl lseek madvise memfd_create mmap mprotect munmap newfstatat openat pipe2 poll
  prctl pread64 read readlink rseq rt_sigaction rt_sigprocmask rt_sigreturn rt_tgsigqueueinfo sendmsg sendto set_robust_list
  socket sysinfo uname write'

warn() { say "warning: $*"; }

# The service would end, or not start.
warn_fatal() {
  fatal=1
  warn "$@"
}

is_wrapper() {
  case $1 in
    sh | bash | dash | ash | ksh | zsh | env | nice | ionice | taskset | numactl | chrt | flock | setpriv | setsid) ;;
    timeout | stdbuf | start-stop-daemon | su | sudo | doas | runuser | chpst | softlimit | unshare | chroot) ;;
    strace | ltrace | gdbserver | perf | tini | dumb-init | catatonit | docker | podman | nerdctl | runc | crun) ;;
    *) return 1 ;;
  esac
}

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

# Whether the unit cannot see path $1, and by which of its lines: $hider.
is_hidden() {
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
  case $value in
    yes | tmpfs) if lies_in "$1" /home || lies_in "$1" /root || lies_in "$1" /run/user; then return 0; fi ;;
  esac
  hider=PrivateTmp=yes
  if is_set PrivateTmp && { lies_in "$1" /tmp || lies_in "$1" /var/tmp; }; then return 0; fi
  for list in InaccessiblePaths TemporaryFileSystem; do
    if is_listed "$1" $list; then
      hider="$list=$entry"
      return 0
    fi
  done
  return 1
}

# Runs a test as the unit's user; true where that cannot be tried.
user_can() {
  if [ "$(id -u)" != 0 ] || [ "$uid" = 0 ] || ! command -v setpriv >/dev/null; then return 0; fi
  setpriv --reuid="$uid" --regid="$(id -g "$user" 2>/dev/null || echo 65534)" --clear-groups test "$@"
}

warn_of_programs() {
  # Rights that cannot be gained make no difference to the loader.
  who=$uid
  if is_set NoNewPrivileges; then who=nobody-gains; fi
  property RootDirectory
  root=$value
  while read -r path name; do
    if [ -z "$path" ]; then continue; fi
    file=$root$path
    if is_bound "$path"; then file=$path; fi
    tool_path program
    eval "$("$tool" "$file" "$who")"
    case $program_kind in
      missing) warn "there is no $file, which ExecStart= names" ;;
      *) if [ -n "$program_obstacle" ]; then warn "$path is not watched: $program_obstacle"; fi ;;
    esac
    case ${path##*/} in
      sudo | su | doas | runuser | env)
        warn "${path##*/} may start the server without LD_PRELOAD; use User=, Group= and Environment= of the unit in its place"
        ;;
      docker | podman | nerdctl | runc | crun)
        warn "${path##*/} starts the server in a container, which sees neither the library nor LD_PRELOAD; mount the" \
          "library there and set LD_PRELOAD with the container's own options (-v and -e)"
        ;;
    esac
  done <<END
$programs
END
}

warn_of_wrappers() {
  case " $given " in
    *' EXE '*) return ;;
  esac
  while read -r path name; do
    if [ -z "$path" ]; then continue; fi
    look_at_program "$path"
    if is_wrapper "${path##*/}" || is_wrapper "${program_interpreter##*/}"; then
      warn "ExecStart= runs ${path##*/}, which starts the server: all that it starts is watched;" \
        "name the server, as in --exe memcached"
      return
    fi
  done <<END
$programs
END
}

warn_of_environment() {
  property UnsetEnvironment
  case " $value " in
    *' LD_PRELOAD '* | *' LD_PRELOAD='*)
      warn "UnsetEnvironment= takes LD_PRELOAD away, and so nothing is watched; take it back: $edit UnsetEnvironment="
      ;;
  esac
  if [ -n "$others" ]; then say "LD_PRELOAD is kept as it is, and joined: $preload"; fi
}

warn_of_library() {
  if is_hidden "$library"; then
    warn "$hider hides $library, and so nothing is watched; $edit BindReadOnlyPaths=${library%/*}"
    return
  fi
  if is_listed "$library" NoExecPaths; then
    longest=$entry
    if ! is_listed "$library" ExecPaths || [ ${#entry} -lt ${#longest} ]; then
      warn "NoExecPaths=$longest forbids loading $library; $edit ExecPaths=${library%/*}"
      return
    fi
  fi
  if ! user_can -r "$library"; then
    warn "user $user cannot read $library, and so nothing is watched; install holdwatch where all can (meson install)"
  fi
}

# What of the needed calls the filter does not let through: $forbidden.
find_forbidden_calls() {
  forbidden=
  property SystemCallFilter
  case $value in
    '' | '~') return ;;
    '~'*) listed_is=forbidden missing_is=allowed ;;
    *) listed_is=allowed missing_is=forbidden ;;
  esac
  for call in $needed_calls; do
    case " ${value#'~'} " in
      *" $call "* | *" $call:kill "*) verdict=$listed_is ;;
      *) verdict=$missing_is ;;
    esac
    if [ $verdict = forbidden ]; then forbidden="$forbidden $call"; fi
  done
}

# SystemCallErrorNumber= is a number of its own where it is not set, and the service is killed.
warn_of_calls() {
  find_forbidden_calls
  if [ -z "$forbidden" ]; then return; fi
  property SystemCallErrorNumber
  case $value in
    '' | 0 | kill | 2147483646)
      warn_fatal "SystemCallFilter= ends the service when the watch calls:$forbidden; $edit SystemCallFilter=${forbidden# }"
      ;;
    *)
      warn "SystemCallFilter= lets calls fail that the watch makes, and reports will lack what they tell:$forbidden;" \
        "$edit SystemCallFilter=${forbidden# }"
      ;;
  esac
}

# Why the journal's socket cannot be reached: $hider.
is_journal_hidden() {
  property RestrictAddressFamilies
  hider="RestrictAddressFamilies=$value"
  remedy=RestrictAddressFamilies=AF_UNIX
  case $value in
    '' | '~') ;;
    '~'*AF_UNIX*) return 0 ;;
    '~'* | *AF_UNIX*) ;;
    *) return 0 ;;
  esac
  remedy=BindReadOnlyPaths=/run/systemd/journal/socket
  is_hidden /run/systemd/journal/socket
}

warn_of_journal() {
  if [ "${HOLDWATCH_LOG-}" != journal ] || ! is_journal_hidden; then return; fi
  warn "$hider keeps the watch from the journal: reports go to standard error, without fields to search by; $edit $remedy"
}

# Whether the unit cannot write into directory $1, and why: $hider.
is_read_only() {
  if is_hidden "$1"; then return 0; fi
  property ProtectSystem
  hider="ProtectSystem=$value"
  case $value:$1/ in
    strict:/dev/* | strict:/proc/* | strict:/sys/*) ;;
    strict:*) is_own_directory "$1" || is_listed "$1" ReadWritePaths || return 0 ;;
    yes:/usr/* | yes:/boot/* | full:/usr/* | full:/boot/* | full:/etc/*) is_listed "$1" ReadWritePaths || return 0 ;;
  esac
  if is_listed "$1" ReadOnlyPaths && ! is_listed "$1" ReadWritePaths; then
    hider="ReadOnlyPaths="
    return 0
  fi
  hider="the rights of user $user"
  if [ -d "$1" ] && ! is_own_directory "$1"; then
    ! user_can -w "$1"
    return
  fi
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

# LOG=PATH and JSON=PATH. Of a path with placeholders, what comes before the first is looked at.
warn_of_files() {
  for path in "${HOLDWATCH_LOG-}" "${HOLDWATCH_JSON-}"; do
    case $path in
      /*) ;;
      *) continue ;;
    esac
    parent=${path%%%*}
    parent=${parent%/*}
    if is_read_only "${parent:-/}"; then
      warn "$hider keeps the service from writing $path; name a file in a directory of its own," \
        "/var/log/${unit%.service}/; $edit LogsDirectory=${unit%.service}"
    fi
  done
}

warn_of_profiles() {
  for name in AppArmorProfile SELinuxContext; do
    property $name
    if [ -n "$value" ]; then
      warn "$name=$value has rules of its own; if nothing is watched, let the profile read and map $library"
    fi
  done
}

warn_all() {
  fatal=
  edit="type: systemctl ${flag_user:+--user }edit $unit, and add to [Service]:"
  warn_of_programs
  warn_of_wrappers
  warn_of_environment
  warn_of_library
  warn_of_calls
  warn_of_journal
  warn_of_files
  warn_of_profiles
}
