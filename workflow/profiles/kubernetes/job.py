#!/usr/bin/env python3
"""Jobs of the workflow as Jobs of a Kubernetes cluster, by ``kubectl``.

    job.py submit JOBSCRIPT   create a Job that runs Snakemake's script, and print its name
    job.py status JOB         print whether it is running, a success or failed
    job.py cancel JOB...      delete Jobs, whatever they are doing

A pod sees the files under the same paths as the machine where ``make`` runs, and works as the same
user. What only you know of your cluster stands in environment variables:

    COVIDCXR_KUBERNETES_IMAGE      what the pods run in: it has bash, git and the Python of .venv
    COVIDCXR_KUBERNETES_CLAIM      the volume claim that holds the repository, .venv and the data
    COVIDCXR_KUBERNETES_MOUNT      where that volume is mounted (default: the repository's folder)
    COVIDCXR_KUBERNETES_NAMESPACE  where Jobs and claim are (default: what kubectl is set to)
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PREFIX = "COVIDCXR_KUBERNETES_"
PASSED = ("STUDY", "SET", "RERUN", "COVIDCXR_DATA", "COVIDCXR_GPUS", "KERAS_BACKEND")
"""What a job takes from the environment."""

KEPT = 24 * 60 * 60
"""Seconds for which a Job that has ended keeps its log."""


class Problem(Exception):
    """A fault that the user can mend, said in one sentence."""


class Refusal(Problem):
    """A request that the cluster did not grant."""


def setting(name: str, meaning: str) -> str:
    """Return what the user has to say about the cluster."""
    value = os.environ.get(PREFIX + name)
    if not value:
        raise Problem(f"{PREFIX}{name} is not set; let it name {meaning}.")
    return value


def kubectl(*arguments: str, given: str | None = None) -> str:
    """Return what ``kubectl`` answers."""
    namespace = os.environ.get(f"{PREFIX}NAMESPACE")
    command = [
        *("kubectl", *arguments, "--request-timeout=30s"),
        *([f"--namespace={namespace}"] if namespace else []),
    ]
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise Problem(
            "kubectl is not on the PATH; install it where make runs, and let it reach your cluster."
        ) from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
        raise Refusal(f"kubectl {arguments[0]}: {said[-1]}") from None
    return done.stdout


def properties(script: str) -> dict[str, Any]:
    """Return what Snakemake notes about a job in its script."""
    mark = "# properties = "
    lines = Path(script).read_text("utf-8").splitlines()
    noted = next(line for line in lines if line.startswith(mark))
    return json.loads(noted[len(mark) :])


def mounted() -> Path:
    """Return where the volume lies, and refuse what lies outside of it."""
    mount = Path(os.environ.get(f"{PREFIX}MOUNT") or Path.cwd())
    needed = {"The repository": Path.cwd()}
    if data := os.environ.get("COVIDCXR_DATA"):
        needed["COVIDCXR_DATA"] = Path(data).absolute()
    for what, path in needed.items():
        if mount not in [path, *path.parents]:
            raise Problem(
                f"{what} is {path}, which no pod sees; let {PREFIX}MOUNT name a folder above it, "
                f"where the volume is mounted here as well (now {mount})."
            )
    return mount


def environment() -> list[dict[str, str]]:
    """Return the variables of the container."""
    # The image need not know the user, who then has no home for notebooks to write into.
    variables = {"HOME": "/tmp", **{n: os.environ[n] for n in PASSED if os.environ.get(n)}}
    return [{"name": name, "value": value} for name, value in variables.items()]


def amounts(job: dict[str, Any]) -> dict[str, str]:
    """Return how much of a node a job needs."""
    needed = {"cpu": str(job["threads"]), "memory": f"{job['resources']['mem_mb']}M"}
    if gpus := job["resources"].get("gpu"):
        needed["nvidia.com/gpu"] = str(gpus)
    return needed


def pod(script: str, job: dict[str, Any]) -> dict[str, Any]:
    """Return the pod in which a script runs as it would run here."""
    image = setting("IMAGE", "the image that the pods run in")
    claim = setting("CLAIM", "the volume claim that holds the repository, its .venv and the data")
    container = {
        "name": "job",
        "image": image,
        "command": ["/bin/sh", script],
        "workingDir": str(Path.cwd()),
        "env": environment(),
        "resources": {"requests": amounts(job), "limits": amounts(job)},
        "volumeMounts": [{"name": "files", "mountPath": str(mounted())}],
    }
    return {
        "restartPolicy": "Never",
        # Here and not in the Job, whose clock would also run while the pod waits for a node.
        "activeDeadlineSeconds": job["resources"]["runtime"] * 60,
        # A checkpoint waits for nobody, and the next attempt not for this one.
        "terminationGracePeriodSeconds": 2,
        # What the pod writes belongs to whoever runs make.
        "securityContext": {"runAsUser": os.getuid(), "runAsGroup": os.getgid()},
        "containers": [container],
        "volumes": [{"name": "files", "persistentVolumeClaim": {"claimName": claim}}],
    }


def manifest(script: str) -> dict[str, Any]:
    """Return the Job that runs one of Snakemake's scripts."""
    job = properties(script)
    words = "-".join(["covidcxr", job["rule"], *map(str, job["wildcards"].values())])
    # The cluster adds a few letters, so that each attempt has a name of its own.
    name = re.sub(r"[^a-z0-9]+", "-", words.lower())[:50] + "-"
    labels = {"app.kubernetes.io/name": "covidcxr"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": name, "labels": labels},
        "spec": {
            "backoffLimit": 0,  # Snakemake tries again
            "ttlSecondsAfterFinished": KEPT,
            "template": {"metadata": {"labels": labels}, "spec": pod(script, job)},
        },
    }


def submit(script: str) -> str:
    """Create a Job and return its name."""
    created = kubectl("create", "--filename=-", "--output=name", given=json.dumps(manifest(script)))
    return created.strip().rpartition("/")[2]


def status(name: str) -> str:
    """Return what Snakemake wants to know of a Job: running, success or failed."""
    try:
        found = kubectl("get", "job", name, "--ignore-not-found", "--output=json")
    except Refusal as refusal:
        # Snakemake would give up every training because the cluster once did not answer.
        print(f"{refusal} (taken to run on)", file=sys.stderr)
        return "running"
    if not found.strip():
        return "failed"  # somebody deleted it
    conditions = json.loads(found).get("status", {}).get("conditions", [])
    states = {c["type"] for c in conditions if c["status"] == "True"}
    if "Complete" in states:
        return "success"
    return "failed" if "Failed" in states else "running"


def cancel(*names: str) -> None:
    """Delete Jobs and their pods."""
    # Snakemake does not wait for longer than two seconds.
    kubectl("delete", "job", *names, "--ignore-not-found", "--wait=false")


COMMANDS: dict[str, Callable[..., str | None]] = {
    "submit": submit,
    "status": status,
    "cancel": cancel,
}


def main() -> None:
    """Do what Snakemake asks for."""
    command, *arguments = sys.argv[1:] or [""]
    if command not in COMMANDS or not arguments:
        sys.exit(__doc__)
    try:
        answer = COMMANDS[command](*arguments)
    except Problem as problem:
        sys.exit(f"covidcxr: {problem}")
    if answer:
        print(answer)


if __name__ == "__main__":
    main()
