# shellcheck shell=bash
# The first process of a machine (see machines.sh): builds the root, says "ready", then only reaps orphans.
# Runs in fresh namespaces; the environment names the machine: MACHINE_NAME, MACHINE_DIR, MACHINE_RUN_DIR, MACHINE_TREE,
# and MACHINES_MAX, how many there may be.
set -euo pipefail

root=$MACHINE_DIR/root
mkdir -p "$root"
mount -t tmpfs -o mode=755,size=64m machine "$root"

# The leaf of a v2 hierarchy, before anything of ours is mounted over it.
while read -r _ point type _; do
    if [[ $type == cgroup2 && -d $point/shoal ]]; then
        echo $$ >"$point/shoal/${MACHINE_RUN_DIR##*/}/$MACHINE_NAME/system/cgroup.procs"
    fi
done </proc/self/mounts

mkdir -p "$root"/{usr,etc/shoal,dev,proc,sys,run,tmp,root,var/lib/shoal,var/tmp,opt/shoal/bin,mnt}
for dir in bin sbin lib lib32 lib64 libx32; do
    [[ ! -L /$dir ]] || ln -s "usr/$dir" "$root/$dir"
done
mount --rbind /usr "$root/usr"
mount -o remount,bind,ro "$root/usr"
# Programs of the host that the scripts use find their linked alternatives and certificates here.
for entry in alternatives ssl ld.so.cache ld.so.conf ld.so.conf.d nsswitch.conf localtime; do
    [[ ! -e /etc/$entry ]] || cp -a -- "/etc/$entry" "$root/etc/"
done
printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
printf '%s\n' "$MACHINE_NAME" >"$root/etc/hostname"
{
    printf '127.0.0.1 localhost\n'
    for ((number = 1; number <= MACHINES_MAX; number++)); do printf '10.77.0.%d m%d\n' $((10 + number)) "$number"; done
} >"$root/etc/hosts"

# The disk.
mount --bind "$MACHINE_DIR/disk/var-lib-shoal" "$root/var/lib/shoal"
mount --bind "$MACHINE_DIR/disk/etc-shoal" "$root/etc/shoal"
mount --bind "$MACHINE_RUN_DIR/bin" "$root/opt/shoal/bin"
mount -o remount,bind,ro "$root/opt/shoal/bin"

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o nosuid,nodev,mode=755 run "$root/run"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmp "$root/tmp"

mount -t tmpfs -o nosuid,mode=755,size=1m dev "$root/dev"
while read -r node major minor; do
    mknod -m 666 "$root/dev/$node" c "$major" "$minor"
done <<'NODES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
NODES
mknod -m 600 "$root/dev/kmsg" c 1 11
mkdir "$root"/dev/{pts,shm,mqueue}
mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev,mode=1777 shm "$root/dev/shm"
mount -t mqueue -o nosuid,nodev,noexec mqueue "$root/dev/mqueue"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"

# The same cgroup layout as the host's, seen from this machine's own root.
while read -r _ point type options _; do
    case $type in
    cgroup)
        [[ -d $root/sys/fs/cgroup/memory || $point == /sys/fs/cgroup || -n ${have_tmpfs:-} ]] ||
            mount -t tmpfs -o nosuid,nodev,noexec,mode=755 cgroup "$root/sys/fs/cgroup"
        have_tmpfs=yes
        options=$(tr ',' '\n' <<<"$options" | grep -vxE 'rw|ro|relatime|noatime|nosuid|nodev|noexec|seclabel|release_agent=.*|clone_children' | paste -sd,)
        [[ $options == *name=* ]] && options=none,$options
        mkdir -p "$root$point"
        mount -t cgroup -o "nosuid,nodev,noexec,$options" cgroup "$root$point"
        ;;
    cgroup2)
        if [[ $point != /sys/fs/cgroup && -z ${have_tmpfs:-} ]]; then
            mount -t tmpfs -o nosuid,nodev,noexec,mode=755 cgroup "$root/sys/fs/cgroup"
            have_tmpfs=yes
        fi
        mkdir -p "$root$point"
        mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root$point"
        ;;
    esac
done < <(grep -E '^[^ ]+ /sys/fs/cgroup[ /]' /proc/self/mounts | grep -E ' cgroup2? ')

# The project (the manifests and test programs in it) read-only, where it is on the host, be it below /tmp or /dev/shm: so
# after what is mounted there.
mkdir -p "$root$MACHINE_TREE"
mount --bind "$MACHINE_TREE" "$root$MACHINE_TREE"
mount -o remount,bind,ro "$root$MACHINE_TREE"
mkdir -p "$root$MACHINE_RUN_DIR/shared" "$MACHINE_RUN_DIR/shared"
mount --bind "$MACHINE_RUN_DIR/shared" "$root$MACHINE_RUN_DIR/shared"

hostname "$MACHINE_NAME" 2>/dev/null || printf '%s' "$MACHINE_NAME" >/proc/sys/kernel/hostname
exec 3>"$MACHINE_DIR/ready"

cd "$root"
pivot_root . mnt
umount -l /mnt
rmdir /mnt
cd /

# Like the switch in a rack: forwarding on, so that what a pod sends can leave the machine.
echo 1 >/proc/sys/net/ipv4/ip_forward

echo ready >&3
exec 3>&-

# An idle bash that waits for one child reaps the adopted ones as they end.
while :; do
    sleep infinity &
    wait $! || true
done
