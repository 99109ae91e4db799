"""One build: its directories, its machine, its target, and the environment that all its phases share."""

from collections.abc import Mapping
from dataclasses import dataclass

from cnb import toml
from cnb_platform import environment
from cnb_platform.buildpack import Buildpack, Target
from cnb_platform.console import Log
from cnb_platform.environment import Place
from cnb_platform.machine import Machine

EXEC_ENV_API = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Everything the phases of one build have in common."""

    machine: Machine
    log: Log
    layers: Place
    app: Place
    platform: Place
    plans: Place
    buildpacks: Mapping[str, Place]
    target: Target
    platform_api: str
    umask: int = 0o022
    exec_env: str = "production"
    build_config: Place | None = None

    @property
    def platform_minor(self) -> int:
        """The second number of the Platform API; the first is always 0."""
        return int(self.platform_api.partition(".")[2])

    def buildpack_place(self, buildpack: Buildpack) -> Place:
        """Return where the phases see a buildpack."""
        return self.buildpacks[buildpack.key]

    def layers_of(self, buildpack: Buildpack) -> Place:
        """`CNB_LAYERS_DIR` of a buildpack."""
        return self.layers.below(buildpack.directory_name)

    def plan_file(self, name: str, content: str) -> Place:
        """Return a file of mode 0600 in a temporary directory that the build user may read and write."""
        place = self.plans.below(name)
        place.host.write_text(content, encoding="utf-8")
        place.host.chmod(0o600)
        self.machine.give(place.host)
        return place


def phase_environment(
    session: Session, buildpack: Buildpack, inherited: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of bin/detect and bin/build: buildpack specification, "Provided by the Lifecycle".

    The machine's allow-listed variables, or `inherited` with the layers of earlier buildpacks; then the user's and the
    operator's; then what the lifecycle provides.
    """
    variables = dict(session.machine.variables if inherited is None else inherited)
    if not buildpack.clear_env:
        environment.apply_platform(variables, session.platform.host / "env")
    if session.build_config is not None:
        environment.apply_directory(variables, session.build_config.host / "env", unmarked="default")
    variables["CNB_BUILDPACK_DIR"] = session.buildpack_place(buildpack).inside
    variables["CNB_PLATFORM_DIR"] = session.platform.inside
    variables |= _target_variables(session.target)
    if buildpack.api_at_least(EXEC_ENV_API):
        variables["CNB_EXEC_ENV"] = session.exec_env
    return variables


def _target_variables(target: Target) -> dict[str, str]:
    name, version = target.distros[0] if target.distros else ("", "")
    optional = {
        "CNB_TARGET_ARCH_VARIANT": target.variant,
        "CNB_TARGET_DISTRO_NAME": name,
        "CNB_TARGET_DISTRO_VERSION": version,
    }
    always = {"CNB_TARGET_OS": target.os, "CNB_TARGET_ARCH": target.arch}
    return always | {key: value for key, value in optional.items() if value}


def write_toml(place: Place, document: Mapping[str, object]) -> None:
    """Write a TOML file with the plain mode of the lifecycle."""
    place.host.write_text(toml.dumps(document), encoding="utf-8")
    place.host.chmod(0o644)
