#!/usr/bin/env bash
# A SLURM cluster of one node, this machine, for tests: cluster.sh start | stop
#
# Needs root and Debian's packages slurm-wlm, slurmdbd, munge and mariadb-server, but neither
# systemd nor cgroups. Accounting really runs, because Snakemake asks sacct how jobs fare.
# SLURM's configuration lies in /etc/slurm, because Snakemake drops the SLURM variables that
# could name another place; all else lies in a folder of its own, and only what was started
# from there is ever stopped.
set -euo pipefail

mark="# written by tests/end_to_end/slurm/cluster.sh"
conf=/etc/slurm
state=/run/covidcxr-slurm
daemons="slurmd slurmctld slurmdbd mariadbd munged" # in the order in which they stop

fail() { echo "cluster.sh: $*" >&2; exit 1; }

ours() { # whether a file of the configuration is absent or this script's
  [ ! -e "$1" ] || grep -qxF "$mark" "$1"
}

alive() { # whether a daemon that this script started still runs
  [ -s "$state/$1.pid" ] && kill -0 "$(<"$state/$1.pid")" 2>/dev/null
}

wait_for() { # a daemon, until a command succeeds
  local daemon=$1; shift
  local end=$((SECONDS + 60))
  while ((SECONDS < end)); do
    if timeout 5 "$@" >/dev/null 2>&1; then return; fi # SLURM's own patience is longer
    sleep 0.5
  done
  tail -n 20 "$state/$daemon.log" >&2 || true
  fail "$daemon did not come up."
}

stop() {
  for daemon in $daemons; do
    if alive "$daemon"; then kill "$(<"$state/$daemon.pid")"; fi
    for _ in $(seq 40); do
      alive "$daemon" || break
      sleep 0.25
    done
    if alive "$daemon"; then kill -9 "$(<"$state/$daemon.pid")"; fi
  done
  for file in "$conf/slurm.conf" "$conf/gres.conf" "$conf/slurmdbd.conf"; do
    if ours "$file"; then rm -f "$file"; fi
  done
  rm -rf "$state"
}

configure() {
  local host memory
  host=$(hostname -s)
  memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
  cat >"$conf/slurm.conf" <<END
$mark
ClusterName=covidcxr
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$state/munge.socket
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
SlurmdSpoolDir=$state/slurmd
StateSaveLocation=$state/slurmctld
# without cgroups, which a container seldom may use
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePass=$state/munge.socket
JobAcctGatherType=jobacct_gather/linux
AccountingStorageTRES=gres/gpu
MpiDefault=none
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory Gres=gpu:2
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE
END
  # two GPUs that are only counted: SLURM wants a device file for each, and these do nothing
  printf '%s\nAutoDetect=off\nName=gpu File=/dev/null\nName=gpu File=/dev/zero\n' "$mark" \
    >"$conf/gres.conf"
  cat >"$conf/slurmdbd.conf" <<END
$mark
DbdHost=localhost
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$state/munge.socket
PidFile=$state/slurmdbd.pid
LogFile=$state/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=accounting
END
  chmod 600 "$conf/slurmdbd.conf" # else slurmdbd refuses it
}

start() {
  for daemon in $daemons; do
    if alive "$daemon"; then fail "the cluster runs already; cluster.sh stop ends it."; fi
  done
  rm -rf "$state"
  mkdir -p -m 755 "$conf" "$state" "$state/slurmctld" "$state/slurmd"
  configure
  trap stop ERR EXIT # half a cluster is none

  dd if=/dev/urandom of="$state/munge.key" bs=1024 count=1 status=none
  chmod 600 "$state/munge.key"
  munged --key-file="$state/munge.key" --seed-file="$state/munge.seed" \
    --socket="$state/munge.socket" --pid-file="$state/munged.pid" --log-file="$state/munged.log"

  mariadb-install-db --user=root --auth-root-authentication-method=normal \
    --skip-test-db --datadir="$state/db" >"$state/mariadbd.log" 2>&1
  mariadbd --no-defaults --user=root --datadir="$state/db" --skip-networking \
    --socket="$state/db.socket" --pid-file="$state/mariadbd.pid" \
    --innodb-buffer-pool-size=32M >>"$state/mariadbd.log" 2>&1 </dev/null &
  export MYSQL_UNIX_PORT="$state/db.socket" # where slurmdbd looks, too
  wait_for mariadbd mariadb-admin --no-defaults --user=root ping

  slurmdbd
  wait_for slurmdbd sacctmgr --noheader show cluster
  sacctmgr --immediate --quiet add cluster covidcxr >/dev/null
  slurmctld
  wait_for slurmctld scontrol ping
  slurmd
  wait_for slurmd sh -c "sinfo --noheader --format=%t | grep -qx idle"
  trap - ERR EXIT
}

[ "$(id -u)" = 0 ] || fail "needs root; run it in a container."
for file in "$conf/slurm.conf" "$conf/gres.conf" "$conf/slurmdbd.conf"; do
  ours "$file" || fail "$file belongs to another cluster; use a machine that is in none."
done
case "${1:-}" in
  start) start ;;
  stop) stop ;;
  *) fail "say start or stop." ;;
esac
