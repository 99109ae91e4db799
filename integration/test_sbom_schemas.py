"""Bills of materials of a real environment are valid by the official schemas, and canonical."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from cnb.layer import SBOMFormat
from trial.pins import PINS, pin
from uv_buildpack import sbom
from uv_buildpack.installed.distributions import read
from uv_buildpack.project.lockfile import read_lock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROJECT = """
[project]
name = "shop"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["fastapi", "uvicorn[standard]", "flask", "docopt", "requests[socks]"]
"""

# Run apart from this process, so that the validators are not among what the project depends on.
VALIDATE = """
import json
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

cyclonedx, spdx = sys.argv[1:]
text = open(cyclonedx).read()
print(JsonStrictValidator(SchemaVersion.V1_5).validate_str(text))
for component in json.loads(text)["components"]:
    assert PackageURL.from_string(component["purl"]).to_string() == component["purl"], component["purl"]
print([message.validation_message for message in validate_full_spdx_document(parse_file(spdx))])
"""


def uv(directory: Path, *arguments: str) -> str:
    command = [find_uv_bin(), *arguments]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def validated(directory: Path, documents: Mapping[SBOMFormat, bytes]) -> list[str]:
    for kind, content in documents.items():
        (directory / f"bill.{kind.value}").write_bytes(content)
    tools = ["cyclonedx-python-lib[json-validation]==11.*", "spdx-tools==0.8.*", "packageurl-python"]
    uv(directory, "venv", "--quiet", "--clear", "--python", sys.executable, "validators")
    validators = str(directory / "validators" / "bin" / "python")
    uv(directory, "pip", "install", "--quiet", "--python", validators, "--constraint", str(PINS), *tools)
    files = [f"bill.{kind.value}" for kind in (SBOMFormat.CYCLONEDX, SBOMFormat.SPDX)]
    return uv(directory, "run", "--no-project", "--python", validators, "python", "-c", VALIDATE, *files).splitlines()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("shop")
    (directory / "pyproject.toml").write_text(PROJECT)
    pin(directory)
    uv(directory, "lock", "--python", sys.executable)
    uv(directory, "sync", "--frozen", "--python", sys.executable)
    return directory


def test_the_bill_of_a_real_environment_is_valid_and_complete(project: Path) -> None:
    (site_packages,) = project.glob(".venv/lib/python*/site-packages")
    documents = sbom.of_packages(read(site_packages), read_lock(project / "uv.lock", "uv.lock"))
    assert validated(project, documents) == ["None", "[]"]
    count = len(list(site_packages.glob("*.dist-info")))
    assert documents[SBOMFormat.CYCLONEDX].count(b'"type": "library"') == count
    assert documents[SBOMFormat.CYCLONEDX].count(b'"alg": "SHA-256"') == count


def test_the_bill_of_the_interpreter_is_valid(tmp_path: Path) -> None:
    address = "https://mirror.example/20250604/cpython-3.13.4%2B20250604-x86_64-install_only_stripped.tar.gz"
    assert validated(tmp_path, sbom.of_python("3.13.4", url=address, sha256="ab" * 32)) == ["None", "[]"]
