"""What can go wrong on the platform, each with the exit code that the lifecycle uses for it.

https://github.com/buildpacks/lifecycle/blob/v0.21.17/platform/exit.go
"""


class PlatformError(Exception):
    """A phase stopped. `exit_code` is the lifecycle's code for the phase; the text says what happened."""

    exit_code = 1


class UnusableArgument(PlatformError):
    """An argument names something that is not there or does not fit."""

    exit_code = 2


class UnsupportedPlatformApi(PlatformError):
    """The Platform API asked for is not one that this platform plays."""

    exit_code = 11


class UnsupportedBuildpackApi(PlatformError):
    """A buildpack declares an API that this platform does not know; the match is exact below 1.0."""

    exit_code = 12


class DetectionFailed(PlatformError):
    """No group passed: every one had a required buildpack that exited 100, or no plan that resolves."""

    exit_code = 20


class DetectionErrored(PlatformError):
    """No group passed, and at least one buildpack exited neither 0 nor 100."""

    exit_code = 21


class AnalysisFailed(PlatformError):
    """The previous image or the run image cannot be read."""

    exit_code = 32


class RestoreFailed(PlatformError):
    """A cached layer has contents that cannot be put back."""

    exit_code = 42


class BuildpackFailed(PlatformError):
    """A buildpack's bin/build exited with something other than 0."""

    exit_code = 51


class ExportFailed(PlatformError):
    """The image could not be made; the previous one is untouched."""

    exit_code = 62


class LaunchFailed(PlatformError):
    """A process of the image could not be started."""

    exit_code = 82


class ContractBroken(PlatformError):
    """A buildpack broke the buildpack specification; `section` is the heading of the clause."""

    exit_code = 52

    def __init__(self, *, buildpack: str, section: str, problem: str) -> None:
        """Name the buildpack (id@version), the section of the specification and what is wrong."""
        super().__init__(f"contract broken: buildpack spec, {section}: {problem} (buildpack {buildpack})")
        self.buildpack = buildpack
        self.section = section
        self.problem = problem
