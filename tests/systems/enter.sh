# enter.sh ROOT chroot|pivot_root COMMAND...: runs a command in a system of its own. Called by table, in new namespaces of mounts and
# processes: every mount goes with them, and so does whatever the command leaves running.
set -eu
root=$1 way=$2
shift 2
# A chroot's root is no mount point: there `unshare --mount` fails, as it does for many users of one.
if [ "$way" = pivot_root ]; then mount --bind "$root" "$root"; fi
cd "$root"
mount -t proc proc proc
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs run
mount --rbind /dev dev
if [ -n "${CCACHE_DIR:-}" ]; then
  mkdir -p ccache
  mount --bind "$CCACHE_DIR" ccache
fi
if [ "$way" = pivot_root ]; then
  pivot_root . .
  umount -l .
  set -- chroot . "$@"
else
  set -- chroot "$root" "$@"
fi
exec env -i HOME=/root LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive ${CCACHE_DIR:+CCACHE_DIR=/ccache} \
  ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
  PATH=/usr/lib/ccache:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
