"""What a Slurm of the tests is configured with: texts, and nothing that is done."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

# Of Slurm's programs, those that are counted, and can be made to fail.
COMMANDS = ("sbatch", "squeue", "scancel", "sacct", "scontrol", "sinfo", "srun", "sacctmgr")
# The first is what jobs get; `short` ends them after two minutes, the others refuse or wait.
PARTITIONS = """\
PartitionName=main Nodes={nodes} Default=YES MaxTime=1-0 DefaultTime=10 PriorityTier=10
PartitionName=low Nodes={nodes} MaxTime=1-0 DefaultTime=10 PriorityTier=1
PartitionName=short Nodes={nodes} MaxTime=2 DefaultTime=1 PriorityTier=10
PartitionName=closed Nodes={nodes} MaxTime=10 State=DOWN
PartitionName=staff Nodes={nodes} AllowGroups=root
"""
# Slurm is root's, so that no account is needed for it. A job's cgroups are left out: its node is
# a namespace. A job waits for no longer than a second where it could run.
SLURM = """\
ClusterName=tests
SlurmctldHost={host}({address})
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/state/slurmctld.pid
SlurmdPidFile={folder}/spool/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=30
SlurmctldTimeout=30
MessageTimeout=5
SlurmdParameters=config_overrides
KillWait={kill_wait}
MinJobAge={min_job_age}
MaxArraySize={max_array}
FirstJobId={first_job}
"""
ACCOUNTING = {
    "none": "AccountingStorageType=accounting_storage/none\n",
    "filetxt": "AccountingStorageType=accounting_storage/none\n"
    "JobCompType=jobcomp/filetxt\nJobCompLoc={folder}/log/jobs-that-ended\n",
    "dbd": "AccountingStorageType=accounting_storage/slurmdbd\n"
    "AccountingStorageHost={address}\nAccountingStoragePort={dbd_port}\n"
    "AccountingStoragePass={folder}/munge/socket\nAccountingStorageEnforce=limits\n",
}
SLURMDBD = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost={host}
DbdAddr={address}
DbdPort={dbd_port}
SlurmUser=root
PidFile={folder}/state/slurmdbd.pid
LogFile={folder}/log/slurmdbd
StorageType=accounting_storage/mysql
StorageHost={address}
StoragePort={database_port}
StorageUser=slurm
StorageLoc=slurm
"""
SSHD = """\
ListenAddress {address}
Port {ssh_port}
HostKey {folder}/ssh/host
AuthorizedKeysFile {folder}/ssh/key.pub
AllowUsers {user}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
MaxSessions 50
MaxStartups 100
PrintMotd no
"""
# Called by the name of the program that it stands for. Each call is a file, so that none waits
# for another; its words end with NULs. What is in a fault's file may use $real, $out and $rc.
WRAPPER = """\
#!/bin/bash
name=${{0##*/}}
real={folder}/real/$name
fault={folder}/fault/$name
printf '%s\\0' "$name" "$@" >"{folder}/calls/${{EPOCHREALTIME//[^0-9]/}}-$$"
[ ! -r "$fault.before" ] || . "$fault.before"
[ -r "$fault.after" ] || exec "$real" "$@"
out=$("$real" "$@")
rc=$?
. "$fault.after"
[ -z "$out" ] || printf '%s\\n' "$out"
exit "$rc"
"""


@dataclass(frozen=True)
class Settings:
    """What one cluster can have otherwise than another."""

    nodes: int = 2
    cpus: int = 2  # of a node
    memory: int = 2000  # of a node, in megabytes
    accounting: str = "none"  # or filetxt, or dbd: of ACCOUNTING
    min_job_age: int = 300  # seconds for which Slurm knows a job that has ended
    max_array: int = 1001
    kill_wait: int = 2  # seconds from SIGTERM to SIGKILL
    # Where Slurm's commands are: on the `path`, in /opt/slurm/bin alone (`opt`), or where only a
    # login shell looks (`login`).
    commands: str = "path"
    # Whether a flock that is held on a node cannot be seen on the login node, and so on.
    local_flock: bool = False
    more: tuple[str, ...] = ()  # further lines of slurm.conf


@dataclass(frozen=True)
class Place:
    """Where a cluster is on this machine: no two have the same folder and ports."""

    folder: Path
    address: str
    port: int  # and some behind it
    host: str  # this machine's own name
    user: str

    @property
    def ssh_port(self) -> int:
        return self.port + 3

    def fill(self, text: str, **more: object) -> str:
        ports = {
            "dbd_port": self.port + 1,
            "database_port": self.port + 2,
            "ssh_port": self.ssh_port,
        }
        return text.format(**vars(self), **ports, **more)


def node_names(settings: Settings) -> list[str]:
    return [f"n{number + 1}" for number in range(settings.nodes)]


def slurm_conf(place: Place, settings: Settings, first_job: int) -> str:
    """The text of slurm.conf; `first_job` is the number of the first job that is submitted."""
    names = node_names(settings)
    text = place.fill(
        SLURM + ACCOUNTING[settings.accounting], **vars(settings), first_job=first_job
    )
    what = f"CPUs={settings.cpus} RealMemory={settings.memory}"
    for number, name in enumerate(names):
        port = place.port + 10 + number
        text += f"NodeName={name} NodeHostname={name} NodeAddr={place.address} Port={port} {what}\n"
    return (
        text + PARTITIONS.format(nodes=",".join(names)) + "".join(f"{x}\n" for x in settings.more)
    )


def hosts(place: Place, settings: Settings) -> str:
    """The text of /etc/hosts, on the login node and the others."""
    # slurmctld listens at the address of this machine's name.
    names = " ".join([place.host, *node_names(settings)])
    return f"127.0.0.1 localhost\n{place.address} {names}\n"


def mounts(place: Place, settings: Settings) -> str:
    """Shell code that makes of this machine's folders those of the login node."""
    folder = place.folder
    lines = [f"mount --rbind {folder}/etc /etc"]
    for command in COMMANDS:
        # What nobody can execute is not found.
        source = f"{folder}/bin/{command}" if settings.commands == "path" else "/dev/null"
        lines.append(f'found=$(command -v {command}) && mount --rbind {source} "$found"')
    if settings.commands == "opt":
        lines.append(_OPT.format(folder=folder))
    return "\n".join(lines)


# An /opt that has what this machine's has, and Slurm.
_OPT = """\
mkdir {folder}/opt {folder}/opt-of-this-machine
mount --rbind /opt {folder}/opt-of-this-machine
for entry in $(ls /opt); do
  mkdir "{folder}/opt/$entry"
  mount --rbind "/opt/$entry" "{folder}/opt/$entry"
done
mkdir -p {folder}/opt/slurm
ln -s {folder}/bin {folder}/opt/slurm/bin
mount --rbind {folder}/opt /opt
"""


def node_script(place: Place, settings: Settings, name: str) -> str:
    """Shell code that is a node's first process, in namespaces of its own."""
    home = shlex.quote(str(place.folder / "home"))
    lines = [f"hostname {name}"]
    if settings.local_flock:
        lines.append(f"bindfs -o dev,suid,allow_other {home} {home}")
    return "\n".join([*lines, f"slurmd -D -N {name} & wait"])
