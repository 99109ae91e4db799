"""What to start, when the project does not say: inferred from the lock and the syntax tree of the sources."""

from uv_buildpack.processes.inference.decide import infer
from uv_buildpack.processes.inference.facts import AppFacts, Inference, InferredProcess

__all__ = ["AppFacts", "Inference", "InferredProcess", "infer"]
