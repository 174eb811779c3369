"""What stands in deploy/: as it is written, and as kustomize renders it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
EXAMPLE: Final = DEPLOY / "example"
COMPONENTS: Final = tuple(sorted(path.parent for path in DEPLOY.glob("components/*/kustomization.yaml")))

Document = dict[str, Any]


def written() -> list[Document]:
    """Return every object that stands in a file, without kustomize's own."""
    files = [*DEPLOY.glob("base/*.yaml"), *DEPLOY.glob("components/*/*.yaml")]
    objects = [path for path in sorted(files) if path.name != "kustomization.yaml"]
    return [document for path in objects for document in yaml.safe_load_all(path.read_text())]


def one(kind: str, name: str) -> Document:
    """Return the only object of this kind and name."""
    (found,) = [each for each in written() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pods() -> Iterator[tuple[str, Document]]:
    """Yield the specification of each pod, by its component."""
    for document in written():
        if "template" in document["spec"]:
            yield document["metadata"]["labels"]["app.kubernetes.io/component"], document["spec"]["template"]["spec"]


def pod(component: str) -> Document:
    """Return the specification of a component's pod."""
    return dict(pods())[component]


def annotations(component: str) -> dict[str, str]:
    """Return the annotations of a component's pod."""
    templates = [document["spec"].get("template", {}) for document in written()]
    (found,) = [each["metadata"].get("annotations", {}) for each in templates if each and _is(each, component)]
    return dict(found)


def _is(template: Document, component: str) -> bool:
    return bool(template["metadata"]["labels"]["app.kubernetes.io/component"] == component)


def container(component: str) -> Document:
    """Return the container of a component."""
    (found,) = pod(component)["containers"]
    return dict(found)


def environment(component: str) -> dict[str, str]:
    """Return the variables that a component's container has: those of all, and its own over them."""
    return shared() | {each["name"]: each["value"] for each in container(component).get("env", ())}


def shared() -> dict[str, str]:
    """Return the variables that all parts have."""
    return dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "base/settings.env").read_text(), re.MULTILINE))


def kustomize() -> list[str] | None:
    """Return the command that renders, None where there is none."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


def rendered(folder: Path) -> list[Document]:
    """Return what kustomize makes of a folder."""
    done = subprocess.run([*(kustomize() or ()), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def everything(folder: Path) -> Path:
    """Write into a folder the example with every component, and what it says only in comments; return the folder."""
    example = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text().replace("# - ", "- "))
    resources = {"resources": [DEPLOY / "base"], "components": COMPONENTS}
    there = {name: [os.path.relpath(path, folder.resolve()) for path in paths] for name, paths in resources.items()}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(example | there))
    return folder


def containers(documents: list[Document]) -> Iterator[Document]:
    """Yield every container of what was rendered."""
    for document in documents:
        if "template" in document.get("spec", ()):
            yield from document["spec"]["template"]["spec"]["containers"]
