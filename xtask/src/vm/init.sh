#!/bin/sh
# The first process of the virtual machine: prepares it as a service manager would, runs each program, and ends it.
# `console.rs` reads the lines that begin with "vm:".

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
ip link set lo up
# With swap, a task that is over its limit would live on if it got any.
mkswap --quiet /dev/nvme1n1
swapon /dev/nvme1n1

# Name of the run, then the command.
run() {
    name=$1
    shift
    echo "== $name"
    "$@"
    echo "vm: $name ended with $?"
}

# In a group that was delegated to this user, as a service manager does it: the first process is in it.
in_group_of() {
    user=$1
    shift
    group=$(mktemp -d /sys/fs/cgroup/delegated.XXXXXX)
    chown $user:$user $group $group/cgroup.procs $group/cgroup.subtree_control $group/cgroup.threads
    # Without root, permissions tell; root may write to any group, so systemd's mark tells.
    [ $user -ne 0 ] || setfattr -n trusted.delegate -v 1 $group
    (
        sh -c 'echo $PPID' > $group/cgroup.procs
        export DELEGATED_GROUP=$group
        [ $user -eq 0 ] || set -- setpriv --reuid $user --regid $user --clear-groups --bounding-set -all "$@"
        exec "$@"
    )
}

# A master and two agents on loopback. Into a file and not to the console, where it would draw its progress.
demo='/tests/meros demo --isolation cgroup > /tmp/demo.$$ 2>&1; code=$?; cat /tmp/demo.$$; exit $code'

# All of it on this version; without root, what a version or a user can make a difference to. Everything is ten times slower here.
run "the runtime on cgroup v2, as root" /tests/runtime_containers cgroup::
run "the runtime in a delegated group, without root" in_group_of 1000 /tests/runtime_containers cgroup::v2_ cgroup::exits_are_told \
    cgroup::everything_can cgroup::a_memory_hog cgroup::an_oom_kill cgroup::the_pids_limit cgroup::the_cpu_ceiling \
    cgroup::destroy_leaves cgroup::a_killed_shim cgroup::a_running_container cgroup::what_ended cgroup::what_nobody_knows
run "the runtime in a delegated group, as root" in_group_of 0 /tests/runtime_containers cgroup::v2_the_agent cgroup::everything_can
run "a killed agent on cgroup v2, as root" /tests/daemon_shell restart::ten_tasks
run "a killed agent in a delegated group, without root" in_group_of 1000 /tests/daemon_shell restart::ten_tasks
run "hostile tasks on cgroup v2, as root" /tests/hostile a_task_does_not_leave a_task_does_not_touch a_fork_bomb no_way_to_fork
run "the demo on cgroup v2, as root" sh -c "$demo"

echo "vm: over"
# Setting anything waits until what was printed is out.
stty -F /dev/console -echo
# There is nothing to save. The machine is not started again, so this ends it.
echo b > /proc/sysrq-trigger
