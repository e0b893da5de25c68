"""Trainings run as Jobs of a stand-in for kubectl and its cluster, whose pods are processes."""

import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

PROFILE = Path("workflow/profiles/kubernetes")
STAND_IN = Path(__file__).parent / "kubernetes" / "kubectl.py"

WORKFLOW = """
rule training:
    output: "trained"
    resources: mem_mb=1
    shell: "if mkdir tried; then exit 1; fi; env > {output}"
"""


@dataclass
class Cluster:
    """A repository with the profile, and what a run in it sees of the cluster."""

    root: Path
    jobs: Path
    environment: dict[str, str]

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def job(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, str(PROFILE / "job.py"), *arguments, **variables)

    def submit(self, script: Path) -> str:
        """Submit a script and return the name of its Job."""
        submitted = self.job("submit", str(script))
        assert submitted.returncode == 0, submitted.stderr
        return submitted.stdout.strip()

    def script(self, command: str = "true", **resources: int) -> Path:
        """Write a script as Snakemake does."""
        noted = {
            "rule": "training",
            "wildcards": {"model": "resnet50", "split": "keras", "seed": "0"},
            "threads": 4,
            "resources": {"mem_mb": 16000, "runtime": 1440, **resources},
        }
        script = self.root / f"{secrets.token_hex(4)}.sh"
        script.write_text(f"#!/bin/sh\n# properties = {json.dumps(noted)}\n{command}\n")
        return script

    def created(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in self.jobs.glob("*.json")]

    def status(self, name: str) -> str:
        return self.job("status", name).stdout

    def ended(self, name: str) -> str:
        """Return a Job's status as soon as it no longer runs."""
        until = time.monotonic() + 20
        while (status := self.status(name)) == "running\n":
            assert time.monotonic() < until
            time.sleep(0.05)
        return status


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    root, jobs, programs = (tmp_path / name for name in ("repository", "jobs", "bin"))
    shutil.copytree(ROOT / PROFILE, root / PROFILE)
    jobs.mkdir()
    programs.mkdir()
    kubectl = programs / "kubectl"
    kubectl.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
    kubectl.chmod(0o755)
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("COVIDCXR_", "KERAS_"))}
    environment = {
        **ours,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "KUBECTL_CLUSTER": str(jobs),
        "COVIDCXR_KUBERNETES_IMAGE": "python:3.12",
        "COVIDCXR_KUBERNETES_CLAIM": "shared",
    }
    return Cluster(root, jobs, environment)


def test_a_job_asks_for_what_the_training_needs(cluster: Cluster) -> None:
    cluster.environment |= {
        "COVIDCXR_DATA": str(cluster.root / "images"),
        "KERAS_BACKEND": "jax",
        "STUDY": "demo",
        "SET": "title='a: b'",
        "COVIDCXR_KUBERNETES_MOUNT": f"{cluster.root.parent}/",
    }
    script = cluster.script(gpu=1)
    name = cluster.submit(script)
    assert cluster.ended(name) == "success\n"
    (job,) = cluster.created()
    assert job["metadata"].pop("name") == name
    del job["status"]
    labels = {"app.kubernetes.io/name": "covidcxr"}
    amounts = {"cpu": "4", "memory": "16000M", "nvidia.com/gpu": "1"}
    container = {
        "name": "job",
        "image": "python:3.12",
        "command": ["/bin/sh", str(script)],
        "workingDir": str(cluster.root),
        "env": [
            {"name": "HOME", "value": "/tmp"},
            {"name": "STUDY", "value": "demo"},
            {"name": "SET", "value": "title='a: b'"},
            {"name": "COVIDCXR_DATA", "value": str(cluster.root / "images")},
            {"name": "KERAS_BACKEND", "value": "jax"},
        ],
        "resources": {"requests": amounts, "limits": amounts},
        "volumeMounts": [{"name": "files", "mountPath": str(cluster.root.parent)}],
    }
    assert job == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "covidcxr-training-resnet50-keras-0-", "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": 86400,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "activeDeadlineSeconds": 86400,
                    "terminationGracePeriodSeconds": 2,
                    "securityContext": {"runAsUser": os.getuid(), "runAsGroup": os.getgid()},
                    "containers": [container],
                    "volumes": [
                        {"name": "files", "persistentVolumeClaim": {"claimName": "shared"}}
                    ],
                },
            },
        },
    }


def test_the_volume_is_the_repository_and_no_gpu_is_asked_for_by_default(cluster: Cluster) -> None:
    cluster.submit(cluster.script())
    ((job,), (request,)) = cluster.created(), (cluster.jobs / "requests").read_text().splitlines()
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["volumeMounts"] == [{"name": "files", "mountPath": str(cluster.root)}]
    assert container["resources"]["limits"] == {"cpu": "4", "memory": "16000M"}
    assert "--namespace" not in request


def test_a_namespace_is_named_in_every_request(cluster: Cluster) -> None:
    cluster.environment["COVIDCXR_KUBERNETES_NAMESPACE"] = "imaging"
    name = cluster.submit(cluster.script())
    cluster.status(name)
    cluster.job("cancel", name)
    requests = (cluster.jobs / "requests").read_text().splitlines()
    assert [r.split()[0] for r in requests] == ["create", "get", "delete"]
    assert all("--namespace=imaging" in r for r in requests)


def test_the_status_follows_the_job_to_its_end(cluster: Cluster) -> None:
    commands = ("true", "exit 3", "sleep 60")
    good, bad, long = (cluster.submit(cluster.script(command)) for command in commands)
    assert cluster.ended(good) == "success\n"
    assert cluster.ended(bad) == "failed\n"
    assert cluster.status(long) == "running\n"
    # as Snakemake calls it: one program, then names
    program = yaml.safe_load((cluster.root / PROFILE / "config.yaml").read_text())
    cancelled = cluster.run(program["cluster-generic-cancel-cmd"], good, long)
    assert cancelled.returncode == 0, cancelled.stderr
    assert cluster.status(long) == "failed\n"  # deleted
    assert [job["metadata"]["name"] for job in cluster.created()] == [bad]


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        (None, "running"),
        ([], "running"),
        ([{"type": "Complete", "status": "True"}], "success"),
        ([{"type": "Failed", "status": "True"}], "failed"),
        ([{"type": "Failed", "status": "False"}], "running"),
        # its pods are still being stopped, or counted
        ([{"type": "FailureTarget", "status": "True"}], "running"),
        ([{"type": "SuccessCriteriaMet", "status": "True"}], "running"),
    ],
)
def test_only_a_condition_that_holds_ends_a_job(
    cluster: Cluster, conditions: list[dict[str, str]] | None, said: str
) -> None:
    status = {} if conditions is None else {"status": {"active": 1, "conditions": conditions}}
    (cluster.jobs / "any.json").write_text(json.dumps(status))
    assert cluster.status("any") == f"{said}\n"


def test_a_cluster_that_does_not_answer_ends_no_training(cluster: Cluster) -> None:
    (cluster.jobs / "down").touch()
    asked = cluster.job("status", "any")
    assert (asked.returncode, asked.stdout) == (0, "running\n")
    assert asked.stderr == (
        "kubectl get: The connection to the server was refused (taken to run on)\n"
    )


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"COVIDCXR_KUBERNETES_IMAGE": ""}, "COVIDCXR_KUBERNETES_IMAGE is not set; let it name "),
        ({"COVIDCXR_KUBERNETES_CLAIM": ""}, "COVIDCXR_KUBERNETES_CLAIM is not set; let it name "),
        ({"COVIDCXR_KUBERNETES_MOUNT": "/elsewhere"}, "The repository is "),
        ({"COVIDCXR_DATA": "/elsewhere"}, "COVIDCXR_DATA is /elsewhere, which no pod sees; "),
        ({"PATH": "/nowhere"}, "kubectl is not on the PATH; "),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    cluster: Cluster, variables: dict[str, str], said: str
) -> None:
    refused = cluster.job("submit", str(cluster.script()), **variables)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith(f"covidcxr: {said}")
    assert refused.stderr.count("\n") == 1
    assert not cluster.created()


def test_a_job_that_the_cluster_refuses_is_an_error(cluster: Cluster) -> None:
    (cluster.jobs / "down").touch()
    refused = cluster.job("submit", str(cluster.script()))
    assert refused.returncode == 1
    assert refused.stderr == "covidcxr: kubectl create: The connection to the server was refused\n"


def test_a_training_is_a_job_and_is_tried_again_where_it_fails(cluster: Cluster) -> None:
    assert importlib.util.find_spec("snakemake_executor_plugin_cluster_generic"), (
        "snakemake-executor-plugin-cluster-generic is not installed; make setup installs it"
    )
    (cluster.root / "Snakefile").write_text(WORKFLOW)
    run = cluster.run(
        *(sys.executable, "-m", "snakemake", "--snakefile", "Snakefile", "--local-cores", "1"),
        *("--workflow-profile", str(PROFILE), "--seconds-between-status-checks", "1"),
        KERAS_BACKEND="jax",
        UNNAMED="1",
    )
    logs = [path.read_text() for path in cluster.jobs.glob("*.log")]
    assert run.returncode == 0, "\n".join([run.stderr, *logs])
    variables = (cluster.root / "trained").read_text().splitlines()
    assert "KERAS_BACKEND=jax" in variables
    assert "UNNAMED=1" not in variables

    ended = {
        job["status"]["conditions"][0]["type"]: container["resources"]["limits"]
        for job in cluster.created()
        for container in job["spec"]["template"]["spec"]["containers"]
    }
    # The profile goes before the rule, and gives a second attempt more memory.
    assert ended == {
        "Failed": {"cpu": "4", "memory": "16000M"},
        "Complete": {"cpu": "4", "memory": "32000M"},
    }
    assert len(cluster.created()) == 2
