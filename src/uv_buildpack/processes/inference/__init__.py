"""What to start, when the project does not say: inferred from the lock and the syntax tree of the sources."""

from uv_buildpack.processes.inference.decide import AppFacts, Inference, InferredProcess, infer

__all__ = ["AppFacts", "Inference", "InferredProcess", "infer"]
