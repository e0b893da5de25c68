"""A stand-in for kubectl and its cluster: Jobs are files, and pods processes of this machine.

It knows the requests that the profile makes, and refuses any other. A pod has the variables that
its Job names and no others, as on another machine.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CLUSTER = Path(os.environ["KUBECTL_CLUSTER"])
OPTIONS = {
    "create": {"--filename=-", "--output=name"},
    "get": {"--ignore-not-found", "--output=json"},
    "delete": {"--ignore-not-found", "--wait=false"},
}


def write(job: dict[str, Any]) -> None:
    path = CLUSTER / f"{job['metadata']['name']}.json"
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(job))
    aside.replace(path)


def create() -> None:
    job = json.load(sys.stdin)
    job["metadata"]["name"] = job["metadata"]["generateName"] + secrets.token_hex(3)
    write(job)
    with (CLUSTER / f"{job['metadata']['name']}.log").open("w") as log:
        pod = subprocess.Popen(
            [sys.executable, __file__, "pod", job["metadata"]["name"]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (CLUSTER / f"{job['metadata']['name']}.pid").write_text(str(pod.pid))
    print(f"job.batch/{job['metadata']['name']}")


def run_pod(name: str) -> None:
    job = json.loads((CLUSTER / f"{name}.json").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    named = {each["name"]: each["value"] for each in container["env"]}
    # What a pod writes into its /tmp is gone with it.
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            container["command"],
            cwd=container["workingDir"],
            env={"PATH": os.defpath, **named, "HOME": home},
        )
    state = "Failed" if done.returncode else "Complete"
    write({**job, "status": {"conditions": [{"type": state, "status": "True"}]}})


def get(name: str) -> None:
    path = CLUSTER / f"{name}.json"
    print(path.read_text() if path.is_file() else "", end="")


def delete(name: str) -> None:
    path = CLUSTER / f"{name}.json"
    if path.is_file():
        path.unlink()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(path.with_suffix(".pid").read_text()), signal.SIGKILL)


def main(verb: str, *arguments: str) -> None:
    if verb == "pod":
        return run_pod(*arguments)
    asked = {a for a in arguments if a.startswith("-")}
    kind, *names = [a for a in arguments if not a.startswith("-")] or [""]
    with (CLUSTER / "requests").open("a") as requests:
        print(verb, *arguments, file=requests)
    if (CLUSTER / "down").exists():
        sys.exit("noise\nThe connection to the server was refused")
    if {a for a in asked if "timeout" not in a and "namespace" not in a} != OPTIONS[verb]:
        sys.exit(f"error: unexpected options: {asked}")
    if verb == "create":
        return create()
    assert kind == "job"
    for name in names:
        {"get": get, "delete": delete}[verb](name)
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
