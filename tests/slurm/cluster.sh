#!/usr/bin/env bash
# A SLURM cluster of one node, this machine, for tests: cluster.sh start | stop
#
# Needs root and Debian's packages slurm-wlm, slurmdbd, munge and mariadb-server. Neither
# systemd nor cgroups are needed. Accounting really runs, since Snakemake asks sacct how
# jobs fare; and the configuration lies in /etc/slurm, since Snakemake passes no SLURM
# variable on to the commands that would need it.
set -euo pipefail

mark="# written by tests/slurm/cluster.sh"
conf=/etc/slurm
state=/var/spool/covidcxr-slurm
log=/var/log/covidcxr-slurm

fail() { echo "cluster.sh: $*" >&2; exit 1; }

wait_for() { # seconds, what, command...
  local left=$1 what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    (( left-- > 0 )) || fail "$what did not come up; see $log."
    sleep 1
  done
}

stop() {
  for daemon in slurmd slurmctld slurmdbd; do pkill -x "$daemon" 2>/dev/null || true; done
  pkill -F "$state/db/mariadb.pid" 2>/dev/null || true
  pkill -F "$state/munged.pid" 2>/dev/null || true
  for _ in $(seq 20); do
    pgrep "^slurm" >/dev/null || break
    sleep 0.5
  done
  for file in slurm.conf slurmdbd.conf; do
    if grep -qsF "$mark" "$conf/$file"; then rm -f "$conf/$file"; fi
  done
  rm -rf "$state"
}

start() {
  [ "$(id -u)" = 0 ] || fail "needs root; run it in a container."
  for file in slurm.conf slurmdbd.conf; do
    if [ -e "$conf/$file" ] && ! grep -qF "$mark" "$conf/$file"; then
      fail "$conf/$file is another cluster's; run the test on a machine that has none."
    fi
  done
  stop
  mkdir -p "$conf" "$state/ctld" "$state/d" "$state/db" "$log" /run/munge
  host=$(hostname -s)
  cores=$(nproc)
  memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)

  cat >"$conf/slurm.conf" <<END
$mark
ClusterName=covidcxr
SlurmctldHost=$host
SlurmUser=root
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmdSpoolDir=$state/d
StateSaveLocation=$state/ctld
SlurmctldLogFile=$log/slurmctld.log
SlurmdLogFile=$log/slurmd.log
# without cgroups, which a container seldom may use
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
JobAcctGatherType=jobacct_gather/linux
ReturnToService=2
MpiDefault=none
NodeName=$host CPUs=$cores RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
  cat >"$conf/slurmdbd.conf" <<END
$mark
DbdHost=localhost
SlurmUser=root
PidFile=$state/slurmdbd.pid
LogFile=$log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
END
  chmod 600 "$conf/slurmdbd.conf"

  # munge: shared by all daemons, its key made at installation
  [ -s /etc/munge/munge.key ] || dd if=/dev/urandom of=/etc/munge/munge.key bs=1 count=1024 2>/dev/null
  chown -R munge: /etc/munge /run/munge && chmod 400 /etc/munge/munge.key
  if ! munge -n >/dev/null 2>&1; then
    touch "$state/munged.pid" && chown munge: "$state/munged.pid"
    setpriv --reuid munge --regid munge --clear-groups \
      munged --force --pid-file "$state/munged.pid" --log-file /var/log/munge/munged.log
  fi
  wait_for 10 munge munge -n

  # the database of the accounting, in a folder of its own
  mkdir -p /run/mysqld && chown -R mysql: "$state/db" /run/mysqld && chmod 755 "$state"
  mariadb-install-db --user=mysql --datadir="$state/db" >"$log/mariadb-install.log" 2>&1
  mariadbd --no-defaults --user=mysql --datadir="$state/db" --pid-file="$state/db/mariadb.pid" \
    --socket=/run/mysqld/mysqld.sock --skip-networking --innodb-buffer-pool-size=64M \
    >"$log/mariadb.log" 2>&1 &
  disown
  wait_for 30 mariadbd mariadb --socket=/run/mysqld/mysqld.sock -e "select 1"
  mariadb --socket=/run/mysqld/mysqld.sock -e "create database slurm_acct_db;
    create user slurm@localhost identified by 'slurm';
    grant all on slurm_acct_db.* to slurm@localhost;"

  slurmdbd
  wait_for 30 slurmdbd sacctmgr --noheader show cluster
  sacctmgr --immediate add cluster covidcxr >/dev/null 2>&1 || true
  slurmctld
  wait_for 30 slurmctld scontrol ping
  slurmd
  wait_for 30 slurmd srun --immediate=5 --ntasks 1 true
  sinfo
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  *) fail "say start or stop." ;;
esac
